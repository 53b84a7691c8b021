import type pg from 'pg';
import type { StartEnvelope } from '../common/envelope.js';
import type { SignalNote } from '../common/judgement.js';
import type { RunKey } from '../common/keys.js';
import type { Sender } from '../common/sender.js';
import {
  endStates,
  type Problem,
  type ProgramChange,
  type RecoveryView,
  type RunState,
  type RunSummary,
  type RunView,
} from '../common/view.js';
import type { JsonObject } from '../language/json.js';
import { runFacts, type RunFacts } from '../language/run-facts.js';
import type { Plan } from '../language/plan.js';
import { lastAck } from './acks.js';
import { cleanText, jsonText } from './clean.js';
import { readDecisions, recordSignals } from './decisions.js';
import { registerExecution, type Execution } from './executions.js';
import { noteEnd } from './ends.js';
import { findRun, NotInRecord } from './find-run.js';
import { leftBySteps } from './left-steps.js';
import { addMissingSteps, readSteps, saveSteps } from './steps.js';
import { closeAttempts } from './attempts.js';
import { inSnapshot, inTransaction, type Connection } from './transaction.js';
import { closeWaits, readOpenWaits, saveWaits, settleWaits } from './waits.js';

/** Default and largest number of runs in a list. */
const defaultLimit = 50;
const maxLimit = 1_000;

export interface AdmittedRun {
  key: RunKey;
  /** The run's state at admission. */
  view: RunView;
  plan: Plan;
  envelope: StartEnvelope;
  execution?: Execution | undefined;
  /** Id of the Temporal namespace; null when it is not known. */
  namespaceId?: string | null | undefined;
  /** The queue of the workers that know its targets. */
  taskQueue?: string | undefined;
}

/**
 * The run's first entry: the run and every declared step, pending. A second call changes nothing.
 * @returns digest of the plan in the record; it differs when an earlier call recorded another plan
 */
export function admitRun(
  pool: pg.Pool,
  { key, view, plan, envelope, execution, namespaceId, taskQueue }: AdmittedRun,
): Promise<string> {
  return inTransaction(pool, async (client) => {
    const { rows } = await client.query<{ no: string; digest: string }>({
      name: 'runs-admit',
      // DO UPDATE, not DO NOTHING: a run saved before its admission was recorded lacks the plan.
      text: `INSERT INTO runbook.runs (${runColumns}, plan, envelope)
             VALUES (${runParameters}, $25::json, $26::json)
             ON CONFLICT (run, first_run_id) DO UPDATE
               SET plan = coalesce(runs.plan, excluded.plan), envelope = coalesce(runs.envelope, excluded.envelope)
             RETURNING no, plan->>'digest' AS digest`,
      values: [
        ...runValues({ ...view, id: key.run, firstRunId: key.firstRunId }),
        jsonText(plan),
        jsonText(envelope),
      ],
    });
    await addMissingSteps(client, numberOf(rows), view.steps);
    if (execution) await registerExecution(client, key, execution);
    if (namespaceId) {
      await client.query({
        name: 'runs-namespace',
        text: 'UPDATE runbook.runs SET namespace_id = $2, task_queue = $3 WHERE no = $1 AND namespace_id IS NULL',
        values: [numberOf(rows), namespaceId, taskQueue ?? null],
      });
    }
    return rows[0]?.digest ?? '';
  });
}

/** A start that was refused before there was a plan. */
export interface RefusedStart {
  key: RunKey;
  startedAt: string;
  runbook: string;
  /** As they were given, when they were text. */
  by: string;
  sender?: Sender | undefined;
  reason: string;
  problem: Problem;
}

/**
 * Records a refused start as a run that has ended, without steps. A second call changes nothing.
 */
export async function recordRefusal(pool: pg.Pool, refused: RefusedStart): Promise<void> {
  const { key, startedAt, runbook, by, sender, reason, problem } = refused;
  const view: RunView = {
    id: key.run,
    firstRunId: key.firstRunId,
    runbook: cleanText(runbook),
    runbookVersion: '',
    title: cleanText(runbook),
    type: 'TROUBLESHOOTING',
    priority: 'MEDIUM',
    targets: [],
    state: 'failed',
    planDigest: '',
    startedAt,
    endedAt: startedAt,
    requester: by,
    ...(sender ? { sender } : {}),
    reason,
    inputs: {},
    uiUrl: null,
    steps: [],
    waitingFor: [],
    decisions: [],
    outputs: {},
    problem,
    source: 'record',
  };
  await pool.query({
    name: 'runs-refuse',
    text: `INSERT INTO runbook.runs (${runColumns}) VALUES (${runParameters})
           ON CONFLICT (run, first_run_id) DO NOTHING`,
    values: runValues(view),
  });
}

/** Starts that were refused, newest first. @param sinceMs largest age in milliseconds */
export async function refusedStarts(
  pool: pg.Pool,
  sinceMs: number,
): Promise<{ run: string; why: string }[]> {
  const { rows } = await pool.query<{ run: string; why: string }>({
    name: 'runs-refused',
    text: `SELECT run, problem->>'message' AS why FROM runbook.runs
           WHERE state = 'failed' AND plan_digest = '' AND ended_at > now() - $1 * interval '1 ms'
           ORDER BY started_at DESC, no DESC LIMIT 100`,
    values: [sinceMs],
  });
  return rows;
}

/** Which save of its run this is. */
export interface SaveNumber {
  /** Counted from 1; a save that arrives after a higher one is stale, and is ignored. */
  number: number;
  /** False: only the steps that have changed since the previous save. */
  all: boolean;
}

export interface SaveAnswer {
  /** True when the record lacks earlier saves: the run has to save everything. */
  incomplete: boolean;
}

/**
 * Saves the run's state, with its steps and waits. A stale save changes nothing: an ended run is
 * not reopened (only a later end replaces an end), a step does not go back, an attempt count does
 * not go down. Only a later execution of the run, after a reset, reopens it; then its view counts.
 * @param execution the execution that saves; absent: the one that the record knows
 * @param save absent: all steps, and the save is not from the run itself
 * @param signals signals since the previous save that decided nothing
 */
export function saveRun(
  pool: pg.Pool,
  view: RunView,
  execution?: Execution,
  save?: SaveNumber,
  signals: readonly SignalNote[] = [],
): Promise<SaveAnswer> {
  return inTransaction(pool, async (client) => {
    const key = { run: view.id, firstRunId: view.firstRunId };
    const arrival = execution && (await registerExecution(client, key, execution));
    if (arrival === 'replaced') return { incomplete: false };
    const { rows } = await client.query<{ no: string }>({
      name: 'runs-save',
      text: `INSERT INTO runbook.runs AS runs (${runColumns}, saves)
             VALUES (${runParameters}, coalesce($25, 0))
             ON CONFLICT (run, first_run_id) DO UPDATE SET
               state = excluded.state, ended_at = excluded.ended_at, outputs = excluded.outputs, problem = excluded.problem,
               inputs = excluded.inputs, plan_digest = excluded.plan_digest,
               recovery = excluded.recovery, probed = excluded.probed, drifted = excluded.drifted,
               programs_changed = excluded.programs_changed,
               ui_url = coalesce(excluded.ui_url, runs.ui_url), saved_at = now(), saves = greatest(runs.saves, excluded.saves)
             WHERE (runs.ended_at IS NULL OR excluded.ended_at >= runs.ended_at)
               AND ($25::integer IS NULL OR runs.saves <= excluded.saves)
             RETURNING no`,
      values: [...runValues(view), save?.number ?? null],
    });
    if (rows.length === 0) return { incomplete: false };
    const no = numberOf(rows);
    if (signals.length > 0) await recordSignals(client, no, signals);
    if (execution && arrival === null) await registerExecution(client, key, execution);
    const ended = endStates.has(view.state);
    const isAuthoritative = ended || (save ? save.all : arrival === 'revived');
    await saveSteps(client, no, view.steps, isAuthoritative);
    await saveWaits(client, no, view.waitingFor);
    await closeWaits(client, no, view.waitingFor, ended);
    await settleWaits(client, no);
    if (ended) {
      await closeAttempts(client, no);
      await noteEnd(client, no);
    }
    return { incomplete: save?.all === false && (arrival === null || arrival === 'revived') };
  });
}

/**
 * The run from the record, with the state of each step's last attempt.
 * @param run workflow id (the newest run under it), or the key of one run
 */
export function getRun(pool: pg.Pool, run: RunKey | string): Promise<RunView | null> {
  return inSnapshot(pool, (client) => readRun(client, run));
}

async function readRun(pool: Connection, run: RunKey | string): Promise<RunView | null> {
  const no = await findRun(pool, run);
  if (no === null) return null;
  const { rows } = await pool.query<RunRow>({
    name: 'runs-get',
    text: `SELECT ${runColumns}
           FROM runbook.runs WHERE no = $1`,
    values: [no],
  });
  const row = rows[0];
  if (!row) return null;
  const live = row.ended_at === null;
  return {
    id: row.run,
    firstRunId: row.first_run_id,
    runbook: row.runbook,
    runbookVersion: row.runbook_version,
    title: row.title,
    type: row.type,
    priority: row.priority,
    targets: row.targets,
    state: row.state,
    planDigest: row.plan_digest,
    startedAt: row.started_at.toISOString(),
    endedAt: row.ended_at?.toISOString() ?? null,
    requester: row.requester,
    ...(row.sender ? { sender: row.sender } : {}),
    reason: row.reason,
    inputs: row.inputs,
    uiUrl: row.ui_url,
    steps: await readSteps(pool, no, live),
    waitingFor: live ? await readOpenWaits(pool, no) : [],
    decisions: await readDecisions(pool, no),
    outputs: row.outputs,
    ...(row.drill ? { drill: true } : {}),
    ...(row.recovery ? { recovery: row.recovery } : {}),
    ...(row.probed.length > 0 ? { probed: row.probed } : {}),
    ...(row.drifted.length > 0 ? { drifted: row.drifted } : {}),
    ...(row.programs_changed ? { programsChanged: row.programs_changed } : {}),
    problem: row.problem,
    source: 'record',
  };
}

/** The frozen plan and the start envelope of a run, as admitted; null when the record has none. */
export async function getPlan(
  pool: pg.Pool,
  run: RunKey | string,
): Promise<{ plan: Plan; envelope: StartEnvelope } | null> {
  const no = await findRun(pool, run);
  if (no === null) return null;
  const { rows } = await pool.query<{ plan: Plan; envelope: StartEnvelope }>({
    name: 'runs-plan',
    text: 'SELECT plan, envelope FROM runbook.runs WHERE no = $1 AND plan IS NOT NULL AND envelope IS NOT NULL',
    values: [no],
  });
  return rows[0] ?? null;
}

/**
 * The plan of exactly this run.
 * @returns null when it was never admitted
 * @throws NotInRecord
 */
export async function planOf(
  pool: pg.Pool,
  key: RunKey,
): Promise<{ plan: Plan | null; run: RunFacts }> {
  const { rows } = await pool.query<{
    plan: Plan | null;
    requester: string;
    reason: string;
    started_at: Date;
  }>({
    name: 'runs-plan-of',
    text: `SELECT plan, requester, reason, started_at
           FROM runbook.runs WHERE run = $1 AND first_run_id = $2`,
    values: [key.run, key.firstRunId],
  });
  const [found] = rows;
  if (!found) throw new NotInRecord(key.run);
  const { plan, requester, reason, started_at: at } = found;
  return { plan, run: runFacts({ id: key.run, startedAt: at.toISOString(), requester, reason }) };
}

/**
 * The start of the run with the inputs that people have changed at the desk; null when there are
 * none.
 */
export async function changedInputs(pool: pg.Pool, key: RunKey): Promise<StartEnvelope | null> {
  const { rows } = await pool.query<{ envelope: StartEnvelope; inputs: JsonObject }>({
    name: 'runs-changed-inputs',
    text: `SELECT r.envelope, d.envelope->'inputs' AS inputs
           FROM runbook.runs r JOIN runbook.decisions d ON d.run_no = r.no
           WHERE r.run = $1 AND r.first_run_id = $2 AND r.envelope IS NOT NULL
             AND d.accepted AND d.verb = 'retry' AND d.envelope->'inputs' IS NOT NULL
           ORDER BY d.no`,
    values: [key.run, key.firstRunId],
  });
  const [first] = rows;
  if (!first) return null;
  const { digest: _seen, ...asked } = first.envelope;
  const inputs = Object.assign({}, asked.inputs, ...rows.map((row) => row.inputs)) as JsonObject;
  return { ...asked, inputs };
}

export interface RunFilter {
  state?: RunState | readonly RunState[];
  runbook?: string;
  target?: string;
  requester?: string;
  /** Only runs that wait for people. */
  waiting?: boolean;
  /** Runs at most; 50 unless said, 1,000 at most. */
  limit?: number;
}

/** Runs, newest first. */
export async function listRuns(pool: pg.Pool, filter: RunFilter = {}): Promise<RunSummary[]> {
  const states =
    filter.state === undefined
      ? null
      : typeof filter.state === 'string'
        ? [filter.state]
        : [...filter.state];
  const { rows } = await pool.query<SummaryRow>({
    name: 'runs-list',
    text: `SELECT r.run, r.first_run_id, r.runbook, r.title, r.priority, r.targets, r.state, r.requester, r.reason, r.drill, r.started_at, r.ended_at,
                  (SELECT count(*)::integer FROM runbook.steps s WHERE ${leftBySteps}) AS left_steps,
                  (SELECT s.path FROM runbook.steps s
                    WHERE r.ended_at IS NULL AND s.run_no = r.no AND s.undo_of IS NULL AND s.state IN ('running', 'waiting', 'undoing')
                    ORDER BY s.started_at DESC NULLS LAST, s.path DESC LIMIT 1) AS step,
                  (SELECT coalesce(json_agg(json_build_object(
                            'kind', w.kind, 'id', w.gate, 'title', w.title, 'since', w.since,
                            'who', w.who, 'deciders', w.deciders, 'verbs', w.verbs,
                            'command', w.command, 'takenBy', (${lastAck('k.taken_by', 'w', 'gate')}))
                                            ORDER BY w.since, w.gate), '[]')
                     FROM runbook.waits w WHERE r.ended_at IS NULL AND w.run_no = r.no AND w.closed_at IS NULL) AS waiting_for
           FROM runbook.runs r
           WHERE ($1::text[] IS NULL OR r.state = ANY ($1))
             AND ($2::text IS NULL OR r.runbook = $2)
             AND ($3::text IS NULL OR r.targets @> ARRAY[$3])
             AND ($4::text IS NULL OR r.requester = $4)
             AND (NOT $5::boolean OR (r.ended_at IS NULL
                  AND EXISTS (SELECT FROM runbook.waits w WHERE w.run_no = r.no AND w.closed_at IS NULL)))
           ORDER BY r.started_at DESC, r.no DESC
           LIMIT $6`,
    values: [
      states,
      filter.runbook ?? null,
      filter.target ?? null,
      filter.requester ?? null,
      filter.waiting ?? false,
      Math.min(Math.max(1, filter.limit ?? defaultLimit), maxLimit),
    ],
  });
  return rows.map((row) => ({
    id: row.run,
    firstRunId: row.first_run_id,
    runbook: row.runbook,
    title: row.title,
    priority: row.priority,
    targets: row.targets,
    state: row.state,
    requester: row.requester,
    reason: row.reason,
    ...(row.drill ? { drill: true as const } : {}),
    startedAt: row.started_at.toISOString(),
    endedAt: row.ended_at?.toISOString() ?? null,
    ...(row.left_steps > 0 ? { left: row.left_steps } : {}),
    step: row.step,
    waitingFor: row.waiting_for.map((wait) => ({
      ...wait,
      since: new Date(wait.since).toISOString(),
    })),
  }));
}

/** Names of all runbooks and targets that runs have had. */
export async function namesInRecord(
  pool: pg.Pool,
): Promise<{ runbooks: string[]; targets: string[] }> {
  const { rows } = await pool.query<{ runbooks: string[]; targets: string[] }>({
    name: 'runs-names',
    text: `SELECT ARRAY(SELECT DISTINCT runbook FROM runbook.runs ORDER BY 1) AS runbooks,
                  ARRAY(SELECT DISTINCT unnest(targets) FROM runbook.runs ORDER BY 1) AS targets`,
  });
  return rows[0] ?? { runbooks: [], targets: [] };
}

/** The newest run, or null when there is none. */
export async function latestRun(pool: pg.Pool): Promise<RunSummary | null> {
  return (await listRuns(pool, { limit: 1 }))[0] ?? null;
}

type RunRow = Pick<
  RunView,
  | 'runbook'
  | 'title'
  | 'type'
  | 'priority'
  | 'targets'
  | 'state'
  | 'requester'
  | 'reason'
  | 'inputs'
  | 'outputs'
  | 'problem'
> & {
  run: string;
  first_run_id: string;
  runbook_version: string;
  plan_digest: string;
  started_at: Date;
  ended_at: Date | null;
  ui_url: string | null;
  drill: boolean;
  recovery: RecoveryView | null;
  probed: string[];
  drifted: string[];
  programs_changed: ProgramChange[] | null;
  sender: Sender | null;
};

type SummaryRow = Pick<
  RunSummary,
  'runbook' | 'title' | 'priority' | 'targets' | 'state' | 'requester' | 'reason' | 'step'
> & {
  run: string;
  first_run_id: string;
  drill: boolean;
  started_at: Date;
  ended_at: Date | null;
  left_steps: number;
  waiting_for: RunSummary['waitingFor'];
};

const runColumns = `run, first_run_id, runbook, runbook_version, title, type, priority, targets,
  state, plan_digest, requester, reason, started_at, ended_at, ui_url, inputs, outputs, problem,
  drill, recovery, probed, drifted, programs_changed, sender`;

function runValues(view: RunView): unknown[] {
  const ended = endStates.has(view.state);
  return [
    view.id,
    view.firstRunId,
    view.runbook,
    view.runbookVersion,
    view.title,
    view.type,
    view.priority,
    view.targets,
    view.state,
    view.planDigest,
    cleanText(view.requester),
    cleanText(view.reason),
    view.startedAt,
    ended ? (view.endedAt ?? new Date().toISOString()) : null,
    view.uiUrl,
    jsonText(view.inputs),
    jsonText(view.outputs),
    jsonText(view.problem),
    view.drill ?? false,
    jsonText(view.recovery ?? null),
    view.probed ?? [],
    view.drifted ?? [],
    view.programsChanged ? jsonText(view.programsChanged) : null,
    view.sender ? jsonText(view.sender) : null,
  ];
}

const runParameters = `$1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13::timestamptz,
  $14::timestamptz, $15, $16::json, $17::json, $18::json, $19, $20::json, $21::text[], $22::text[],
  $23::json, $24::json`;

function numberOf(rows: { no: string }[]): string {
  const no = rows[0]?.no;
  if (no === undefined) throw new Error('the database returned no row for an insert');
  return no;
}
