import { limitsOf } from '../../language/pipeline-limits.js';
import type { PlannedTarget } from '../../language/plan.js';
import type { AirflowRun } from '../../language/pipeline.js';
import { ProcedureStopped } from '../engine/outcome.js';
import type { Run, Section } from '../engine/surface.js';
import { actionsFor, type Actions } from '../pipeline-recovery/actions.js';
import { ask, compareDeclaration, declared, look } from '../pipeline-recovery/ask.js';
import type { Finding } from '../pipeline-recovery/declared/finding.js';
import { assertMovable } from '../pipeline-recovery/declared/judge.js';
import {
  chooseCheckpoint,
  type Choice,
  type JobStatus,
  type Proofs,
} from '../pipeline-recovery/findings.js';
import { tasksIn } from '../pipeline-recovery/run/airflow-answers.js';
import { airflowRunner } from '../pipeline-recovery/run/airflow.js';
import type { DeclaredPipeline, Preview, Runner } from '../pipeline-recovery/run/runner.js';
import type { DagState, FailedRun } from './order.js';
import { assertHealthy, health } from './platform.js';

/** A pipeline that Airflow runs, and what was found of it. */
export interface Dag extends DagState {
  declared: DeclaredPipeline;
  runner: Runner;
  /** Pools that its tasks use. */
  pools: string[];
  /** Why nothing can be moved into quarantine; empty when it can. */
  forbidden: readonly Finding[];
}

/** A failed DAG run that can be cleared, and what is known of it. */
export interface Examined {
  run: FailedRun;
  dag: Dag;
  actions: Actions;
  status: JobStatus;
  choice: Choice;
  preview: Preview;
}

/** A DAG run that is not cleared. */
export type Left = { id: string; why: string };

/**
 * Looks at every pipeline, and asks for its DAG runs.
 * @throws ProcedureStopped when one is not what it is declared to be
 */
export function find(run: Run): Promise<Dag[]> {
  const names = run.inputs['pipelines'] as string[];
  const targets = run.plan.targets.filter(({ name }) => names.includes(name));
  return run.nested('find', async () => {
    const found: Dag[] = [];
    for (const target of targets)
      found.push(await findOne(run.within('find', target.name), target));
    return found;
  });
}

async function findOne(steps: Section, target: PlannedTarget): Promise<Dag> {
  const pipeline = declared(target);
  const airflow = airflowOf(pipeline);
  const { name } = target;
  assertHealthy(name, await steps.step('health', health(name)));
  const forbidden = await compareDeclaration(steps, pipeline);
  const runner = airflowRunner(pipeline, airflow);
  if (runner.reach) await ask(steps, 'reach', runner.reach());
  const asked = runner.jobs(undefined);
  const { jobs, tasks } = await ask(steps, 'identify', {
    parts: asked.parts,
    read: (answers) => ({ jobs: asked.read(answers), tasks: tasksIn(answers) }),
  });
  return {
    ...{ pipeline: name, dag: airflow.dag, upstream: airflow.upstream, jobs },
    isInTurn: tasks.some(({ isInTurn }) => isInTurn),
    pools: [...new Set(tasks.map(({ pool }) => pool))].sort(),
    ...{ declared: pipeline, runner, forbidden },
  };
}

/** @throws ProcedureStopped where something else runs it */
function airflowOf({ name, pipeline }: DeclaredPipeline): AirflowRun {
  if (pipeline.run.airflow) return pipeline.run.airflow;
  throw new ProcedureStopped(
    `${name} is not run by Airflow`,
    'Nothing was changed. Leave it out here; pipeline-recovery recovers it.',
  );
}

/** Looks at each DAG run: why it has failed, whether its data is good, what a clear would do. */
export function examine(
  run: Run,
  dags: readonly Dag[],
  runs: readonly FailedRun[],
): Promise<{ examined: Examined[]; left: Left[] }> {
  return run.nested('examine', async () => {
    const examined: Examined[] = [];
    const left: Left[] = [];
    for (const each of runs) {
      const dag = dags.find(({ pipeline }) => pipeline === each.pipeline) as Dag;
      try {
        examined.push(await examineOne(run.within('examine', each.id), dag, each));
      } catch (error) {
        // One that cannot be cleared keeps nobody from recovering the others.
        if (!(error instanceof ProcedureStopped)) throw error;
        left.push({ id: each.id, why: error.message });
      }
    }
    return { examined, left };
  });
}

async function examineOne(steps: Section, dag: Dag, run: FailedRun): Promise<Examined> {
  const { runner } = dag;
  const { data } = dag.declared.pipeline;
  const actions = actionsFor(dag.declared, runner, run.dataset);
  const status = await look(steps, runner, run.job);
  if (status.status !== 'failed')
    throw new ProcedureStopped(`it is ${status.status} by now`, 'Nothing was changed.');
  const proofs: Proofs = await steps.forEach(
    'corrupt',
    data.stages.map(({ name }) => name),
    (stage) => ({ action: actions.prove(stage) }),
  );
  const choice = steps.decide('checkpoint', () => chooseCheckpoint(data, proofs, status));
  assertMovable(dag.forbidden, choice);
  const asked = (runner.preview as NonNullable<Runner['preview']>)(
    { ...status, dataset: run.dataset },
    choice.checkpoint,
    choice.corrupt,
  );
  const preview = await ask(steps, 'preview', asked);
  return { run, dag, actions, status, choice, preview };
}

/** What cannot be done with these, each sentence once. */
export function limitsOfAll(examined: readonly Examined[]): string[] {
  return [...new Set(examined.flatMap(({ dag }) => limitsOf(dag.declared.pipeline)))];
}
