import type pg from 'pg';
import type { StartEnvelope } from '../common/envelope.js';
import type { RunKey } from '../common/keys.js';
import type { Sender } from '../common/sender.js';
import type { ProgramChange, RecoveryView, RunView } from '../common/view.js';
import type { JsonObject } from '../language/json.js';
import { runFacts, type RunFacts } from '../language/run-facts.js';
import type { Plan, PlannedFile } from '../language/plan.js';
import { readDecisions } from './decisions.js';
import { findRun, NotInRecord } from './find-run.js';
import { readFormerEnds } from './former-ends.js';
import { readSteps } from './steps.js';
import { type Connection, inSnapshot } from './transaction.js';
import { readOpenWaits } from './waits.js';
import { runColumns } from './run-row.js';

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
  const formerEnds = await readFormerEnds(pool, no);
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
    ...(formerEnds.length > 0 ? { formerEnds } : {}),
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
    text:
      'SELECT plan, envelope FROM runbook.runs WHERE no = $1 AND plan IS NOT NULL ' +
      'AND envelope IS NOT NULL',
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

/** What a run keeps of the files that it was made from. */
export async function madeFrom(
  pool: pg.Pool,
  key: RunKey,
): Promise<{ sources: Readonly<Record<string, string>>; files: readonly PlannedFile[] }> {
  const { rows } = await pool.query<{
    sources: Record<string, string> | null;
    files: PlannedFile[] | null;
  }>({
    name: 'runs-made-from',
    text: `SELECT sources, plan->'files' AS files
           FROM runbook.runs WHERE run = $1 AND first_run_id = $2`,
    values: [key.run, key.firstRunId],
  });
  return { sources: rows[0]?.sources ?? {}, files: rows[0]?.files ?? [] };
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
