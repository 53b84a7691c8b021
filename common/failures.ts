/**
 * The closed list of failure types that cross Temporal. Each says who throws it and whether a retry
 * can help. `permanent` failures are thrown non-retryable; `transient` ones follow the step's
 * retry; `waiting` ones are the platform's own trouble and do not use up the step's attempts.
 */
export const failureTypes = {
  /** admission: the start or its inputs were refused. */
  Refused: 'permanent',
  /** http: 4xx other than 401, 403, 408, 425, 429. */
  HttpRejected: 'permanent',
  /** http: 401 or 403. */
  HttpDenied: 'permanent',
  /**
   * http: 425, 429, or 503 with Retry-After; 408 or another 5xx to a request that may be sent
   * again.
   */
  HttpUnavailable: 'transient',
  /** http, sql: the TLS handshake failed, or the certificate is not accepted. Nothing was sent. */
  TlsRefused: 'permanent',
  /** http, sql: nobody listens, name not found, connection lost. */
  Unreachable: 'transient',
  /** http: a request that may have arrived was not answered. */
  NoAnswer: 'transient',
  /** sql: wrong password or missing right. */
  SqlDenied: 'permanent',
  /** sql: the statement is wrong or breaks a constraint. */
  SqlRejected: 'permanent',
  /** sql: deadlock, serialization failure, lock or statement time-out, server shutting down. */
  SqlTransient: 'transient',
  /** command: the program ended with a code that does not count as success. */
  CommandFailed: 'transient',
  /**
   * command: the program, its interpreter or its working directory does not exist or may not be
   * used.
   */
  CommandMissing: 'permanent',
  /**
   * command: the program differs from the approved one, or from the one that the run ran before.
   * Nothing was started.
   */
  ProgramChanged: 'permanent',
  /**
   * command: its arguments cannot be passed to a program: too long, a NUL, or a value where a
   * program would read code.
   */
  CommandInvalid: 'permanent',
  /**
   * command: the worker cannot start the program now: its file is being written, or disk, memory or
   * processes are used up.
   */
  CommandNotStarted: 'transient',
  /** any kind: the attempt's time limit passed; what it started has been ended. */
  StepTimeout: 'transient',
  /** check: `failWhen` held. */
  CheckFailed: 'permanent',
  /** fail: the runbook says that it cannot go on. */
  RunbookFailed: 'permanent',
  /** any kind: the output did not meet `verify`. */
  VerifyFailed: 'permanent',
  /**
   * command, http, sql: the action was done, but its answer cannot be read, is incomplete, or is
   * too large; sql rolls back.
   */
  AnswerUnusable: 'permanent',
  /**
   * analysis: too few requests to judge a release, or a result between good and bad; check:
   * `inconclusiveWhen` held. A person decides.
   */
  Inconclusive: 'permanent',
  /** rollout: somebody else has changed what the run is changing. A person decides. */
  Disturbed: 'permanent',
  /** any kind: a secret or target is not configured, or a secret is used outside its targets. */
  Configuration: 'permanent',
  /** any kind: an earlier attempt's worker died too often. */
  WorkerLost: 'permanent',
  /**
   * any kind: the step may have had its effect, and its outcome cannot be known. A person decides.
   */
  OutcomeUnknown: 'permanent',
  /** any kind: another run has taken over a target that this run was to change. */
  LeaseLost: 'permanent',
  /** admission: another run holds a target; the run waits until it has ended. */
  TargetHeld: 'waiting',
  /** any kind: an attempt broke off, and the step's `check` proved that it had no effect. */
  NotDone: 'transient',
  /** command: it was started on another host, whose workers have to report its outcome. */
  OnAnotherHost: 'permanent',
  /**
   * any kind: the request for the step does not come from the run it names; see who may reach the
   * Temporal server.
   */
  OutOfPlace: 'permanent',
  /**
   * any kind: the record does not confirm the answers that the step builds on; somebody may have
   * answered for a worker.
   */
  NotConfirmed: 'permanent',
  /** any kind: an earlier step still runs, although the run was told that it has ended. */
  StillRuns: 'permanent',
  /** any kind: the requested step differs from the run's plan in the record. */
  NotAsPlanned: 'permanent',
  /** any kind: inputs were changed since the gate was approved, or the gate was opened again. */
  ApprovalOutdated: 'permanent',
  /** any kind: the Temporal server did not say which run asks for the step. */
  TemporalUnavailable: 'waiting',
  /** any kind: PostgreSQL, which keeps the record, is unavailable. */
  RecordUnavailable: 'waiting',
  /** procedure: the runbook found that it cannot go on. */
  ProcedureStopped: 'permanent',
  /** any kind: a fault of the program, or a failure of a type that this release does not know. */
  Error: 'permanent',
  /** gate: an approver rejected it. */
  Rejected: 'permanent',
  /** gate: nobody decided before its deadline. */
  Expired: 'permanent',
  /** manual: people have to do the step, or did not do it. */
  Manual: 'permanent',
  /** run: somebody cancelled it, and with it the steps that were running. */
  Cancelled: 'permanent',
  /** run: somebody rolled it back. */
  RolledBack: 'permanent',
  /** run: somebody ended it and left all changes as they are. */
  Aborted: 'permanent',
  /** record: the run was terminated in Temporal and could not report it. */
  Terminated: 'permanent',
  /** record: the run's workflow failed and could not report it. */
  RunFailed: 'permanent',
  /** status, doctor: the code of its runbook fails. */
  WorkflowFails: 'waiting',
  /** status, doctor: no worker has the code of its runbook. */
  CodeGone: 'waiting',
  /** status, doctor: no worker takes its next task. */
  NoWorker: 'waiting',
  /** status, doctor: the record refuses to save the run's state. */
  RecordFails: 'waiting',
} as const satisfies Record<string, 'permanent' | 'transient' | 'waiting'>;

export type FailureType = keyof typeof failureTypes;

const refusedStarts: ReadonlySet<string> = new Set<FailureType>([
  ...(['LeaseLost', 'OutOfPlace', 'NotConfirmed', 'StillRuns', 'NotAsPlanned'] as const),
]);

/** Whether a failure of this type means that the record, or the plan in it, let nothing begin. */
export function isRefusedStart(type: string): boolean {
  return refusedStarts.has(type);
}

/**
 * The type if it is in the list, else `Error`: a failure may come from another release, or be
 * forged.
 */
export function failureType(type: unknown): FailureType {
  return typeof type === 'string' && Object.hasOwn(failureTypes, type)
    ? (type as FailureType)
    : 'Error';
}
