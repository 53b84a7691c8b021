import type { JsonObject } from './json.js';
import type { Pipeline } from './pipeline.js';
import type { Priority, RunbookSpec, RunbookType, StepSpec } from './runbook.js';

/** A target in a plan: enough for people to see what is acted on, nothing secret. */
export interface PlannedTarget {
  name: string;
  kind: string;
  environment: string;
  isolated: boolean;
  /** Addresses without credentials, such as `http http://127.0.0.1:8000`. */
  addresses: string[];
  /** Names of its further addresses, which are the last of `addresses`. */
  named?: string[];
  /** Plain facts that runbooks read, such as a dataset's name. */
  facts: JsonObject;
  /** What its data is, and how it is run: what it declares of a pipeline. */
  pipeline?: Pipeline;
  /** Steps only read it. */
  observed?: true;
  /** Digest of the target's declaration: a changed address is a changed plan. */
  digest: string;
}

/** What a target is, without the digest of its declaration. */
export type DescribedTarget = Omit<PlannedTarget, 'digest'>;

/** A program as an action names it. */
export interface ProgramName {
  /** A path, or a name that is looked up in `path`. */
  name: string;
  /** The folder that a relative path starts from. */
  cwd?: string;
  /** PATH, where the action gives one of its own. */
  path?: string;
  /** An interpreter reads it: it is not looked up in PATH, and need not be executable. */
  script?: true;
}

/** A program as a worker found it. */
export interface Program extends ProgramName {
  /** Null: it does not exist. */
  file: string | null;
  /** `sha256:…` of its content; null: it cannot be read. Absent: the content is not covered. */
  digest?: string | null;
  /** It is in one of the system's folders, so its content may change with the system. */
  system?: true;
}

/** A program as an attempt found it. */
export interface FoundProgram extends Program {
  /**
   * Absent: it ran, and whatever is called so has to be the same from then on. `refused`: it was
   * not started, because it had to be another. `may change`: the step declares that it may.
   */
  uncovered?: 'refused' | 'may change';
}

/** A file beside a runbook, as admission found it; its bytes are in the record. */
export interface PlannedFile {
  /** Id of the runbook that it lies beside. */
  runbook: string;
  /** As the runbook names it, such as `files/logrotate.conf`. */
  name: string;
  /** `sha256:…` of its bytes. */
  digest: string;
  bytes: number;
  /** It may be run. */
  executable?: true;
}

/** A runbook with its inputs resolved, frozen at the start. */
export interface Plan {
  version: 1;
  runbook: { id: string; version: string; title: string; type: RunbookType; priority: Priority };
  inputs: JsonObject;
  targets: PlannedTarget[];
  steps: readonly StepSpec[];
  /** True when the steps are data, which the interpreter runs. */
  data?: true | undefined;
  /** References to the run's outputs; only for a runbook that is data. */
  outputs?: JsonObject | undefined;
  /** The objectives of a recovery. */
  objectives?: RunbookSpec['objectives'] | undefined;
  /** A drill: changes isolated targets only, and undoes its changes. */
  drill?: true;
  /**
   * The programs that the steps run, as admission found them: by path in the system's folders, by
   * content elsewhere. Absent: none, or none that is known beforehand.
   */
  programs?: readonly Program[] | undefined;
  /** The files that the steps use. Absent: none. */
  files?: readonly PlannedFile[] | undefined;
  /** Digest of the procedure's code (the workflow bundle that the worker runs). */
  procedure: string;
  /** `sha256:…` over everything above. */
  digest: string;
}
