import type pg from 'pg';
import type { Builds } from '../common/attempt.js';
import type { RunKey } from '../common/keys.js';
import { hostOfPlace } from '../common/queues.js';
import { placesOf, type SavedStep } from '../common/saved-steps.js';
import { undoneBy, undoPath } from '../language/paths.js';
import type { AttemptState, AttemptView, Problem, StepView } from '../common/view.js';
import type { Json } from '../language/json.js';
import type { FoundProgram } from '../language/plan.js';
import type { StepKind } from '../language/kinds/index.js';
import type { Effect } from '../language/runbook.js';
import { cleanText, jsonText } from './clean.js';
import { registerExecution, ExecutionReplaced, type Execution } from './executions.js';
import { factsQuery, wantedValues, type RecordedFacts, type WantedFacts } from './facts.js';
import { findRun, lockRun, NotInRecord } from './find-run.js';
import { proveLeases, type LeaseLoss } from './leases.js';
import { inTransaction, retrying, type Connection } from './transaction.js';

const uniqueViolation = '23505';

export interface AttemptStart {
  key: RunKey;
  /** Path. */
  step: string;
  title: string;
  kind: StepKind;
  effect: Effect;
  host: string;
  /** Identity of the worker process. */
  worker: string;
  /** Temporal's own count for this activity. */
  temporalAttempt: number;
  /** Where this worker runs: its commands can be found again only there. */
  place?: string;
  /**
   * True when an attempt whose worker died can be resumed; then it is taken over instead of given
   * up.
   */
  resumable?: boolean;
  /** The execution of the run that requests the attempt. */
  execution?: Execution | undefined;
  /**
   * Set for a step that changes its targets: the run must hold their leases. `retake` takes back
   * lost ones that are free by now.
   */
  leases?: 'prove' | 'retake';
  /** True when only the host where it was started can resume it. */
  hostBound?: boolean;
  /** Id of a host that the run no longer waits for. */
  hostGone?: string;
  /** The results and decisions that the step depends on. */
  builds?: Builds | undefined;
  /**
   * True when the step is safe to repeat: then an attempt that cannot be resumed is started again.
   */
  repeatable?: boolean;
  /** Facts about other steps to read in the same round trip. */
  wanted?: WantedFacts;
}

/** A step may not change a target whose lease its run has lost. */
export class LeaseLostError extends Error {
  constructor(
    readonly loss: LeaseLoss,
    /** The last attempt before; 0 when there was none. */
    readonly attempt: number,
  ) {
    super(`lost target ${loss.target}`);
    this.name = 'LeaseLostError';
  }
}

/** Something that a run depends on, and that the record does not confirm. */
export interface Doubt {
  /**
   * `running`: the step has not ended. `output`: it has another output, or has not succeeded.
   * `decision`: it was not accepted.
   */
  about: 'running' | 'output' | 'decision';
  /** Path of the step, or id of the decision. */
  name: string;
}

/** A step may not begin when the record does not confirm what it depends on. */
export class NotConfirmedError extends Error {
  constructor(
    readonly doubts: readonly Doubt[],
    /** The last attempt before; 0 when there was none. */
    readonly attempt: number,
  ) {
    super('not confirmed');
    this.name = 'NotConfirmedError';
  }
}

export interface AttemptBegun {
  /** The number of this attempt, from 1. */
  attempt: number;
  /** Earlier attempts whose worker died, including those just found. */
  lost: number;
  /** Earlier attempts that failed or ran out of time. */
  failed: number;
  /**
   * Fencing token: counts the workers that have had this attempt; a write with a lower one is
   * refused.
   */
  fence: number;
  /**
   * Set when the attempt was taken over: the place of the previous worker, and its evidence of the
   * outcome.
   */
  resumedFrom?: string;
  evidence?: Json;
  /**
   * Set when the attempt was taken over, and its run has lost a lease since: nothing new may be
   * started.
   */
  lostLease?: LeaseLoss;
  /**
   * Set when the attempt belongs to another host, which must be asked: nothing was started or taken
   * over.
   */
  elsewhere?: { id: string; name: string };
  /**
   * Set when `attempt` has already done the step: nothing was started, and nothing may be repeated.
   */
  succeeded?: { output: Json };
  /** Set when facts were requested. */
  recorded?: RecordedFacts;
}

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
               INSERT INTO runbook.attempts AS mine (run_no, path, attempt, state, host, worker, temporal_attempt, place, execution, started_at)
               SELECT run_no, $3, 1, 'running', $8, $9, $10, $11, $12, run.at FROM step, run
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
      text: `UPDATE runbook.attempts SET state = 'lost', ended_at = clock_timestamp() WHERE run_no = $1 AND path = $2 AND attempt = $3`,
      values: [no, start.step, running],
    });
  }
  const attempt = last + 1;
  await client.query({
    name: 'attempts-begin',
    text: `WITH begun AS (
               INSERT INTO runbook.attempts (run_no, path, attempt, state, host, worker, temporal_attempt, place, execution)
               VALUES ($1, $2, $3, 'running', $4, $5, $6, $7, $8) RETURNING started_at
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
    ],
  });
  return { attempt, lost: lost + (running === null ? 0 : 1), failed, fence: 1 };
}

/**
 * The host that must be asked about an attempt of this place; null when this worker may resume it.
 */
function otherHost(
  place: string,
  name: string | null,
  asking: Pick<AttemptStart, 'place' | 'hostBound' | 'hostGone'>,
): { id: string; name: string } | null {
  const id = hostOfPlace(place);
  if (!asking.hostBound || id === hostOfPlace(asking.place ?? '') || id === asking.hostGone)
    return null;
  return { id, name: name ?? id };
}

/**
 * Takes over a running attempt whose result nobody waits for any more, so that its command can be
 * ended.
 * @returns null when none runs; `elsewhere` when it is a command of another host, which must end it
 */
export function adoptAttempt(
  pool: pg.Pool,
  start: Pick<AttemptStart, 'key' | 'step' | 'worker' | 'place' | 'hostGone'>,
): Promise<
  | { attempt: number; fence: number; place: string | null; elsewhere?: undefined }
  | { elsewhere: { id: string; name: string } }
  | null
> {
  return inTransaction(pool, async (client) => {
    const no = await lockRun(client, start.key);
    const open = await client.query<{ place: string | null; host: string; command: boolean }>({
      name: 'attempts-open',
      text: `SELECT a.place, a.host, s.kind IN ('command', 'rollout') AS command
             FROM runbook.attempts a JOIN runbook.steps s ON s.run_no = a.run_no AND s.path = a.path
             WHERE a.run_no = $1 AND a.path = $2 AND a.state = 'running'`,
      values: [no, start.step],
    });
    const [found] = open.rows;
    const elsewhere =
      found?.place && otherHost(found.place, found.host, { ...start, hostBound: found.command });
    if (elsewhere) return { elsewhere };
    const { rows } = await client.query<{ attempt: number; fence: number; place: string | null }>({
      name: 'attempts-adopt',
      text: `UPDATE runbook.attempts SET fence = fence + 1, worker = $3 WHERE run_no = $1 AND path = $2 AND state = 'running'
             RETURNING attempt, fence, place`,
      values: [no, start.step, start.worker],
    });
    return rows[0] ?? null;
  });
}

/**
 * The place stays that of the first worker, where the command runs. Its output will be shipped
 * again from the start.
 */
async function takeOver(
  client: pg.PoolClient,
  no: string,
  start: AttemptStart,
  attempt: number,
): Promise<Json> {
  await lockRun(client, start.key);
  const { rows } = await client.query<{ evidence: Json }>({
    name: 'attempts-take-over',
    text: `UPDATE runbook.attempts SET fence = fence + 1, worker = $4, temporal_attempt = $5, execution = $6
           WHERE run_no = $1 AND path = $2 AND attempt = $3 RETURNING evidence`,
    values: [
      no,
      start.step,
      attempt,
      start.worker,
      start.temporalAttempt,
      start.execution?.runId ?? null,
    ],
  });
  for (const table of ['output', 'output_totals']) {
    await client.query({
      name: `${table}-again`,
      text: `DELETE FROM runbook.${table} WHERE run_no = $1 AND path = $2 AND attempt = $3`,
      values: [no, start.step, attempt],
    });
  }
  return rows[0]?.evidence ?? null;
}

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
                  a.worker, a.started_at, CASE WHEN a.state = 'running' THEN r.ended_at ELSE a.ended_at END AS ended_at,
                  a.output, a.error, a.programs, t.bytes, t.sha256, t.truncated
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
    startedAt: row.started_at.toISOString(),
    endedAt: row.ended_at?.toISOString() ?? null,
    output: row.output,
    error: row.error,
    ...(row.programs ? { programs: row.programs } : {}),
    written:
      row.bytes === null
        ? null
        : { bytes: Number(row.bytes), sha256: row.sha256 ?? '', truncated: row.truncated ?? false },
  }));
}

/** Adds the steps that the record does not have yet. */
export async function addMissingSteps(
  client: pg.PoolClient,
  no: string,
  steps: readonly StepView[],
): Promise<void> {
  await client.query({
    name: 'steps-add',
    text: `INSERT INTO runbook.steps (${stepColumns}) SELECT ${stepValues} ${stepSource} ON CONFLICT (run_no, path) DO NOTHING`,
    values: [no, stepsJson(steps)],
  });
}

/**
 * Saves the steps as a run sees them. The view of an ended run is final; before that a step never
 * goes back: neither its attempts nor, for the same attempts, its state. A step that is saved
 * without output keeps the output that its attempt recorded.
 */
export async function saveSteps(
  client: pg.PoolClient,
  no: string,
  steps: readonly StepView[],
  ended: boolean,
): Promise<void> {
  await client.query({
    name: 'steps-save',
    text: `INSERT INTO runbook.steps AS s (${stepColumns}) SELECT ${stepValues} ${stepSource}
           ON CONFLICT (run_no, path) DO UPDATE SET
             ordinal = excluded.ordinal, title = excluded.title, undo = excluded.undo, taken_from = excluded.taken_from,
             attempts = greatest(s.attempts, excluded.attempts),
             started_at = coalesce(excluded.started_at, s.started_at),
             (state, ended_at, output, error) = (
               SELECT CASE WHEN fresh THEN excluded.state ELSE s.state END, CASE WHEN fresh THEN excluded.ended_at ELSE s.ended_at END,
                      CASE WHEN NOT fresh THEN s.output WHEN excluded.state = 'succeeded' THEN coalesce(excluded.output, s.output) ELSE excluded.output END, CASE WHEN fresh THEN excluded.error ELSE s.error END
               FROM (SELECT $3 OR excluded.attempts > s.attempts OR ${rankOf('excluded')} >= ${rankOf('s')} AS fresh) AS news
             )`,
    values: [no, stepsJson(steps), ended],
  });
}

/** No attempt outlives its run: one that still runs when the run has ended has lost its worker. */
export async function closeAttempts(client: pg.PoolClient, no: string): Promise<void> {
  await client.query({
    name: 'attempts-close',
    text: `UPDATE runbook.attempts SET state = 'lost', ended_at = clock_timestamp() WHERE run_no = $1 AND state = 'running'`,
    values: [no],
  });
}

/**
 * The steps of a run in the order of the runbook.
 * @param live true while the run has not ended: an undo under way is shown at its step
 */
export async function readSteps(pool: Connection, no: string, live: boolean): Promise<StepView[]> {
  const { rows } = await pool.query<StepRow>({
    name: 'steps-read',
    text: `SELECT s.path, s.ordinal, s.title, s.kind, s.effect, s.state, s.attempts, s.started_at, s.ended_at, s.output, s.error, s.undo, s.taken_from,
                  u.state AS undo_state
           FROM runbook.steps s
           LEFT JOIN runbook.steps u ON u.run_no = s.run_no AND u.undo_of = s.path
           WHERE s.run_no = $1 AND s.undo_of IS NULL
           ORDER BY s.ordinal NULLS LAST, s.started_at, s.path`,
    values: [no],
  });
  return inRunOrder(rows).map((row) => ({
    id: row.path,
    title: row.title,
    kind: row.kind,
    effect: row.effect,
    state:
      live && row.undo_state && row.undo_state !== 'pending'
        ? row.undo_state === 'succeeded'
          ? 'undone'
          : 'undoing'
        : row.state,
    attempts: row.attempts,
    startedAt: row.started_at?.toISOString() ?? null,
    endedAt: row.ended_at?.toISOString() ?? null,
    output: row.output,
    error: row.error,
    ...(row.undo === null ? {} : { undo: row.undo }),
    ...(row.taken_from === null ? {} : { takenFrom: row.taken_from }),
  }));
}

/**
 * Steps that the run has not saved yet are placed last in their group: `corrupt/load` and
 * `corrupt.2/load` belong to `corrupt`.
 */
function inRunOrder(rows: readonly StepRow[]): StepRow[] {
  const group = (row: StepRow): string => row.path.split(/[/.]/, 1)[0] ?? row.path;
  const ordered = rows.filter((row) => row.ordinal !== null);
  for (const row of rows.filter((candidate) => candidate.ordinal === null)) {
    const behind = ordered.findLastIndex((candidate) => group(candidate) === group(row));
    ordered.splice(behind === -1 ? ordered.length : behind + 1, 0, row);
  }
  return ordered;
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
                              AND accepted AND verb = 'retry' AND gate = ${path}))
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

/** Progress of a step, for the same number of attempts. */
function rankOf(row: string): string {
  return `CASE ${row}.state WHEN 'pending' THEN 0 WHEN 'waiting' THEN 1 WHEN 'running' THEN 1 WHEN 'undoing' THEN 3 WHEN 'undone' THEN 4 ELSE 2 END`;
}

const stepColumns =
  'run_no, path, ordinal, title, kind, effect, state, attempts, started_at, ended_at, output, error, undo, taken_from';
const stepValues =
  '$1::bigint, v.id, v.ordinal, v.title, v.kind, v.effect, v.state, v.attempts, v.started, v.ended, v.output, v.error, v.undo, v."takenFrom"';
const stepSource = `FROM json_to_recordset($2::json) AS v (id text, ordinal integer, title text, kind text, effect text, state text,
  attempts integer, started timestamptz, ended timestamptz, output json, error json, undo text, "takenFrom" text)`;

function stepsJson(steps: readonly (StepView | SavedStep)[]): string | null {
  const places = placesOf(steps);
  return jsonText(
    steps.map(({ startedAt, endedAt, ...step }, index) => ({
      ordinal: places[index],
      ...step,
      started: startedAt,
      ended: endedAt,
    })),
  );
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

type AttemptRow = Omit<AttemptView, 'startedAt' | 'endedAt' | 'written' | 'programs'> & {
  programs: FoundProgram[] | null;
  started_at: Date;
  ended_at: Date | null;
  bytes: string | null;
  sha256: string | null;
  truncated: boolean | null;
};

type StepRow = Pick<
  StepView,
  'title' | 'kind' | 'effect' | 'state' | 'attempts' | 'output' | 'error'
> & {
  path: string;
  ordinal: number | null;
  started_at: Date | null;
  ended_at: Date | null;
  undo: string | null;
  taken_from: string | null;
  undo_state: string | null;
};
