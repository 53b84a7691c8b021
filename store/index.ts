/**
 * The record in PostgreSQL: what was admitted, done and decided. Temporal's history is the state
 * machine; this outlives it.
 */
export { takeCalls, type TakenCall } from './acks.js';
export { backupState, type BackupState } from './backup.js';
export { callFacts, type CallFacts } from './calls.js';
export { addEndMessages, untoldEnds } from './ends.js';
export { closeRun, type LeftRunning, type RunClosure } from './close-run.js';
export { recordDecisions, type JudgedDecision } from './decisions.js';
export { lastDrills, type DrillRecord } from './drills.js';
export { ExecutionReplaced, noteExecution, type Execution } from './executions.js';
export { readFiles } from './files.js';
export { NotInRecord } from './find-run.js';
export { explainReset, reopenedRuns, unexplainedResets } from './former-ends.js';
export { history, recordedOnly } from './history.js';
export { databaseIdentity, mayWriteClaims } from './identity.js';
export type { LeaseLoss } from './lease-rows.js';
export { acquireLeases, readHolders, RunClosed, type TakeOver } from './leases.js';
export { losersBy, lostTargets, retakeTargets, type LostTargets } from './losses.js';
export { leaseHistory, listLeases, type LeaseTerm, type LeaseView } from './lease-terms.js';
export type { LeaseClaim } from './lease-queue.js';
export {
  addFirstMessages,
  addFollowingMessages,
  claimMessages,
  messageDropped,
  messageFailed,
  messageSent,
  untoldCalls,
  type DueMessage,
  type RunsOf,
  type UntoldCall,
} from './messages.js';
export { checkSchema, migrate, MigrationMismatch } from './migrate.js';
export {
  appendOutput,
  finishOutput,
  outputCapBytes,
  readOutput,
  type OutputChunk,
  type RecordedChunk,
} from './output.js';
export { notePauses, type LookedAt } from './pauses.js';
export { openPool, type PoolOptions } from './pool.js';
export { admitRun, recordRefusal, refusedStarts, type RefusedStart } from './admit-run.js';
export { changedInputs, getPlan, getRun, madeFrom, planOf } from './runs.js';
export { latestRun, listRuns, namesInRecord, type RunFilter } from './list-runs.js';
export { saveRun, type SaveAnswer, type SaveNumber } from './save-run.js';
export { type RecordedFacts, type WantedFacts } from './facts.js';
export { schemaRange, type SchemaStatus } from './schema-range.js';
export { adoptAttempt } from './take-over.js';
export { beginAttempt } from './begin-attempt.js';
export {
  endAttempt,
  getAttempts,
  isRunning,
  keepEvidence,
  keepEvidenceIn,
  type AttemptEnd,
} from './attempts.js';
export {
  LeaseLostError,
  NotConfirmedError,
  type Doubt,
  type AttemptBegun,
  type AttemptStart,
} from './attempt-start.js';
export {
  endedAmong,
  hasRunEnded,
  leftCommands,
  recordComparison,
  noteReplaced,
  openByNamespace,
  openRuns,
  replacedBy,
  comparisons,
  hasRunsOf,
  sinceComparison,
  recordLeftCommand,
  type LeftCommand,
  type WatchedRun,
} from './comparison.js';
export { storable } from './clean.js';
export { failingChannels, toldOf, untoldRuns, type FailingChannel, type ToldCall } from './told.js';
export { askedDigests } from './waits.js';
export {
  forgetWorker,
  noteWorker,
  recentWorkers,
  type JournalRoom,
  type WorkerNote,
  type WorkerReport,
} from './workers.js';
