/** One thing that was checked, as `runbook doctor` prints it. */
export type Check = {
  name: string;
  state: 'ok' | 'warning' | 'failed' | 'skipped';
  /** What was found. */
  found: string;
  /** What to do; null when there is nothing to do. */
  fix: string | null;
};
