/** A run that holds a target, as a query tells it. */
export interface HolderRow {
  target: string;
  fence: number;
  root_run: string;
  root_first_run_id: string;
  since: Date;
  run: string;
  runbook: string;
  requester: string;
  in_line: boolean;
}

/** How a run lost a target that it had. */
export interface LeaseLoss {
  target: string;
  /** True when the run itself has ended in the record, which released its leases. */
  closed: boolean;
  /** The next holder; null when there was none, or when that run is no longer in the record. */
  by: {
    run: string;
    requester: string;
    at: string;
    takenBy: string | null;
    reason: string | null;
    ended: boolean;
  } | null;
}
