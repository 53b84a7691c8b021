import type pg from 'pg';
import type { RunKey } from '../common/keys.js';
import type { FormerEnd } from '../common/view.js';
import { cleanText } from './clean.js';
import type { Connection } from './transaction.js';

/*
 * Ends of runs that went on afterwards. A trigger in the schema keeps them, whichever release of a
 * worker writes the run.
 */

/** The former ends of a run, the first one first. */
export async function readFormerEnds(pool: Connection, no: string): Promise<FormerEnd[]> {
  const { rows } = await pool.query<FormerEndRow>({
    name: 'former-ends-read',
    text: `SELECT state, ended_at, outputs, problem, over_at, why, reason
           FROM runbook.former_ends WHERE run_no = $1 ORDER BY number`,
    values: [no],
  });
  return rows.map(({ ended_at, over_at, ...end }) => ({
    ...end,
    endedAt: ended_at.toISOString(),
    overAt: over_at.toISOString(),
  }));
}

/** A reset of an ended run of which the record does not know the reason. */
interface UnexplainedReset {
  key: RunKey;
  number: number;
  /** Run id of the execution that goes on. */
  execution: string;
}

/** Resets in this namespace whose reason is still to be asked for. */
export async function unexplainedResets(
  pool: pg.Pool,
  namespaceId: string,
): Promise<UnexplainedReset[]> {
  const { rows } = await pool.query<{
    run: string;
    first_run_id: string;
    number: number;
    execution: string;
  }>({
    name: 'former-ends-unexplained',
    text: `SELECT r.run, r.first_run_id, e.number, e.execution
           FROM runbook.former_ends e JOIN runbook.runs r ON r.no = e.run_no
           WHERE e.why = 'reset' AND e.reason IS NULL AND e.execution IS NOT NULL
             AND (r.namespace_id IS NULL OR r.namespace_id = $1) ORDER BY e.over_at LIMIT 100`,
    values: [namespaceId],
  });
  return rows.map(({ run, first_run_id: firstRunId, number, execution }) => ({
    ...{ key: { run, firstRunId }, number, execution },
  }));
}

/**
 * Writes down why a run was reset, once.
 * @param reason empty: Temporal does not say
 */
export async function explainReset(
  pool: pg.Pool,
  { key, number }: UnexplainedReset,
  reason: string,
): Promise<void> {
  await pool.query({
    name: 'former-ends-explain',
    text: `UPDATE runbook.former_ends e SET reason = $4 FROM runbook.runs r
           WHERE r.run = $1 AND r.first_run_id = $2 AND e.run_no = r.no AND e.number = $3
             AND e.reason IS NULL`,
    values: [key.run, key.firstRunId, number, cleanText(reason)],
  });
}

/** Runs that went on after an end lately, the latest first, each once, with its last former end. */
export async function reopenedRuns(
  pool: pg.Pool,
  sinceMs: number,
): Promise<({ run: string } & Pick<FormerEnd, 'why' | 'reason'>)[]> {
  const { rows } = await pool.query<{ run: string } & Pick<FormerEnd, 'why' | 'reason'>>({
    name: 'former-ends-newest',
    text: `SELECT run, why, reason FROM (
             SELECT DISTINCT ON (r.no) r.run, e.why, e.reason, e.over_at
             FROM runbook.former_ends e JOIN runbook.runs r ON r.no = e.run_no
             WHERE e.over_at > now() - $1 * interval '1 ms' ORDER BY r.no, e.number DESC
           ) AS latest ORDER BY over_at DESC LIMIT 100`,
    values: [sinceMs],
  });
  return rows;
}

type FormerEndRow = Omit<FormerEnd, 'endedAt' | 'overAt'> & { ended_at: Date; over_at: Date };
