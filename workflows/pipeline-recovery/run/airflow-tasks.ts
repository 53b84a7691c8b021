import type { Json } from '../../../language/json.js';
import { tasksOf, type AirflowRun } from '../../../language/pipeline.js';
import { compareTexts } from '../../../language/text-order.js';
import type { FailedTask } from '../findings.js';

/** A task instance as Airflow is told it: a task, or one of the instances of a mapped task. */
export function told({ task, index }: Instance): Json {
  return index < 0 ? task : [task, index];
}

/** Names a task instance; an index below 0: its task is not mapped. */
export type Instance = Pick<FailedTask, 'task' | 'index'>;

/** The position of the task's stage; a task of no stage comes after the last one. */
export function placeOf(airflow: AirflowRun, stages: readonly string[], task: string): number {
  const at = stages.findIndex((stage) => tasksOf(airflow, stage).includes(task));
  return at < 0 ? stages.length : at;
}

/** In the order of the stages, then by name: Airflow answers in any order. */
export function inStageOrder<T extends Instance>(
  airflow: AirflowRun,
  stages: readonly string[],
  instances: readonly T[],
): T[] {
  const place = ({ task }: T): number => placeOf(airflow, stages, task);
  return [...instances].sort(
    (one, other) =>
      place(one) - place(other) || compareTexts(one.task, other.task) || one.index - other.index,
  );
}

/**
 * Where a clear begins: at what has failed, and at the stage whose data is corrupt. Null for a DAG
 * run that failed without a failed task: all of it.
 */
export function tasksToClear(
  airflow: AirflowRun,
  failed: readonly FailedTask[],
  stage: string,
  isCorrupt: boolean,
): Json {
  const ofStage = isCorrupt ? tasksOf(airflow, stage) : [];
  const others = failed.filter(({ task }) => !ofStage.includes(task));
  const all = [...ofStage, ...others.map(told)];
  return all.length === 0 ? null : all;
}
