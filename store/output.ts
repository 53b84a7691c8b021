import type pg from 'pg';
import type { RunKey } from '../common/keys.js';
import type { OutputTotals } from '../common/view.js';
import { cleanText } from './clean.js';
import { findRun, lockRun } from './find-run.js';
import { inTransaction } from './transaction.js';
import { belongsToSql } from '../language/paths.js';

/** Bytes of one attempt's output that the record keeps, if a caller does not cap it earlier. */
export const outputCapBytes = 8 * 1024 * 1024;

type OutputStream = 'stdout' | 'stderr' | 'log';

export interface OutputChunk {
  stream: OutputStream;
  /** Increases within the attempt's stream; a chunk that is sent twice is kept once. */
  seq: number;
  /** ISO time. */
  at: string;
  bytes: Uint8Array;
}

/**
 * Adds chunks of an attempt's output. Bytes beyond the cap are dropped and the output is marked as
 * truncated.
 * @param fence from beginAttempt: output of a worker whose attempt was taken over is dropped
 * @throws NotInRecord
 */
export async function appendOutput(
  pool: pg.Pool,
  key: RunKey,
  step: string,
  attempt: number,
  chunks: readonly OutputChunk[],
  fence = 1,
): Promise<void> {
  if (chunks.length === 0) return;
  await inTransaction(pool, async (client) => {
    // One writer at a time for a run: ids become visible in order, so that a follower misses none.
    const no = await lockRun(client, key);
    const at = [no, step, attempt];
    if (await isTakenOver(client, at, fence)) return;
    const known = await client.query<{ stream: string; seq: number }>({
      name: 'output-known',
      text: `SELECT o.stream, o.seq FROM runbook.output o
             JOIN unnest($4::text[], $5::integer[]) AS n (stream, seq) ON n.stream = o.stream AND n.seq = o.seq
             WHERE o.run_no = $1 AND o.path = $2 AND o.attempt = $3`,
      values: [...at, chunks.map((chunk) => chunk.stream), chunks.map((chunk) => chunk.seq)],
    });
    const seen = new Set(known.rows.map(nameOf));
    const fresh = chunks.filter((chunk) => !seen.has(nameOf(chunk)) && seen.add(nameOf(chunk)));
    if (fresh.length === 0) return;

    const totals = await client.query<{ kept: string }>({
      name: 'output-kept',
      text:
        'SELECT kept FROM runbook.output_totals WHERE run_no = $1 AND path = $2 ' +
        'AND attempt = $3',
      values: at,
    });
    let room = outputCapBytes - Number(totals.rows[0]?.kept ?? 0);
    const kept: (OutputChunk & { bytes: Buffer })[] = [];
    let bytes = 0;
    let truncated = false;
    for (const chunk of fresh) {
      const part = Buffer.from(chunk.bytes).subarray(0, room);
      truncated ||= part.length < chunk.bytes.length;
      room -= part.length;
      bytes += part.length;
      if (part.length > 0) kept.push({ ...chunk, bytes: part });
    }
    await client.query({
      name: 'output-append',
      text: `INSERT INTO runbook.output (run_no, path, attempt, stream, seq, at, bytes)
             SELECT $1, $2, $3, n.stream, n.seq, n.at, n.bytes
             FROM unnest($4::text[], $5::integer[], $6::timestamptz[], $7::bytea[]) WITH ORDINALITY AS n (stream, seq, at, bytes, place)
             ORDER BY n.place`,
      values: [
        ...at,
        kept.map((c) => c.stream),
        kept.map((c) => c.seq),
        kept.map((c) => c.at),
        kept.map((c) => c.bytes),
      ],
    });
    await client.query({
      name: 'output-count',
      text: `INSERT INTO runbook.output_totals AS t (run_no, path, attempt, kept, truncated) VALUES ($1, $2, $3, $4, $5)
             ON CONFLICT (run_no, path, attempt) DO UPDATE SET kept = t.kept + excluded.kept, truncated = t.truncated OR excluded.truncated`,
      values: [...at, bytes, truncated],
    });
  });
}

/** Has another worker taken the attempt over? Later writes of the earlier one are dropped. */
async function isTakenOver(
  client: pg.PoolClient,
  at: readonly unknown[],
  fence: number,
): Promise<boolean> {
  const { rowCount } = await client.query({
    name: 'output-owned',
    text:
      'SELECT FROM runbook.attempts WHERE run_no = $1 AND path = $2 AND attempt = $3 ' +
      'AND fence > $4',
    values: [...at, fence],
  });
  return rowCount !== 0;
}

/**
 * Records the totals of an attempt's output, kept or not. A second call replaces them.
 * @param fence from beginAttempt: output of a worker whose attempt was taken over is dropped
 * @throws NotInRecord
 */
export async function finishOutput(
  pool: pg.Pool,
  key: RunKey,
  step: string,
  attempt: number,
  totals: OutputTotals,
  fence = 1,
): Promise<void> {
  await inTransaction(pool, async (client) => {
    const no = await lockRun(client, key);
    if (await isTakenOver(client, [no, step, attempt], fence)) return;
    await client.query({
      name: 'output-finish',
      text: `INSERT INTO runbook.output_totals AS t (run_no, path, attempt, bytes, sha256, truncated) VALUES ($1, $2, $3, $4, $5, $6)
             ON CONFLICT (run_no, path, attempt) DO UPDATE
               SET bytes = excluded.bytes, sha256 = excluded.sha256, truncated = t.truncated OR excluded.truncated`,
      values: [no, step, attempt, totals.bytes, cleanText(totals.sha256), totals.truncated],
    });
  });
}

export interface RecordedChunk {
  /** Ascending within a run: pass the last one as `afterId` to read on. */
  id: number;
  step: string;
  attempt: number;
  stream: OutputStream;
  seq: number;
  at: string;
  bytes: Buffer;
}

/**
 * Output in the order in which it was recorded.
 * @param run workflow id (the newest run under it), or the key of one run
 * @param options `step`: its path, parts included; `afterId`: only what came later; `limit`: chunks
 *   at most, all unless said
 */
export async function readOutput(
  pool: pg.Pool,
  run: RunKey | string,
  options: { step?: string; afterId?: number; limit?: number } = {},
): Promise<RecordedChunk[]> {
  const no = await findRun(pool, run);
  if (no === null) return [];
  const { rows } = await pool.query<Omit<RecordedChunk, 'id' | 'at'> & { id: string; at: Date }>({
    name: 'output-read',
    text: `SELECT id, path AS step, attempt, stream, seq, at, bytes FROM runbook.output
           WHERE run_no = $1 AND id > $2
             AND ($3::text IS NULL OR ${belongsToSql('path', '$3')})
           ORDER BY id LIMIT $4`,
    values: [no, options.afterId ?? 0, options.step ?? null, options.limit ?? null],
  });
  return rows.map((row) => ({ ...row, id: Number(row.id), at: row.at.toISOString() }));
}

function nameOf(chunk: { stream: string; seq: number }): string {
  return `${chunk.stream} ${chunk.seq}`;
}
