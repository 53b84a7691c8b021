/**
 * The closed list of failure types that cross Temporal. Each says who throws it and whether a retry can help.
 * `permanent` failures are thrown non-retryable; `transient` ones follow the step's retry; `waiting` ones are the
 * platform's own trouble and do not use up the step's attempts.
 */
export const failureTypes = {
  /** admission: the start or its inputs were refused. */
  Refused: 'permanent',
  /** http: 4xx other than 401, 403, 408, 425, 429. */
  HttpRejected: 'permanent',
  /** http: 401 or 403. */
  HttpDenied: 'permanent',
  /** http: 425, 429, or 503 with Retry-After; 408 or another 5xx to a request that may be sent again. */
  HttpUnavailable: 'transient',
  /** http, sql: no encrypted connection was agreed on, or the other side's certificate is not accepted. Nothing was sent. */
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
  /** command: the program, its interpreter or its working directory does not exist or may not be used. */
  CommandMissing: 'permanent',
  /** command: the program is not what was approved, or what the run ran before. Nothing was started. */
  ProgramChanged: 'permanent',
  /** command: its arguments can be given to no program: too long, a NUL, or a value where a program would read code. */
  CommandInvalid: 'permanent',
  /** command: the worker cannot start a program now: it is being written, or disk, memory or processes are used up. */
  CommandNotStarted: 'transient',
  /** any kind: the attempt's time limit passed; what it started has been ended. */
  StepTimeout: 'transient',
  /** check: `failWhen` held. */
  CheckFailed: 'permanent',
  /** any kind: the output did not meet `verify`. */
  VerifyFailed: 'permanent',
  /** command, http: it was done, and what was answered cannot be read, lacks what is needed, or is too large. */
  AnswerUnusable: 'permanent',
  /** analysis: too few requests to say how a release does, or an answer that lies between good and bad. A person decides. */
  Inconclusive: 'permanent',
  /** rollout: somebody else has changed what the run is changing. A person decides. */
  Disturbed: 'permanent',
  /** any kind: a secret or target that is not there, or a secret outside its targets. */
  Configuration: 'permanent',
  /** any kind: an earlier attempt's worker died too often. */
  WorkerLost: 'permanent',
  /** any kind: the step may have acted, and it cannot be known whether it did, or how that ended. A person decides. */
  OutcomeUnknown: 'permanent',
  /** any kind: another run has taken over a target that this run was to change. */
  LeaseLost: 'permanent',
  /** admission: another run holds a target; the run waits until it has ended. */
  TargetHeld: 'waiting',
  /** any kind: an attempt broke off, and the step's `check` proved that it had no effect. */
  NotDone: 'transient',
  /** command: it was started on another host, whose own workers have to say what became of it. */
  OnAnotherHost: 'permanent',
  /** any kind: something that is not the run it names asked for the step; see who may reach the Temporal server. */
  OutOfPlace: 'permanent',
  /** any kind: what the step builds on is not what the record has; somebody may have answered for a worker. */
  NotConfirmed: 'permanent',
  /** any kind: what the step builds on still runs, although the run was told that it has ended. */
  StillRuns: 'permanent',
  /** any kind: what was asked for is not what the run's plan in the record says. */
  NotAsPlanned: 'permanent',
  /** any kind: the Temporal server did not say which run asks for the step. */
  TemporalUnavailable: 'waiting',
  /** any kind: PostgreSQL, which keeps the record, is away. */
  RecordUnavailable: 'waiting',
  /** procedure: the runbook found that it cannot go on. */
  ProcedureStopped: 'permanent',
  /** any kind: a fault of the program, or a failure of a type that this release does not know. */
  Error: 'permanent',
  /** gate: an approver rejected what was asked. */
  Rejected: 'permanent',
  /** gate: nobody decided before its deadline. */
  Expired: 'permanent',
  /** manual: what people are to do, or did not do. */
  Manual: 'permanent',
  /** run: somebody cancelled it, or a step that was under way then. */
  Cancelled: 'permanent',
  /** run: somebody had it taken back. */
  RolledBack: 'permanent',
  /** run: somebody ended it, with everything left as it is. */
  Aborted: 'permanent',
  /** record: it was ended in Temporal, behind its back. */
  Terminated: 'permanent',
  /** record: its workflow failed in a way that it could not tell itself. */
  RunFailed: 'permanent',
  /** status, doctor: the code of its runbook fails. */
  WorkflowFails: 'waiting',
  /** status, doctor: no worker has the code of its runbook. */
  CodeGone: 'waiting',
  /** status, doctor: no worker takes its next task. */
  NoWorker: 'waiting',
  /** status, doctor: the record refuses what the run tells it. */
  RecordFails: 'waiting',
} as const satisfies Record<string, 'permanent' | 'transient' | 'waiting'>;

export type FailureType = keyof typeof failureTypes;

/** The type, where it is one of the list; else `Error`. What crosses Temporal may be of another release, or of nobody. */
export function failureType(type: unknown): FailureType {
  return typeof type === 'string' && Object.hasOwn(failureTypes, type)
    ? (type as FailureType)
    : 'Error';
}
