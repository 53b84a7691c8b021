import type pg from 'pg';
import { placesOf, type SavedStep } from '../common/saved-steps.js';
import type { StepView } from '../common/view.js';
import { jsonText } from './clean.js';
import type { Connection } from './transaction.js';

/** Adds the steps that the record does not have yet. */
export async function addMissingSteps(
  client: pg.PoolClient,
  no: string,
  steps: readonly StepView[],
): Promise<void> {
  await client.query({
    name: 'steps-add',
    text:
      `INSERT INTO runbook.steps (${stepColumns}) SELECT ${stepValues} ${stepSource} ` +
      'ON CONFLICT (run_no, path) DO NOTHING',
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

/** Progress of a step, for the same number of attempts. */
function rankOf(row: string): string {
  return (
    `CASE ${row}.state WHEN 'pending' THEN 0 WHEN 'waiting' THEN 1 WHEN 'running' THEN 1 ` +
    "WHEN 'undoing' THEN 3 WHEN 'undone' THEN 4 ELSE 2 END"
  );
}

const stepColumns =
  'run_no, path, ordinal, title, kind, effect, state, attempts, started_at, ended_at, ' +
  'output, error, undo, taken_from';
const stepValues =
  '$1::bigint, v.id, v.ordinal, v.title, v.kind, v.effect, v.state, v.attempts, v.started, ' +
  'v.ended, v.output, v.error, v.undo, v."takenFrom"';
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
