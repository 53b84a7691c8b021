import type { JsonObject } from './json.js';
import type { Priority, RunbookSpec, RunbookType, StepSpec } from './runbook.js';

/** What a plan keeps of a target: enough for people to see what is acted on, nothing secret. */
export interface PlannedTarget {
  name: string;
  kind: string;
  environment: string;
  isolated: boolean;
  /** Addresses without credentials, such as `http http://127.0.0.1:8000`. */
  addresses: string[];
  /** Plain facts that runbooks read, such as a dataset's name. */
  facts: JsonObject;
  /** Steps name it and only look at it. */
  observed?: true;
  /** Digest of the target's declaration: a changed address is a changed plan. */
  digest: string;
}

/** A program as an action names it. */
export interface ProgramName {
  /** A path, or a word that is looked for in `path`. */
  name: string;
  /** Where a path begins that is not absolute. */
  cwd?: string;
  /** PATH, where the action gives one of its own. */
  path?: string;
  /** An interpreter reads it: it is not looked for, and need not be executable. */
  script?: true;
}

/** A program as a worker found it. */
export interface Program extends ProgramName {
  /** Null: there is none. */
  file: string | null;
  /** `sha256:…` of its content; null: it cannot be read. Absent: the content is not covered. */
  digest?: string | null;
  /** It lies in one of the system's folders, so what it holds is the system's business. */
  system?: true;
}

/** A runbook with its inputs resolved, frozen at the start. */
export interface Plan {
  version: 1;
  runbook: { id: string; version: string; title: string; type: RunbookType; priority: Priority };
  inputs: JsonObject;
  targets: PlannedTarget[];
  steps: readonly StepSpec[];
  /** True when the steps are data, which the interpreter does. */
  data?: true | undefined;
  /** References to what the run hands over at its end; only for a runbook that is data. */
  outputs?: JsonObject | undefined;
  /** What a recovery has to reach. */
  objectives?: RunbookSpec['objectives'] | undefined;
  /** A drill: changes isolated targets only, and takes back what it made. */
  drill?: true;
  /**
   * What the steps run, as admission found it: outside of the system's folders by content, elsewhere
   * by path. Absent: nothing, or nothing that is known before the steps say it.
   */
  programs?: readonly Program[] | undefined;
  /** Digest of the procedure's code (the workflow bundle that the worker runs). */
  procedure: string;
  /** `sha256:…` over everything above. */
  digest: string;
}
