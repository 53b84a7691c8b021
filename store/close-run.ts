import type pg from 'pg';
import type { RunKey } from '../common/keys.js';
import type { Problem, RunState } from '../common/view.js';
import type { JsonObject } from '../language/json.js';
import { jsonText } from './clean.js';
import { inTransaction } from './transaction.js';
import { closeWaits } from './waits.js';

/** A step that ran when its run ended without it. */
export interface LeftRunning {
  /** Path. */
  step: string;
  title: string;
  /** Where its attempt ran. */
  host: string;
}

/** How a run ended that could not write it down itself. */
export interface RunClosure {
  state: RunState;
  /** ISO time. */
  endedAt: string;
  /** Why, told with what was left running. */
  problem: (left: readonly LeftRunning[]) => Problem | null;
  outputs?: JsonObject;
  /**
   * True when it is closed because Temporal does not have it, so that news of it opens it again.
   */
  missing: boolean;
  /**
   * The execution that the record knew when this was found out. Has another one told of the run
   * since, it is not closed.
   */
  execution: string | null;
}

const outcomeUnknown: Problem = {
  type: 'OutcomeUnknown',
  message: 'the run was ended while this step ran, and nobody saw how the step ended',
  next: 'Look at what it did before you go on.',
};

/**
 * Closes a run that was ended behind the record's back, in one transaction: its state, its steps,
 * its waits. Claims that are open stay open, for whoever can still prove what became of them: the
 * host of the command, or a later execution.
 * @returns false when the run has ended meanwhile, or went on in another execution; then nothing
 *   was changed
 */
export function closeRun(pool: pg.Pool, key: RunKey, closure: RunClosure): Promise<boolean> {
  return inTransaction(pool, async (client) => {
    const { rows } = await client.query<{ no: string }>({
      name: 'runs-close-lock',
      text: `SELECT no FROM runbook.runs
             WHERE run = $1 AND first_run_id = $2 AND ended_at IS NULL AND execution IS NOT DISTINCT FROM $3 FOR NO KEY UPDATE`,
      values: [key.run, key.firstRunId, closure.execution],
    });
    const no = rows[0]?.no;
    if (no === undefined) return false;
    const left = await leftRunning(client, no);
    await client.query({
      name: 'runs-close',
      text: `UPDATE runbook.runs SET state = $2, ended_at = greatest($3::timestamptz, started_at), problem = $4::json,
                    outputs = coalesce($5::json, outputs), missing = $6, saved_at = now() WHERE no = $1`,
      values: [
        no,
        closure.state,
        closure.endedAt,
        jsonText(closure.problem(left)),
        jsonText(closure.outputs),
        closure.missing,
      ],
    });
    await closeSteps(client, no);
    await closeWaits(client, no, [], true);
    return true;
  });
}

async function leftRunning(client: pg.PoolClient, no: string): Promise<LeftRunning[]> {
  const { rows } = await client.query<LeftRunning>({
    name: 'runs-close-left',
    text: `SELECT s.path AS step, s.title, a.host
           FROM runbook.attempts a JOIN runbook.steps s ON s.run_no = a.run_no AND s.path = a.path
           WHERE a.run_no = $1 AND a.state = 'running' ORDER BY a.started_at, s.path`,
    values: [no],
  });
  return rows;
}

/**
 * What ran is unknown, what had failed has failed, and what only waited or had not been given to a
 * worker never began.
 */
async function closeSteps(client: pg.PoolClient, no: string): Promise<void> {
  await client.query({
    name: 'steps-close',
    text: `WITH fate AS (
             SELECT s.path, CASE
               WHEN s.state = 'undoing' OR EXISTS (
                 SELECT FROM runbook.attempts a WHERE a.run_no = $1 AND a.state = 'running'
                    AND (a.path = s.path OR starts_with(a.path, s.path || '/'))
               ) THEN 'unknown'
               WHEN s.state = 'needs-operator' OR EXISTS (
                 SELECT FROM runbook.attempts a WHERE a.run_no = $1 AND a.path = s.path
               ) THEN 'failed'
               ELSE 'pending' END AS state
             FROM runbook.steps s
             WHERE s.run_no = $1 AND s.state IN ('running', 'waiting', 'undoing', 'needs-operator')
           )
           UPDATE runbook.steps s
           SET state = fate.state,
               ended_at = CASE fate.state WHEN 'pending' THEN NULL ELSE coalesce(s.ended_at, r.ended_at) END,
               error = CASE fate.state WHEN 'unknown' THEN $2::json WHEN 'failed' THEN s.error END
           FROM fate, runbook.runs r
           WHERE s.run_no = $1 AND s.path = fate.path AND r.no = $1`,
    values: [no, jsonText(outcomeUnknown)],
  });
}
