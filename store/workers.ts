import type pg from 'pg';
import { jsonText } from './clean.js';

/** The disk that a worker's journals are on. */
export interface JournalRoom {
  folder: string;
  freeBytes: number;
  bytes: number;
  freeFiles: number;
  /** Files that it can have; 0: as many as fit. */
  files: number;
}

/** What a worker tells of itself. */
export interface WorkerNote {
  /** `host:pid`. */
  worker: string;
  host: string;
  journals: JournalRoom;
}

export interface WorkerTold extends WorkerNote {
  /** Milliseconds that its clock is before the database's; negative: behind. */
  clockAheadMs: number;
}

/**
 * Writes down what a worker tells of itself, with what its clock says beside the database's.
 * @param now the worker's clock, in milliseconds since 1970
 */
export async function noteWorker(
  pool: pg.Pool,
  { worker, host, journals }: WorkerNote,
  now: () => number = Date.now,
): Promise<void> {
  const client = await pool.connect();
  try {
    const asked = now();
    const { rows } = await client.query<{ ms: number }>(
      'SELECT (extract(epoch FROM clock_timestamp()) * 1000)::float8 AS ms',
    );
    const [clock] = rows;
    if (!clock) throw new Error('PostgreSQL did not say what time it is');
    await client.query({
      name: 'worker-note',
      text: `INSERT INTO runbook.workers (worker, host, clock_ahead_ms, journals) VALUES ($1, $2, $3, $4)
             ON CONFLICT (worker) DO UPDATE
               SET host = $2, clock_ahead_ms = $3, journals = $4, told_at = clock_timestamp()`,
      values: [worker, host, (asked + now()) / 2 - clock.ms, jsonText(journals)],
    });
  } finally {
    client.release();
  }
}

/** Says that the worker has ended, and forgets those that ended without a word a day ago. */
export async function forgetWorker(pool: pg.Pool, worker: string): Promise<void> {
  await pool.query({
    name: 'worker-forget',
    text: `DELETE FROM runbook.workers WHERE worker = $1 OR told_at < now() - interval '1 day'`,
    values: [worker],
  });
}

/** Workers that have told of themselves within the last milliseconds. */
export async function recentWorkers(pool: pg.Pool, withinMs: number): Promise<WorkerTold[]> {
  const { rows } = await pool.query<WorkerNote & { clock_ahead_ms: number }>({
    name: 'worker-recent',
    text: `SELECT worker, host, clock_ahead_ms, journals FROM runbook.workers
           WHERE told_at > clock_timestamp() - make_interval(secs => $1) ORDER BY host, worker`,
    values: [withinMs / 1_000],
  });
  return rows.map(({ clock_ahead_ms, ...note }) => ({ ...note, clockAheadMs: clock_ahead_ms }));
}
