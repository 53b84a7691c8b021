import type pg from 'pg';
import type { StartEnvelope } from '../common/envelope.js';
import type { RunKey } from '../common/keys.js';
import type { Sender } from '../common/sender.js';
import type { Problem, RunView } from '../common/view.js';
import type { Plan } from '../language/plan.js';
import { cleanText, jsonText } from './clean.js';
import { type Execution, registerExecution } from './executions.js';
import { keepFiles, type StoredContent } from './files.js';
import { addMissingSteps } from './steps.js';
import { inTransaction } from './transaction.js';
import { numberOf, runColumns, runParameters, runValues } from './run-row.js';

export interface AdmittedRun {
  key: RunKey;
  /** The run's state at admission. */
  view: RunView;
  plan: Plan;
  /** The files of the plan, with their bytes. */
  files?: readonly StoredContent[];
  /** Digests of the files that its runbooks were read from, by name. */
  sources?: Readonly<Record<string, string>>;
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
  { key, view, plan, files = [], sources, envelope, ...others }: AdmittedRun,
): Promise<string> {
  const { execution, namespaceId, taskQueue } = others;
  return inTransaction(pool, async (client) => {
    const { rows } = await client.query<{ no: string; digest: string }>({
      name: 'runs-admit',
      // DO UPDATE, not DO NOTHING: a run saved before its admission was recorded lacks the plan.
      text: `INSERT INTO runbook.runs (${runColumns}, plan, envelope, sources)
             VALUES (${runParameters}, $25::json, $26::json, $27::json)
             ON CONFLICT (run, first_run_id) DO UPDATE
               SET plan = coalesce(runs.plan, excluded.plan),
                   envelope = coalesce(runs.envelope, excluded.envelope),
                   sources = coalesce(runs.sources, excluded.sources)
             RETURNING no, plan->>'digest' AS digest`,
      values: [
        ...runValues({ ...view, id: key.run, firstRunId: key.firstRunId }),
        jsonText(plan),
        jsonText(envelope),
        jsonText(sources),
      ],
    });
    await keepFiles(client, files);
    await addMissingSteps(client, numberOf(rows), view.steps);
    if (execution) await registerExecution(client, key, execution);
    if (namespaceId) {
      await client.query({
        name: 'runs-namespace',
        text:
          'UPDATE runbook.runs SET namespace_id = $2, task_queue = $3 WHERE no = $1 ' +
          'AND namespace_id IS NULL',
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
