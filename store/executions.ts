import type pg from 'pg';
import type { RunKey } from '../common/keys.js';
import { endIsOver } from './ends.js';
import { inTransaction } from './transaction.js';

/**
 * One of the executions that a run has in Temporal; a reset and a continue-as-new begin another one
 * under the same key.
 */
export interface Execution {
  /** Temporal's run id. */
  runId: string;
  /** When Temporal scheduled the report about it, as an ISO time of the server's clock. */
  at: string;
}

/**
 * `current`: from the execution that the record knows, or the next one. `revived`: the run had
 * ended in the record, but continues. `replaced`: from an execution that a later one has replaced;
 * it may change nothing any more.
 */
export type Arrival = 'current' | 'revived' | 'replaced';

/** An execution that a reset has replaced tried to continue. */
export class ExecutionReplaced extends Error {
  constructor(run: string) {
    super(
      `Run ${run} continues in a later execution: this ` +
        'one was reset or has ended. Nothing was done.',
    );
    this.name = 'ExecutionReplaced';
  }
}

/**
 * Records which execution reports on a run. An ended run is reopened when a later execution reports
 * on it, or when it was closed only because Temporal did not have it. The run's row stays locked
 * until the transaction ends.
 * @returns null when the record does not have the run
 */
export async function registerExecution(
  client: pg.PoolClient,
  key: RunKey,
  execution: Execution,
): Promise<Arrival | null> {
  const { rows } = await client.query<ExecutionRow>({
    name: 'runs-execution',
    text: `SELECT no, execution, coalesce(execution_at < $3::timestamptz, true) AS later, ended_at IS NOT NULL AS ended, missing
           FROM runbook.runs WHERE run = $1 AND first_run_id = $2 FOR NO KEY UPDATE`,
    values: [key.run, key.firstRunId, execution.at],
  });
  const row = rows[0];
  if (!row) return null;
  const isNext = row.execution !== null && row.execution !== execution.runId;
  if (isNext && !row.later) return 'replaced';
  const revives = row.ended && (isNext || row.missing);
  if (row.execution === execution.runId && !revives) return 'current';
  await client.query({
    name: 'runs-execution-next',
    text: `UPDATE runbook.runs
           SET execution = $2, execution_at = $3::timestamptz, saves = 0, missing = missing AND NOT $4, state = CASE WHEN $4 THEN 'running' ELSE state END,
               ended_at = CASE WHEN $4 THEN NULL ELSE ended_at END, problem = CASE WHEN $4 THEN NULL ELSE problem END
           WHERE no = $1`,
    values: [row.no, execution.runId, execution.at, revives],
  });
  if (!revives) return 'current';
  await reopen(client, row.no);
  return 'revived';
}

/** As `registerExecution`, for a report that only says that the execution continues. */
export function noteExecution(
  pool: pg.Pool,
  key: RunKey,
  execution: Execution,
): Promise<Arrival | null> {
  return inTransaction(pool, (client) => registerExecution(client, key, execution));
}

/**
 * Reopens what the end of the run had closed; finished steps stay finished. The execution that
 * continues saves its own view of the rest.
 */
async function reopen(client: pg.PoolClient, no: string): Promise<void> {
  await endIsOver(client, no);
  await client.query({
    name: 'steps-reopen',
    text: `UPDATE runbook.steps SET state = 'pending', ended_at = NULL, error = NULL
           WHERE run_no = $1 AND (undo_of IS NOT NULL OR state IN ('failed', 'unknown', 'skipped', 'needs-operator', 'undoing', 'undone'))`,
    values: [no],
  });
  await client.query({
    name: 'waits-reopen',
    text: `UPDATE runbook.waits w SET reopens = true
           WHERE w.run_no = $1 AND NOT EXISTS (
             SELECT FROM runbook.decisions d WHERE d.run_no = $1 AND d.accepted
               AND d.about_id = w.about_id AND d.attempt = w.attempt
           )`,
    values: [no],
  });
}

interface ExecutionRow {
  no: string;
  execution: string | null;
  later: boolean;
  ended: boolean;
  missing: boolean;
}
