import type { Json } from '../../../language/json.js';
import { tasksOf, type AirflowRun } from '../../../language/pipeline.js';
import type { FailedTask } from '../findings.js';

/** A task instance as Airflow is told it: a task, or one of the instances of a mapped task. */
export function told({ task, index }: Pick<FailedTask, 'task' | 'index'>): Json {
  return index < 0 ? task : [task, index];
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
