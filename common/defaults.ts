/** What holds where nothing else is said; plain, so that `runbook --help` loads no SDK. */
export const defaultTaskQueue = 'runbooks';
export const defaultNamespace = 'default';
export const defaultAddress = '127.0.0.1:7233';

/** Workflow type of the short run that admits a start or a plan where no runbook runs yet. */
export const launchWorkflow = 'launch';

/**
 * How long a worker may take for one workflow task: one that dies with a task in its hands holds
 * the run up until then. The server's own default is 10 s. Replaying the longest history of a run,
 * 1,000 events, takes 0.3 s of processor.
 */
export const workflowTaskTimeout = '4s';

/**
 * How long a workflow task waits for the worker that had the run, in milliseconds: a decision sent
 * right after that worker's death waits so long, and so does a run whose step it had. Temporal's
 * default is 10 s. Taken away from a live worker that is late, a task costs one replay: 200 runs at
 * once got as much done with 1 s as with 2.
 */
export const stickyTimeoutMs = 1_000;

export const messageNames = {
  /** Signal: one decision envelope. */
  decide: 'decide',
  /** Signal, without payload: continue as new at the next border. */
  border: 'border',
  /** Signal, without payload: the run was moved to other code. */
  moved: 'moved',
  /** Query: the run as `status` shows it. */
  status: 'status',
  /** Query (decision id): the answer to one decision, or null while it is judged. */
  verdict: 'verdict',
} as const;
