/**
 * The key of a run in the record: a workflow id can be reused, so the key adds Temporal's first run
 * id, which survives reset and continue-as-new.
 */
export interface RunKey {
  /** Workflow id. */
  run: string;
  firstRunId: string;
}
