import type pg from 'pg';
import type { RunKey } from '../common/keys.js';
import type { Problem } from '../common/view.js';
import { jsonText } from './clean.js';

/* Queries to compare the record with Temporal, and to find what ended runs have left running. */

/** The fields of a run in the record that are compared with Temporal. */
export interface WatchedRun {
  key: RunKey;
  /** The latest execution that reported on it; null when none did. */
  execution: string | null;
}

/**
 * Runs that have not ended, of these namespaces or of none that is known.
 * @param namespaceIds ids, not names
 */
export async function openRuns(
  pool: pg.Pool,
  namespaceIds: readonly string[],
): Promise<WatchedRun[]> {
  const { rows } = await pool.query<WatchedRow>({
    name: 'watch-open',
    text: `SELECT run, first_run_id, execution FROM runbook.runs
           WHERE ended_at IS NULL AND (namespace_id IS NULL OR namespace_id = ANY ($1))
           ORDER BY no`,
    values: [namespaceIds],
  });
  return rows.map(watched);
}

/**
 * Those of these workflow ids whose newest run has ended in the record; `missing`: only because
 * Temporal did not have it.
 */
export async function endedAmong(
  pool: pg.Pool,
  runs: readonly string[],
): Promise<(WatchedRun & { missing: boolean })[]> {
  const { rows } = await pool.query<WatchedRow & { ended: boolean; missing: boolean }>({
    name: 'watch-ended',
    text: `SELECT DISTINCT ON (run) run, first_run_id, execution, missing, ended_at IS NOT NULL AS ended FROM runbook.runs
           WHERE run = ANY ($1) ORDER BY run, started_at DESC, no DESC`,
    values: [runs],
  });
  return rows.filter((row) => row.ended).map((row) => ({ ...watched(row), missing: row.missing }));
}

/** Records that a worker has compared this namespace with the record. */
export async function recordComparison(
  pool: pg.Pool,
  { namespaceId, namespace, worker }: { namespaceId: string; namespace: string; worker: string },
): Promise<void> {
  await pool.query({
    name: 'watch-note',
    text: `INSERT INTO runbook.watches (namespace_id, namespace, worker) VALUES ($1, $2, $3)
           ON CONFLICT (namespace_id) DO UPDATE SET namespace = $2, worker = $3, looked_at = now(), replaced_by = NULL`,
    values: [namespaceId, namespace, worker],
  });
}

/** Milliseconds since the record was last compared with this namespace; null: never. */
export async function sinceComparison(pool: pg.Pool, namespaceId: string): Promise<number | null> {
  const { rows } = await pool.query<{ ms: number }>({
    name: 'watch-since',
    text:
      'SELECT (extract(epoch FROM now() - looked_at) * 1000)::float8 AS ms ' +
      'FROM runbook.watches WHERE namespace_id = $1',
    values: [namespaceId],
  });
  return rows[0]?.ms ?? null;
}

/** Namespaces that workers have compared with the record, the latest first. */
export async function comparisons(
  pool: pg.Pool,
): Promise<{ namespaceId: string; namespace: string; worker: string; silentMs: number }[]> {
  const { rows } = await pool.query<
    Record<'namespace_id' | 'namespace' | 'worker', string> & { ms: number }
  >({
    name: 'watch-all',
    text: `SELECT namespace_id, namespace, worker,
                  (extract(epoch FROM now() - looked_at) * 1000)::float8 AS ms
           FROM runbook.watches WHERE replaced_by IS NULL ORDER BY looked_at DESC`,
  });
  return rows.map(({ namespace_id, ms, ...row }) => ({
    ...row,
    namespaceId: namespace_id,
    silentMs: ms,
  }));
}

/** Whether the record has a run of this namespace. */
export async function hasRunsOf(pool: pg.Pool, namespaceId: string): Promise<boolean> {
  const { rows } = await pool.query<{ found: boolean }>({
    name: 'watch-has-runs',
    text: 'SELECT EXISTS (SELECT FROM runbook.runs WHERE namespace_id = $1) AS found',
    values: [namespaceId],
  });
  return rows[0]?.found === true;
}

/**
 * Records that a namespace of the same name and address has a new id: the old namespace is gone,
 * with all its runs.
 */
export async function noteReplaced(pool: pg.Pool, namespaceId: string, by: string): Promise<void> {
  await pool.query({
    name: 'watch-replaced',
    text: 'UPDATE runbook.watches SET replaced_by = $2 WHERE namespace_id = $1',
    values: [namespaceId, by],
  });
}

/** Ids of namespaces that this one has replaced. */
export async function replacedBy(pool: pg.Pool, namespaceId: string): Promise<string[]> {
  const { rows } = await pool.query<{ namespace_id: string }>({
    name: 'watch-replaced-by',
    text: 'SELECT namespace_id FROM runbook.watches WHERE replaced_by = $1',
    values: [namespaceId],
  });
  return rows.map((row) => row.namespace_id);
}

/** Live runs by the namespace in which they began, and the time since its last comparison. */
export async function openByNamespace(
  pool: pg.Pool,
): Promise<{ namespaceId: string; runs: number; sinceMs: number | null }[]> {
  const { rows } = await pool.query<{ namespace_id: string; runs: number; ms: number | null }>({
    name: 'watch-by-namespace',
    text: `SELECT r.namespace_id, count(*)::integer AS runs, (extract(epoch FROM now() - max(w.looked_at)) * 1000)::float8 AS ms
           FROM runbook.runs r LEFT JOIN runbook.watches w ON w.namespace_id = r.namespace_id
           WHERE r.ended_at IS NULL AND r.namespace_id IS NOT NULL GROUP BY r.namespace_id`,
  });
  return rows.map((row) => ({ namespaceId: row.namespace_id, runs: row.runs, sinceMs: row.ms }));
}

/** A command that was still running when its run ended. */
export interface LeftCommand {
  key: RunKey;
  step: string;
  attempt: number;
  fence: number;
}

/**
 * Commands of this place that were running when their run ended.
 * @param place as in attempts
 */
export async function leftCommands(pool: pg.Pool, place: string): Promise<LeftCommand[]> {
  const { rows } = await pool.query<WatchedRow & { path: string; attempt: number; fence: number }>({
    name: 'watch-left',
    text: `SELECT r.run, r.first_run_id, a.path, a.attempt, a.fence
           FROM runbook.attempts a JOIN runbook.runs r ON r.no = a.run_no JOIN runbook.steps s ON s.run_no = a.run_no AND s.path = a.path
           WHERE a.place = $1 AND a.state = 'running' AND a.error IS NULL AND r.ended_at IS NOT NULL AND s.kind IN ('command', 'check')`,
    values: [place],
  });
  return rows.map((row) => ({
    key: watched(row).key,
    step: row.path,
    attempt: row.attempt,
    fence: row.fence,
  }));
}

/**
 * Has the run ended? Checked again right before its commands are ended: it may have been reopened.
 */
export async function hasRunEnded(pool: pg.Pool, key: RunKey): Promise<boolean> {
  const { rowCount } = await pool.query({
    name: 'watch-has-ended',
    text: 'SELECT FROM runbook.runs WHERE run = $1 AND first_run_id = $2 AND ended_at IS NOT NULL',
    values: [key.run, key.firstRunId],
  });
  return rowCount === 1;
}

/**
 * Records the outcome of a command whose run has ended. Its claim stays open, so that an execution
 * that continues after a reset finds the outcome in the journal instead of restarting the command.
 */
export async function recordLeftCommand(
  pool: pg.Pool,
  { key, step, attempt }: LeftCommand,
  what: Problem,
): Promise<void> {
  await pool.query({
    name: 'watch-left-told',
    text: `UPDATE runbook.attempts a SET error = $5::json FROM runbook.runs r
           WHERE r.run = $1 AND r.first_run_id = $2 AND r.ended_at IS NOT NULL AND a.run_no = r.no
             AND a.path = $3 AND a.attempt = $4 AND a.state = 'running'`,
    values: [key.run, key.firstRunId, step, attempt, jsonText(what)],
  });
}

interface WatchedRow {
  run: string;
  first_run_id: string;
  execution: string | null;
}

function watched(row: WatchedRow): WatchedRun {
  return { key: { run: row.run, firstRunId: row.first_run_id }, execution: row.execution };
}
