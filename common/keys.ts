/**
 * The key of a run in the record: the workflow id alone may be used again, Temporal's first run id
 * survives reset and continue-as-new.
 */
export interface RunKey {
  /** Workflow id. */
  run: string;
  firstRunId: string;
}
