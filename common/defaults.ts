/** Defaults, in a file without imports, so that `runbook --help` loads no SDK. */
export const defaultTaskQueue = 'runbooks';
export const defaultNamespace = 'default';
export const defaultAddress = '127.0.0.1:7233';

/** Workflow type of the short run that admits a start or a plan where no runbook runs yet. */
export const launchWorkflow = 'launch';

/**
 * Time-out of one workflow task: a worker that dies during a task blocks the run for this long. The
 * server's own default is 10 s. Replaying the longest history of a run, 1,000 events, takes 0.3 s
 * of CPU.
 */
export const workflowTaskTimeout = '4s';

/**
 * Silence after which the worker of one of the engine's own activities counts as dead: it holds up
 * the run no longer than one that dies during a workflow task.
 */
export const engineHeartbeat = '4s';

/**
 * How long a workflow task waits for the worker that has the run cached, in milliseconds: after
 * that worker's death, decisions and results of steps wait this long. Temporal's default is 10 s.
 * When a live worker is late instead, the cost is one replay: 200 concurrent runs were as fast with
 * 1 s as with 2.
 */
export const stickyTimeoutMs = 1_000;

export const messageNames = {
  /** Signal: one decision envelope. */
  decide: 'decide',
  /** Signal, without payload: continue as new at the next border. */
  border: 'border',
  /** Signal, without payload: the run was moved to other code. */
  moved: 'moved',
  /** Signal, without payload: another run may have taken a target over from this one. */
  lost: 'lost',
  /** Query: the run as `status` shows it. */
  status: 'status',
  /** Query (decision id): the verdict on one decision, or null while it is judged. */
  verdict: 'verdict',
} as const;
