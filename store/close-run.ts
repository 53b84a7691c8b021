import type pg from 'pg';
import type { RunKey } from '../common/keys.js';
import type { Problem, RunState } from '../common/view.js';
import type { JsonObject } from '../language/json.js';
import { jsonText } from './clean.js';
import { noteEnd } from './ends.js';
import { inTransaction } from './transaction.js';
import { closeWaits } from './waits.js';
import { isInsideSql } from '../language/paths.js';

/** A step that was still running when its run ended. */
export interface LeftRunning {
  /** Path. */
  step: string;
  title: string;
  /** Where its attempt ran. */
  host: string;
}

/** The end of a run that could not record it itself. */
export interface RunClosure {
  state: RunState;
  /** ISO time. */
  endedAt: string;
  /** Why it ended, including what was left running. */
  problem: (left: readonly LeftRunning[]) => Problem | null;
  outputs?: JsonObject;
  /** True when it is closed because Temporal does not have it; a later report reopens it. */
  missing: boolean;
  /**
   * The execution in the record when this was found. If another one has reported since, the run is
   * not closed.
   */
  execution: string | null;
}

const outcomeUnknown: Problem = {
  type: 'OutcomeUnknown',
  message: 'the run was ended while this step ran, and nobody saw how the step ended',
  next: 'Look at what it did before you go on.',
};

/**
 * Closes a run that ended without recording it, in one transaction: its state, its steps, its
 * waits. Open claims stay open: the host of the command or a later execution may still prove their
 * outcome.
 * @returns false when the run has ended meanwhile, or continues in another execution; then nothing
 *   is changed
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
    await noteEnd(client, no);
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
 * Running steps become unknown, failed ones stay failed, and those that only waited or that no
 * worker had yet are pending again.
 */
async function closeSteps(client: pg.PoolClient, no: string): Promise<void> {
  await client.query({
    name: 'steps-close',
    text: `WITH closing AS (
             SELECT s.path, CASE
               WHEN s.state = 'undoing' OR EXISTS (
                 SELECT FROM runbook.attempts a WHERE a.run_no = $1 AND a.state = 'running'
                    AND (a.path = s.path OR ${isInsideSql('a.path', 's.path')})
               ) THEN 'unknown'
               WHEN s.state = 'needs-operator' OR EXISTS (
                 SELECT FROM runbook.attempts a WHERE a.run_no = $1 AND a.path = s.path
               ) THEN 'failed'
               ELSE 'pending' END AS state
             FROM runbook.steps s
             WHERE s.run_no = $1 AND s.state IN ('running', 'waiting', 'undoing', 'needs-operator')
           )
           UPDATE runbook.steps s
           SET state = closing.state,
               ended_at = CASE closing.state WHEN 'pending' THEN NULL ELSE coalesce(s.ended_at, r.ended_at) END,
               error = CASE closing.state WHEN 'unknown' THEN $2::json WHEN 'failed' THEN s.error END
           FROM closing, runbook.runs r
           WHERE s.run_no = $1 AND s.path = closing.path AND r.no = $1`,
    values: [no, jsonText(outcomeUnknown)],
  });
}
