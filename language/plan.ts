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
  /** Digest of the procedure's code (the workflow bundle that the worker runs). */
  procedure: string;
  /** `sha256:…` over everything above. */
  digest: string;
}
