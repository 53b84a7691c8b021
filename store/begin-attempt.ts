import type pg from 'pg';
import { undoneBy, undoPath } from '../language/paths.js';
import type { Json } from '../language/json.js';
import { cleanText, jsonText } from './clean.js';
import { ExecutionReplaced, registerExecution } from './executions.js';
import { factsQuery, type RecordedFacts, wantedValues } from './facts.js';
import { NotInRecord } from './find-run.js';
import { proveLeases } from './leases.js';
import { inTransaction, retrying } from './transaction.js';
import {
  type AttemptBegun,
  type AttemptStart,
  type Doubt,
  LeaseLostError,
  NotConfirmedError,
} from './attempt-start.js';
import { otherHost, takeOver } from './take-over.js';

const uniqueViolation = '23505';

/**
 * Begins the next attempt of a step. A step has one running attempt at a time: one that still runs
 * has lost its worker, is marked `lost`, and its later writes are refused; a `resumable` one is
 * taken over under the same number, with a higher fence. Idempotent for the same worker and
 * Temporal attempt. The run keeps its leases at least until the attempt has begun.
 * @throws NotInRecord, LeaseLostError, NotConfirmedError, ExecutionReplaced
 */
export async function beginAttempt(pool: pg.Pool, start: AttemptStart): Promise<AttemptBegun> {
  const first = start.temporalAttempt === 1 ? await beginFirst(pool, start) : null;
  return first
    ? { attempt: 1, lost: 0, failed: 0, fence: 1, ...factsOf(first) }
    : beginNext(pool, start);
}

function factsOf({ recorded }: Facts): Pick<AttemptBegun, 'recorded'> {
  return recorded ? { recorded: { ...recorded, values: recorded.values ?? {} } } : {};
}

/**
 * Begins the first attempt, in one round trip, in the normal case: the execution is the one that
 * the record knows, the run holds its leases, the record confirms what the step depends on, and no
 * other attempt has begun. `beginNext` handles all other cases.
 * @returns null when no attempt was begun
 */
async function beginFirst(pool: pg.Pool, start: AttemptStart): Promise<Facts | null> {
  try {
    const { rows } = await retrying(() =>
      pool.query<Facts>({
        name: 'attempts-begin-first',
        text: `WITH run AS (
                 SELECT no, clock_timestamp() AS at, ended_at IS NOT NULL AS ended
                 FROM runbook.runs WHERE run = $1 AND first_run_id = $2 AND ($12::text IS NULL OR execution = $12)
               ), proof AS MATERIALIZED (
                 SELECT l.fence = c.fence AND NOT run.ended AS holds
                 FROM run CROSS JOIN LATERAL (
                   SELECT DISTINCT ON (target) target, fence FROM runbook.lease_claims WHERE run_no = run.no ORDER BY target, fence DESC
                 ) c JOIN runbook.leases l ON l.target = c.target
                 WHERE $13 ORDER BY l.target FOR SHARE OF l
               ), doubt AS MATERIALIZED (
                 SELECT FROM run CROSS JOIN LATERAL (${doubts('run.no', 14, '$3')}) d
               ), step AS (
                 INSERT INTO runbook.steps AS s (run_no, path, undo_of, title, kind, effect, state, attempts, started_at)
                 SELECT no, $3, $4, $5, $6, $7, 'running', 1, at FROM run
                 WHERE NOT EXISTS (SELECT FROM proof WHERE NOT holds) AND NOT EXISTS (SELECT FROM doubt)
                 ON CONFLICT (run_no, path) DO UPDATE SET
                   title = excluded.title, state = 'running', attempts = greatest(s.attempts, 1),
                   started_at = coalesce(s.started_at, excluded.started_at), ended_at = NULL
                 WHERE NOT EXISTS (SELECT FROM runbook.attempts a WHERE a.run_no = s.run_no AND a.path = s.path)
                 RETURNING run_no
               )
               INSERT INTO runbook.attempts AS mine (run_no, path, attempt, state, host, worker,
                 temporal_attempt, place, execution, started_at, does)
               SELECT run_no, $3, 1, 'running', $8, $9, $10, $11, $12, run.at, $25::json
               FROM step, run
               RETURNING ${factsQuery('mine.run_no', 17, '$3', '$16')} AS recorded`,
        values: [
          start.key.run,
          start.key.firstRunId,
          start.step,
          undoneBy(start.step),
          cleanText(start.title),
          start.kind,
          start.effect,
          start.host,
          start.worker,
          start.temporalAttempt,
          start.place ?? null,
          start.execution?.runId ?? null,
          start.leases !== undefined,
          ...buildValues(start),
          ...wantedValues(start.wanted),
          jsonText(start.does),
        ],
      }),
    );
    return rows[0] ?? null;
  } catch (error) {
    // Another worker has begun it at the same moment.
    if ((error as { code?: string }).code === uniqueViolation) return null;
    throw error;
  }
}

function beginNext(pool: pg.Pool, start: AttemptStart): Promise<AttemptBegun> {
  return inTransaction(pool, async (client) => {
    const step = await lockStep(client, start);
    return { ...(await beginLocked(client, start, step)), ...factsOf(step) };
  });
}

async function beginLocked(
  client: pg.PoolClient,
  start: AttemptStart,
  { no, claims, doubts }: LockedStep,
): Promise<AttemptBegun> {
  const earlier = await client.query<EarlierRow>({
    name: 'attempts-earlier',
    text: `SELECT coalesce(max(attempt), 0) AS last,
                    (count(*) FILTER (WHERE state = 'lost'))::integer AS lost,
                    (count(*) FILTER (WHERE state IN ('failed', 'timed-out')))::integer AS failed,
                    max(attempt) FILTER (WHERE state = 'succeeded') AS succeeded,
                    max(attempt) FILTER (WHERE state = 'running') AS running,
                    max(place) FILTER (WHERE state = 'running') AS place,
                    max(host) FILTER (WHERE state = 'running') AS host,
                    coalesce(max(fence) FILTER (WHERE state = 'running'), 1) AS fence,
                    max(attempt) FILTER (WHERE state = 'running' AND worker = $3 AND temporal_attempt = $4
                                          AND execution IS NOT DISTINCT FROM $5) AS mine
             FROM runbook.attempts WHERE run_no = $1 AND path = $2`,
    values: [no, start.step, start.worker, start.temporalAttempt, start.execution?.runId ?? null],
  });
  const { last, lost, failed, succeeded, running, mine, place, host, fence } = earlier
    .rows[0] as EarlierRow;
  if (succeeded !== null && !(await isUndone(client, no, start.step, succeeded))) {
    return {
      attempt: succeeded,
      lost,
      failed,
      fence,
      succeeded: { output: await outputOf(client, no, start.step, succeeded) },
    };
  }
  if (doubts) throw new NotConfirmedError(doubts, last);
  if (mine !== null && fence === 1) return { attempt: mine, lost, failed, fence };
  const elsewhere = place === null ? null : otherHost(place, host, start);
  if (running !== null && elsewhere) return { attempt: running, lost, failed, fence, elsewhere };
  const loss =
    claims && start.leases ? await proveLeases(client, no, start.leases === 'retake') : null;
  if (
    running !== null &&
    start.resumable &&
    place !== null &&
    !(start.repeatable && place !== start.place)
  ) {
    const evidence = await takeOver(client, no, start, running);
    const lostLease = loss ? { lostLease: loss } : {};
    return {
      attempt: running,
      lost,
      failed,
      fence: fence + 1,
      resumedFrom: place,
      evidence,
      ...lostLease,
    };
  }
  if (loss) throw new LeaseLostError(loss, last);

  if (running !== null) {
    await client.query({
      name: 'attempts-lost',
      text:
        "UPDATE runbook.attempts SET state = 'lost', ended_at = clock_timestamp() " +
        'WHERE run_no = $1 AND path = $2 AND attempt = $3',
      values: [no, start.step, running],
    });
  }
  const attempt = last + 1;
  await client.query({
    name: 'attempts-begin',
    text: `WITH begun AS (
               INSERT INTO runbook.attempts (run_no, path, attempt, state, host, worker,
                 temporal_attempt, place, execution, does)
               VALUES ($1, $2, $3, 'running', $4, $5, $6, $7, $8, $9::json) RETURNING started_at
             )
             UPDATE runbook.steps s
             SET state = 'running', attempts = greatest(s.attempts, $3), started_at = coalesce(s.started_at, begun.started_at), ended_at = NULL
             FROM begun WHERE s.run_no = $1 AND s.path = $2`,
    values: [
      no,
      start.step,
      attempt,
      start.host,
      start.worker,
      start.temporalAttempt,
      start.place ?? null,
      start.execution?.runId ?? null,
      jsonText(start.does),
    ],
  });
  return { attempt, lost: lost + (running === null ? 0 : 1), failed, fence: 1 };
}

/** The step's row, inserted if the plan did not have it, locked until the transaction ends. */
async function lockStep(client: pg.PoolClient, start: AttemptStart): Promise<LockedStep> {
  const undoOf = undoneBy(start.step);
  const { rows } = await client.query<LockedStep & { execution: string | null }>({
    name: 'steps-lock',
    text: `WITH run AS (
             SELECT no, execution FROM runbook.runs WHERE run = $1 AND first_run_id = $2
           ), step AS (
             INSERT INTO runbook.steps AS s (run_no, path, undo_of, title, kind, effect)
             SELECT no, $3, $4, $5, $6, $7 FROM run
             ON CONFLICT (run_no, path) DO UPDATE SET title = excluded.title
             RETURNING run_no AS no, EXISTS (SELECT FROM runbook.lease_claims c WHERE c.run_no = s.run_no) AS claims
           )
           SELECT step.no, step.claims, run.execution,
                  (SELECT json_agg(d) FROM (${doubts('run.no', 8, '$3')}) d) AS doubts,
                    ${factsQuery('run.no', 11, '$3', '$10')} AS recorded
           FROM step, run`,
    values: [
      start.key.run,
      start.key.firstRunId,
      start.step,
      undoOf,
      cleanText(start.title),
      start.kind,
      start.effect,
      ...buildValues(start),
      ...wantedValues(start.wanted),
    ],
  });
  if (!rows[0]) throw new NotInRecord(start.key.run);
  // Nearly always it is the execution that the record knows; then this costs no further query.
  if (start.execution && start.execution.runId !== rows[0].execution) {
    const arrival = await registerExecution(client, start.key, start.execution);
    if (arrival === 'replaced') throw new ExecutionReplaced(start.key.run);
  }
  return rows[0];
}

/**
 * SQL for everything that a step depends on and the record does not confirm: rows of `about` and
 * `name`. People may accept an output that the record does not have, but not a running step or a
 * missing decision.
 * @param first number of the first of three parameters: see `buildValues`
 */
function doubts(run: string, first: number, path: string): string {
  return `SELECT CASE WHEN a.state = 'running' THEN 'running' ELSE 'output' END AS about, b.path AS name
          FROM json_to_recordset($${first}::json) AS b (path text, attempt integer, digest text)
          LEFT JOIN LATERAL (
            SELECT state, digest FROM runbook.attempts
            WHERE run_no = ${run} AND path = b.path AND (attempt = b.attempt OR state = 'running')
            ORDER BY state = 'running' DESC LIMIT 1
          ) a ON true
          WHERE a.state = 'running' OR (b.digest IS NOT NULL AND (a.state IS DISTINCT FROM 'succeeded' OR a.digest <> b.digest)
            AND NOT EXISTS (SELECT FROM runbook.decisions WHERE run_no = ${run} AND decision = $${first + 2}
                              AND accepted AND verb = 'retry' AND about_id = ${path}))
          UNION ALL
          SELECT 'decision', id FROM unnest($${first + 1}::text[]) AS named (id)
          WHERE NOT EXISTS (SELECT FROM runbook.decisions WHERE run_no = ${run} AND decision = id AND accepted)`;
}

function buildValues({ builds }: AttemptStart): unknown[] {
  return [
    builds ? JSON.stringify(builds.answers) : null,
    builds?.decisions.map(cleanText) ?? null,
    builds?.despite ?? null,
  ];
}

/**
 * After a reset a step that was undone may be due again, or its undo after the step was repeated.
 */
async function isUndone(
  client: pg.PoolClient,
  no: string,
  step: string,
  attempt: number,
): Promise<boolean> {
  const opposite = undoneBy(step) ?? undoPath(step);
  const { rowCount } = await client.query({
    name: 'attempts-taken-back',
    text: `SELECT FROM runbook.attempts mine JOIN runbook.attempts other ON other.run_no = mine.run_no
           WHERE mine.run_no = $1 AND mine.path = $2 AND mine.attempt = $3
             AND other.path = $4 AND other.state = 'succeeded' AND other.started_at >= mine.ended_at LIMIT 1`,
    values: [no, step, attempt, opposite],
  });
  return rowCount === 1;
}

async function outputOf(
  client: pg.PoolClient,
  no: string,
  step: string,
  attempt: number,
): Promise<Json> {
  const { rows } = await client.query<{ output: Json }>({
    name: 'attempts-output',
    text: 'SELECT output FROM runbook.attempts WHERE run_no = $1 AND path = $2 AND attempt = $3',
    values: [no, step, attempt],
  });
  return rows[0]?.output ?? null;
}

interface Facts {
  recorded: (Omit<RecordedFacts, 'values'> & { values: Record<string, Json> | null }) | null;
}

interface LockedStep extends Facts {
  no: string;
  claims: boolean;
  doubts: Doubt[] | null;
}

interface EarlierRow {
  last: number;
  lost: number;
  failed: number;
  succeeded: number | null;
  running: number | null;
  mine: number | null;
  place: string | null;
  host: string | null;
  fence: number;
}
