import type pg from 'pg';
import type { SignalNote } from '../common/judgement.js';
import { endStates, type RunView } from '../common/view.js';
import { recordSignals } from './decisions.js';
import { type Execution, registerExecution } from './executions.js';
import { noteEnd } from './ends.js';
import { saveSteps } from './steps.js';
import { closeAttempts } from './attempts.js';
import { inTransaction } from './transaction.js';
import { closeWaits, saveWaits, settleWaits } from './waits.js';
import { numberOf, runColumns, runParameters, runValues } from './run-row.js';

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
    await closeWaits(client, no, ended ? [] : view.waitingFor, ended || save !== undefined);
    await settleWaits(client, no);
    if (ended) {
      await closeAttempts(client, no);
      await noteEnd(client, no);
    }
    return { incomplete: save?.all === false && (arrival === null || arrival === 'revived') };
  });
}
