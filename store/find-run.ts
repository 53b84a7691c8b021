import type pg from 'pg';
import type { RunKey } from '../common/keys.js';
import type { Connection } from './transaction.js';

/** The record lacks a run that it should have. */
export class NotInRecord extends Error {
  constructor(run: string) {
    super(
      `Run ${run} is not in the record: the worker uses another database than the one where ` +
        'the run began, or an older copy of it. ' +
        'Check RUNBOOK_DATABASE_URL of all workers.',
    );
    this.name = 'NotInRecord';
  }
}

/**
 * The run's number in the record; locks its row until the transaction ends, to serialize writes
 * about one run.
 * @throws NotInRecord
 */
export async function lockRun(client: pg.PoolClient, key: RunKey): Promise<string> {
  const { rows } = await client.query<{ no: string }>({
    name: 'runs-lock',
    text: 'SELECT no FROM runbook.runs WHERE run = $1 AND first_run_id = $2 FOR NO KEY UPDATE',
    values: [key.run, key.firstRunId],
  });
  if (!rows[0]) throw new NotInRecord(key.run);
  return rows[0].no;
}

/**
 * The number of exactly this run, or of the newest under a workflow id; null when there is none.
 */
export async function findRun(pool: Connection, run: RunKey | string): Promise<string | null> {
  const [id, firstRunId] = typeof run === 'string' ? [run, null] : [run.run, run.firstRunId];
  const { rows } = await pool.query<{ no: string }>({
    name: 'runs-find',
    text: `SELECT no FROM runbook.runs WHERE run = $1 AND ($2::text IS NULL OR first_run_id = $2)
           ORDER BY started_at DESC, no DESC LIMIT 1`,
    values: [id, firstRunId],
  });
  return rows[0]?.no ?? null;
}
