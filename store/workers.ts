import type pg from 'pg';
import type { LibraryDigests } from '../language/library-digests.js';
import { jsonText } from './clean.js';

/** The disk that a worker's journals are on. */
export interface JournalRoom {
  folder: string;
  freeBytes: number;
  bytes: number;
  freeFiles: number;
  /** Total number of inodes; 0: no limit. */
  files: number;
}

/** What a worker reports about itself. */
export interface WorkerNote {
  /** `host:pid`. */
  worker: string;
  host: string;
  journals: JournalRoom;
  /** Digests of the runbooks of its library, by id. */
  library: LibraryDigests;
}

export interface WorkerReport extends WorkerNote {
  /** Milliseconds that its clock is ahead of the database's; negative: behind. */
  clockAheadMs: number;
  /** Milliseconds since it has reported. */
  silentMs: number;
}

/**
 * Records a worker's report about itself, with the difference of its clock to the database's.
 * @param now the worker's clock, in milliseconds since 1970
 */
export async function noteWorker(
  pool: pg.Pool,
  { worker, host, journals, library }: WorkerNote,
  now: () => number = Date.now,
): Promise<void> {
  const client = await pool.connect();
  try {
    const asked = now();
    const { rows } = await client.query<{ ms: number }>(
      'SELECT (extract(epoch FROM clock_timestamp()) * 1000)::float8 AS ms',
    );
    const [clock] = rows;
    if (!clock) throw new Error('PostgreSQL returned no time');
    await client.query({
      name: 'worker-note',
      text: `INSERT INTO runbook.workers (worker, host, clock_ahead_ms, journals, library)
             VALUES ($1, $2, $3, $4, $5)
             ON CONFLICT (worker) DO UPDATE
               SET host = $2, clock_ahead_ms = $3, journals = $4, library = $5,
                   told_at = clock_timestamp()`,
      values: [
        ...[worker, host, (asked + now()) / 2 - clock.ms],
        ...[jsonText(journals), jsonText(library)],
      ],
    });
  } finally {
    client.release();
  }
}

/** Removes the report of a worker that ends, and those of workers that fell silent a day ago. */
export async function forgetWorker(pool: pg.Pool, worker: string): Promise<void> {
  await pool.query({
    name: 'worker-forget',
    text: `DELETE FROM runbook.workers WHERE worker = $1 OR told_at < now() - interval '1 day'`,
    values: [worker],
  });
}

/** Workers that have reported within this many milliseconds. */
export async function recentWorkers(pool: pg.Pool, withinMs: number): Promise<WorkerReport[]> {
  const { rows } = await pool.query<WorkerNote & { clock_ahead_ms: number; silent_ms: number }>({
    name: 'worker-recent',
    text: `SELECT worker, host, clock_ahead_ms, journals, library,
                  (extract(epoch FROM clock_timestamp() - told_at) * 1000)::float8 AS silent_ms
           FROM runbook.workers
           WHERE told_at > clock_timestamp() - make_interval(secs => $1) ORDER BY host, worker`,
    values: [withinMs / 1_000],
  });
  return rows.map(({ clock_ahead_ms, silent_ms, ...note }) => ({
    ...note,
    clockAheadMs: clock_ahead_ms,
    silentMs: silent_ms,
  }));
}
