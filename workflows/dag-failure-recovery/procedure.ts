import { durationMs } from '../../language/duration.js';
import type { Json, JsonObject } from '../../language/json.js';
import { isObject } from '../../language/objects.js';
import { later } from '../../language/reference.js';
import type { Work } from '../engine/attempts.js';
import type { GateQuestion } from '../engine/gates.js';
import { inside } from '../engine/listed.js';
import { ProcedureStopped } from '../engine/outcome.js';
import { runbook } from '../engine/runbook.js';
import type { Run } from '../engine/surface.js';
import { look } from '../pipeline-recovery/ask.js';
import { cureOf } from '../pipeline-recovery/found-jobs.js';
import {
  againWords,
  changesData,
  chooseCheckpoint,
  type Proofs,
} from '../pipeline-recovery/findings.js';
import { examine, find, limitsOfAll, type Dag, type Examined, type Left } from './examine.js';
import { closingMessage } from '../shared/closing-message.js';
import { chooseRuns, nextBatch } from './order.js';
import { poolWords, pools, room } from './platform.js';
import { dagFailureRecoverySpec } from './spec.js';

interface Inputs {
  atOnce: number;
  maxFailures: number;
  tolerance: number;
  followMs: number;
}

/** How far the recovery is. */
interface State {
  waiting: Examined[];
  recovered: string[];
  failedAgain: Left[];
}

/** Recovers many failed DAG runs, a few at a time, the oldest data first. */
export const dagFailureRecovery = runbook(dagFailureRecoverySpec, async (run) => {
  const inputs = readInputs(run.inputs);
  const dags = await find(run);
  const { runs, beyond } = run.decide('order', () =>
    chooseRuns(dags, {
      jobs: run.inputs['jobs'] as string[],
      sinceMs: Date.now() - inMs(run.inputs['since']),
      atMost: Number(run.inputs['most']),
    }),
  );
  const { examined, left } = await examine(run, dags, runs);
  const state: State = { waiting: examined, recovered: [], failedAgain: [] };
  const others = { left, beyond };
  if (examined.length === 0) throw notCleared(tell(run, state, others));
  let failed: Left[] = [];
  let isApproved = false;
  for (;;) {
    const batch = nextOf(state, inputs.atOnce);
    if (batch.length === 0) break;
    if (!isApproved || failed.length >= inputs.maxFailures) {
      tell(run, state, others);
      const full = await poolsOf(run, state.waiting);
      await run.gate('approve', questionFor(run, state, inputs, { ...others, failed, full }));
      isApproved = true;
      failed = [];
    }
    failed = [...failed, ...(await recoverBatch(run, batch, inputs, state))];
  }
  await end(run, state, others);
});

/** How full the pools are that these use. */
async function poolsOf(run: Run, waiting: readonly Examined[]): Promise<JsonObject> {
  const dags = dagsOf(waiting);
  const answers = await run.forEach(
    'pools',
    dags.map(({ pipeline }) => pipeline),
    pools,
  );
  const words = dags.map((dag): [string, string] => [
    `pools of ${dag.pipeline}`,
    poolWords(dag.pools, answers[dag.pipeline] ?? null),
  ]);
  return Object.fromEntries(words);
}

function dagsOf(runs: readonly Examined[]): Dag[] {
  return [...new Set(runs.map(({ dag }) => dag))];
}

function nextOf({ waiting, recovered }: State, atOnce: number): Examined[] {
  const next = nextBatch(
    waiting.map((each) => each.run),
    new Set(recovered),
    atOnce,
  );
  return waiting.filter(({ run }) => next.includes(run));
}

/** Clears a batch and follows it to its end. @returns those that have failed again */
async function recoverBatch(
  run: Run,
  batch: readonly Examined[],
  inputs: Inputs,
  state: State,
): Promise<Left[]> {
  const of = (id: string): Examined => batch.find((each) => each.run.id === id) as Examined;
  const ids = batch.map((each) => each.run.id);
  const dags = dagsOf(batch);
  await run.forEach(
    'room',
    dags.map(({ pipeline }) => pipeline),
    (pipeline) => {
      const dag = dags.find((each) => each.pipeline === pipeline) as Dag;
      return room(pipeline, dag.pools, inputs.followMs);
    },
  );
  // Each database of a pipeline by itself.
  const moves = new Map(ids.map((id) => [id, quarantineOf(run, of(id))]));
  const most = Math.max(...[...moves.values()].map((works) => works.length));
  for (let at = 0; at < most; at += 1) {
    const moved = ids.filter((id) => moves.get(id)?.[at]);
    await run.forEach('quarantine', moved, (id) => moves.get(id)?.[at] as Work);
  }
  // One after the other: a clear that meets another one in Airflow's database may be refused with
  // 500, and what became of it is not known.
  for (const one of ids) await run.forEach('restart', [one], (id) => clearOf(run, of(id)));
  const ended = await run.forEach('follow', ids, (id) => {
    const { dag, run: each } = of(id);
    return dag.runner.follow(each.job, inputs.followMs).work;
  });
  const done = ids.filter((id) => stateIn(ended[id] ?? null) === 'success');
  const wrong = await proveAgain(run, done.map(of), inputs);
  const failed = [
    ...(await whyFailed(
      run,
      batch.filter((each) => !done.includes(each.run.id)),
    )),
    ...wrong,
  ];
  state.waiting = state.waiting.filter((each) => !batch.includes(each));
  state.failedAgain.push(...failed);
  state.recovered.push(...done.filter((id) => !wrong.some((each) => each.id === id)));
  return failed;
}

/** None where nothing is moved away. */
function quarantineOf(run: Run, { actions, choice, run: each }: Examined): Work[] {
  return changesData(choice) ? actions.quarantine(choice, `${run.id} ${each.id}`) : [];
}

function clearOf(run: Run, { dag, run: each, status, choice, preview }: Examined): Work {
  const job = { ...status, dataset: each.dataset, tasks: preview.tasks };
  const { checkpoint, corrupt } = choice;
  return dag.runner.restart(`${run.id} ${each.id}`, job, checkpoint, corrupt).work;
}

function stateIn(answer: Json): Json {
  return isObject(answer) ? (answer['state'] ?? null) : null;
}

/**
 * Proves what went well: Airflow may have tried a task again by itself, and it has written a second
 * time.
 * @returns those whose data are wrong
 */
async function proveAgain(
  run: Run,
  done: readonly Examined[],
  { tolerance }: Inputs,
): Promise<Left[]> {
  if (done.length === 0) return [];
  const stages = done.flatMap((each) =>
    each.dag.declared.pipeline.data.stages.map(({ name }) => ({
      each,
      name,
      id: `${each.run.id} ${name}`,
    })),
  );
  const proofs = await run.forEach<Proofs[string]>(
    'proved',
    stages.map(({ id }) => id),
    (item) => {
      const { each, name } = stages.find(({ id }) => id === item) as (typeof stages)[number];
      return { action: each.actions.prove(name) };
    },
  );
  const rows = await run.forEach(
    'rows',
    done.map((each) => each.run.id),
    (id) => {
      const { actions, run: each, dag } = done.find(({ run }) => run.id === id) as Examined;
      const ended = { id: each.job, status: 'completed' } as const;
      const cure = cureOf(dag.declared.pipeline.data, ended, dag.runner);
      return actions.compare(tolerance, cure);
    },
  );
  return done.flatMap(({ run: { id, job }, dag }): Left[] => {
    const own = stages.filter(({ each }) => each.run.id === id);
    const proved = Object.fromEntries(own.map((stage) => [stage.name, proofs[stage.id]])) as Proofs;
    const status = { id: job, status: 'completed', stage: null, error: null } as const;
    const { corrupt, verdict } = chooseCheckpoint(dag.declared.pipeline.data, proved, status);
    if (corrupt.length > 0) return [{ id, why: `it went well, and its data is wrong: ${verdict}` }];
    if (rows[id] !== null) return [];
    return [{ id, why: 'it went well, and its target differs from the source' }];
  });
}

async function whyFailed(run: Run, failed: readonly Examined[]): Promise<Left[]> {
  if (failed.length === 0) return [];
  return run.nested('again', async () => {
    const told: Left[] = [];
    for (const { run: each, dag } of failed) {
      const { status, error } = await look(run.within('again', each.id), dag.runner, each.job);
      told.push({
        id: each.id,
        why: error ? `${error.code}: ${error.message}` : `it is ${status}`,
      });
    }
    return told;
  });
}

interface Others {
  left: readonly Left[];
  beyond: number;
}

/** What the approver sees, and exactly what the approval allows. */
function questionFor(
  run: Run,
  { waiting, recovered }: State,
  { atOnce }: Inputs,
  { left, beyond, failed, full }: Others & { failed: readonly Left[]; full: JsonObject },
): GateQuestion {
  const works = (of: (each: Examined) => Work | Work[]): Work[] => waiting.flatMap(of);
  return {
    evidence: {
      ...(failed.length > 0
        ? {
            'failed again': failed.map(({ id, why }) => `${id}: ${why}`),
            'recovered so far': recovered.length,
          }
        : {}),
      'DAG runs to clear': waiting.map(wordsOf),
      'at once': `${atOnce}; the others wait until these have ended`,
      causes: causesOf(waiting),
      ...full,
      ...rowsAgain(waiting),
      ...(left.length > 0 ? { 'not cleared': left.map(({ id, why }) => `${id}: ${why}`) } : {}),
      ...(beyond > 0 ? { 'left for another run of this runbook': beyond } : {}),
      'cannot be done': limitsOfAll(waiting).join(' '),
    },
    actions: {
      ...inside('quarantine', { run: works((each) => quarantineOf(run, each)) }),
      ...inside('restart', { run: works((each) => clearOf(run, each)) }),
      notify: [closing(run, later('the result'), later('outputs'))],
    },
  };
}

/** How many rows are done again, by what they are. */
function rowsAgain(waiting: readonly Examined[]): JsonObject {
  const rows: Record<string, number> = {};
  for (const { dag, choice } of waiting) {
    const words = againWords(dag.declared.pipeline.data);
    rows[words] = (rows[words] ?? 0) + choice.rowsAgain;
  }
  return rows;
}

function wordsOf({ run, status, choice, preview }: Examined): string {
  const { error } = status;
  return [
    `${run.id}, due ${run.due}`,
    error ? `${error.code}: ${error.message}` : 'no error told',
    choice.verdict,
    ...Object.entries(preview.evidence).map(([what, words]) => `${what}: ${words}`),
    ...(run.after.length > 0 ? [`after ${run.after.join(', ')}`] : []),
  ].join('; ');
}

/** How many have failed for which reason, the most frequent first. */
function causesOf(waiting: readonly Examined[]): string[] {
  const counts = new Map<string, number>();
  for (const { status } of waiting) {
    const why = status.error?.message ?? 'no error told';
    counts.set(why, (counts.get(why) ?? 0) + 1);
  }
  return [...counts]
    .sort(([, one], [, other]) => other - one)
    .map(([why, count]) => `${count} of ${waiting.length}: ${why}`);
}

/** The outputs as they are now. @returns those that were not recovered */
function tell(run: Run, state: State, { left, beyond }: Others): Left[] {
  const { recovered, failedAgain, waiting } = state;
  const waited = waiting.map(({ run: each }) => ({
    ...{ id: each.id, why: `it waits for ${each.after.join(', ') || 'its turn'}` },
  }));
  const open = [...failedAgain, ...left, ...waited];
  run.setOutputs({
    recovered: [...recovered],
    failedAgain: [...failedAgain],
    left: [...left, ...waited],
    beyond,
  });
  return open;
}

/** @throws ProcedureStopped when some were not recovered */
async function end(run: Run, state: State, others: Others): Promise<void> {
  const open = tell(run, state, others);
  for (const step of ['room', 'quarantine', 'restart', 'follow', 'again', 'proved', 'rows'])
    if (!hasBegun(run, step)) run.notNeeded(step, 'no DAG run needs it');
  const text =
    `${state.recovered.length} of ${state.recovered.length + open.length} DAG runs are ` +
    'recovered, no row twice, none lost.';
  await run.attemptStep('notify', closing(run, text, run.view.outputs));
  if (open.length > 0) throw notCleared(open);
}

function notCleared(open: readonly Left[]): ProcedureStopped {
  return new ProcedureStopped(
    `not recovered: ${open.map(({ id, why }) => `${id} (${why})`).join('; ')}`,
    'Mend the causes named here, then start the runbook again; or recover one by itself: ' +
      'pipeline-recovery with --input job=RUN_ID.',
  );
}

function hasBegun(run: Run, step: string): boolean {
  return run.view.steps.some(({ id, startedAt }) => id === step && startedAt !== null);
}

function closing(run: Run, text: string, fields: JsonObject): Work {
  return { action: closingMessage(run.inputs['notify'] as string | undefined, text, fields) };
}

function readInputs(inputs: JsonObject): Inputs {
  return {
    atOnce: Number(inputs['at_once']),
    maxFailures: Number(inputs['max_failures']),
    tolerance: Number(inputs['tolerance_rows']),
    followMs: inMs(inputs['follow_timeout']),
  };
}

function inMs(duration: Json | undefined): number {
  return durationMs(duration as string) ?? 0;
}
