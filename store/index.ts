/**
 * The record in PostgreSQL: what was admitted, done and decided. Temporal's history is the state
 * machine; this outlives it.
 */
export { backupState, type BackupState } from './backup.js';
export { closeRun, type LeftRunning, type RunClosure } from './close-run.js';
export { recordDecisions, type JudgedDecision } from './decisions.js';
export { lastDrills, type DrillRecord } from './drills.js';
export { ExecutionReplaced, noteExecution, type Execution } from './executions.js';
export { NotInRecord } from './find-run.js';
export { history } from './history.js';
export { databaseIdentity, mayWriteClaims } from './identity.js';
export {
  acquireLeases,
  leaseHistory,
  listLeases,
  readHolders,
  RunClosed,
  type LeaseClaim,
  type LeaseLoss,
  type LeaseTerm,
  type LeaseView,
  type TakeOver,
} from './leases.js';
export { checkSchema, migrate, MigrationMismatch } from './migrate.js';
export {
  appendOutput,
  finishOutput,
  outputCapBytes,
  readOutput,
  type OutputChunk,
  type RecordedChunk,
} from './output.js';
export { openPool, type PoolOptions } from './pool.js';
export {
  admitRun,
  changedInputs,
  getPlan,
  getRun,
  latestRun,
  listRuns,
  planOf,
  recordRefusal,
  refusedStarts,
  saveRun,
  type RunFilter,
  type SaveAnswer,
  type SaveNumber,
} from './runs.js';
export { schemaRange, type SchemaStatus } from './schema-range.js';
export {
  adoptAttempt,
  beginAttempt,
  endAttempt,
  getAttempts,
  isRunning,
  keepEvidence,
  keepEvidenceIn,
  LeaseLostError,
  NotConfirmedError,
  type Doubt,
  type RecordedFacts,
  type WantedFacts,
  type AttemptBegun,
  type AttemptEnd,
  type AttemptStart,
} from './steps.js';
export {
  endedAmong,
  hasRunEnded,
  leftCommands,
  recordComparison,
  noteReplaced,
  openByNamespace,
  openRuns,
  replacedBy,
  sinceComparison,
  recordLeftCommand,
  type LeftCommand,
  type WatchedRun,
} from './watch.js';
export { storable } from './clean.js';
export {
  forgetWorker,
  noteWorker,
  recentWorkers,
  type JournalRoom,
  type WorkerNote,
  type WorkerReport,
} from './workers.js';
