import type pg from 'pg';
import type { RunKey } from '../common/keys.js';
import type { AttemptState, AttemptView, Problem } from '../common/view.js';
import type { Json } from '../language/json.js';
import type { FoundProgram } from '../language/plan.js';
import { jsonText } from './clean.js';
import { findRun } from './find-run.js';
import { retrying } from './transaction.js';

/**
 * Keeps evidence of the attempt's outcome, before its effect.
 * @returns false when the attempt was given up or taken over meanwhile: then it may have no effect
 *   any more
 */
export function keepEvidence(
  pool: pg.Pool,
  claim: { key: RunKey; step: string; attempt: number; fence: number },
  evidence: Json,
): Promise<boolean> {
  return retrying(() => keepEvidenceIn(pool, claim, evidence));
}

/**
 * As `keepEvidence`, without retries; also in an open transaction on another connection to the
 * record.
 */
export async function keepEvidenceIn(
  client: pg.Pool | pg.Client,
  claim: { key: RunKey; step: string; attempt: number; fence: number },
  evidence: Json,
): Promise<boolean> {
  const { rowCount } = await client.query({
    name: 'attempts-evidence',
    text: `UPDATE runbook.attempts a SET evidence = $6::json FROM runbook.runs r
           WHERE r.run = $1 AND r.first_run_id = $2 AND a.run_no = r.no AND a.path = $3 AND a.attempt = $4 AND a.fence = $5 AND a.state = 'running'`,
    values: [
      claim.key.run,
      claim.key.firstRunId,
      claim.step,
      claim.attempt,
      claim.fence,
      jsonText(evidence),
    ],
  });
  return rowCount === 1;
}

/** True while the attempt runs and no later worker has taken it over. */
export async function isRunning(
  pool: pg.Pool,
  claim: { key: RunKey; step: string; attempt: number; fence: number },
): Promise<boolean> {
  const { rowCount } = await pool.query({
    name: 'attempts-running',
    text: `SELECT FROM runbook.attempts a JOIN runbook.runs r ON r.no = a.run_no
           WHERE r.run = $1 AND r.first_run_id = $2 AND r.ended_at IS NULL
             AND a.path = $3 AND a.attempt = $4 AND a.fence = $5 AND a.state = 'running'`,
    values: [claim.key.run, claim.key.firstRunId, claim.step, claim.attempt, claim.fence],
  });
  return rowCount === 1;
}

export interface AttemptEnd {
  key: RunKey;
  step: string;
  attempt: number;
  /** From beginAttempt; 1 unless the attempt was taken over. */
  fence?: number;
  state: Exclude<AttemptState, 'running'>;
  output?: Json;
  /** Digest of the output. */
  digest?: string;
  error?: Problem;
  /** The programs that it found. */
  programs?: readonly FoundProgram[];
}

/**
 * Ends an attempt. A failed one leaves its step running, with the error shown: the run decides
 * whether to retry it.
 * @returns false when the attempt was given up meanwhile: the write is refused and its result may
 *   not be used
 */
export async function endAttempt(pool: pg.Pool, end: AttemptEnd): Promise<boolean> {
  const { rows } = await retrying(() =>
    pool.query<{ taken: boolean }>({
      name: 'attempts-end',
      // The step's row is locked before the attempt's, in the order in which beginAttempt locks
      // them.
      text: `WITH step AS MATERIALIZED (
               SELECT s.run_no, s.path FROM runbook.steps s JOIN runbook.runs r ON r.no = s.run_no
               WHERE r.run = $1 AND r.first_run_id = $2 AND s.path = $3 FOR UPDATE OF s
             ), ended AS (
               UPDATE runbook.attempts a SET state = $5, ended_at = clock_timestamp(), output = $6::json, error = $7::json, digest = $9, programs = $10::json
               FROM step WHERE a.run_no = step.run_no AND a.path = step.path AND a.attempt = $4 AND a.state = 'running' AND a.fence = $8
               RETURNING a.run_no, a.path, a.ended_at
             ), shown AS (
               UPDATE runbook.steps s
               SET state = CASE WHEN $5 = 'succeeded' THEN 'succeeded' ELSE s.state END,
                   ended_at = CASE WHEN $5 = 'succeeded' THEN ended.ended_at ELSE s.ended_at END,
                   output = CASE WHEN $5 = 'succeeded' THEN $6::json ELSE s.output END, error = $7::json
               FROM ended WHERE s.run_no = ended.run_no AND s.path = ended.path
             )
             SELECT EXISTS (SELECT FROM ended) OR EXISTS (
               SELECT FROM runbook.attempts a JOIN step ON a.run_no = step.run_no AND a.path = step.path WHERE a.attempt = $4 AND a.state = $5 AND a.fence = $8
             ) AS taken`,
      values: [
        end.key.run,
        end.key.firstRunId,
        end.step,
        end.attempt,
        end.state,
        jsonText(end.output),
        jsonText(end.error),
        end.fence ?? 1,
        end.digest ?? null,
        end.programs?.length ? jsonText(end.programs) : null,
      ],
    }),
  );
  return rows[0]?.taken ?? false;
}

/**
 * Every attempt of a run in the order in which they began.
 * @param run workflow id (the newest run under it), or a key
 */
export async function getAttempts(pool: pg.Pool, run: RunKey | string): Promise<AttemptView[]> {
  const no = await findRun(pool, run);
  return no === null ? [] : readAttempts(pool, no);
}

/** As `getAttempts`, for a run's number. */
export async function readAttempts(pool: pg.Pool, no: string): Promise<AttemptView[]> {
  const { rows } = await pool.query<AttemptRow>({
    name: 'attempts-read',
    // When a run ended while an attempt ran, the attempt's outcome is unknown: its claim stays open
    // until somebody can prove it.
    text: `SELECT coalesce(s.undo_of, a.path) AS step, s.undo_of IS NOT NULL AS undo, s.title, s.kind, s.effect, a.attempt, a.host,
                  CASE WHEN a.state <> 'running' OR r.ended_at IS NULL THEN a.state
                       WHEN a.error->>'type' = 'Cancelled' THEN 'cancelled' ELSE 'unknown' END AS state,
                  a.worker, a.fence, a.temporal_attempt, a.started_at,
                  CASE WHEN a.state = 'running' THEN r.ended_at ELSE a.ended_at END AS ended_at,
                  a.output, a.error, a.programs, a.does, t.bytes, t.sha256, t.truncated
           FROM runbook.attempts a
           JOIN runbook.runs r ON r.no = a.run_no
           JOIN runbook.steps s ON s.run_no = a.run_no AND s.path = a.path
           LEFT JOIN runbook.output_totals t ON t.run_no = a.run_no AND t.path = a.path AND t.attempt = a.attempt AND t.bytes IS NOT NULL
           WHERE a.run_no = $1
           ORDER BY a.started_at, a.path, a.attempt`,
    values: [no],
  });
  return rows.map((row) => ({
    step: row.step,
    title: row.title,
    kind: row.kind,
    effect: row.effect,
    attempt: row.attempt,
    state: row.state,
    undo: row.undo,
    host: row.host,
    worker: row.worker,
    ...(row.fence > 1 ? { takeOvers: row.fence - 1 } : {}),
    ...(row.temporal_attempt > 1 ? { temporalAttempt: row.temporal_attempt } : {}),
    startedAt: row.started_at.toISOString(),
    endedAt: row.ended_at?.toISOString() ?? null,
    output: row.output,
    error: row.error,
    ...(row.programs ? { programs: row.programs } : {}),
    ...(row.does ? { does: row.does } : {}),
    written:
      row.bytes === null
        ? null
        : { bytes: Number(row.bytes), sha256: row.sha256 ?? '', truncated: row.truncated ?? false },
  }));
}

/** No attempt outlives its run: one that still runs when the run has ended has lost its worker. */
export async function closeAttempts(client: pg.PoolClient, no: string): Promise<void> {
  await client.query({
    name: 'attempts-close',
    text:
      "UPDATE runbook.attempts SET state = 'lost', ended_at = clock_timestamp() " +
      "WHERE run_no = $1 AND state = 'running'",
    values: [no],
  });
}

type AttemptRow = Omit<
  AttemptView,
  'takeOvers' | 'temporalAttempt' | 'startedAt' | 'endedAt' | 'written' | 'programs' | 'does'
> & {
  programs: FoundProgram[] | null;
  does: string[] | null;
  fence: number;
  temporal_attempt: number;
  started_at: Date;
  ended_at: Date | null;
  bytes: string | null;
  sha256: string | null;
  truncated: boolean | null;
};
