import { z } from 'zod';
import { nearest } from './nearest.js';
import type { AirflowRun, Fault, PipelineData } from './pipeline.js';

/*
 * The `run.airflow` of a declared pipeline. Where it is, and who asks, is the `http` of the target.
 */

/** What Airflow allows as the name of a DAG, a task or an XCom. */
function airflowName(of: string) {
  return z
    .string()
    .regex(
      /^[\p{L}\p{N}_.~:+-]{1,250}$/u,
      `must be the id of ${of}: letters, digits, _ - and dots`,
    );
}

const task = airflowName('a task, with its task groups before it (load.orders)');

/** The part of a declaration that says which DAG runs the pipeline. */
export const airflow = z.strictObject({
  dag: airflowName('a DAG'),
  tasks: z
    .record(
      z.string(),
      z
        .union([task, z.array(task).min(1)])
        .transform((given) => (typeof given === 'string' ? [given] : given)),
    )
    .default({}),
  dataset: z
    .string()
    .regex(
      /^(logical_date|run_id|partition_key|conf\.[A-Za-z0-9_-]+)$/,
      'must be logical_date, run_id, partition_key or ' +
        'conf.NAME: what tells the dataset of a DAG run',
    )
    .optional(),
  upstream: z.array(airflowName('a DAG')).default([]),
  record: airflowName('an XCom').optional(),
  version: z.enum(['run', 'newest']).default('run'),
});

/** What contradicts the data of the same declaration. */
export function faultsOfAirflow(
  { dag, tasks, upstream, record }: AirflowRun,
  data: PipelineData,
): Fault[] {
  const stages = data.stages.map(({ name }) => name);
  const faults: Fault[] = [];
  for (const stage of Object.keys(tasks).filter((each) => !stages.includes(each))) {
    const near = nearest(stage, stages);
    faults.push({
      path: ['run', 'airflow', 'tasks', stage],
      message:
        'names the tasks of a stage that is not ' +
        `declared${near === undefined ? '' : `; is it ${near}?`}`,
    });
  }
  if (upstream.includes(dag))
    faults.push({
      path: ['run', 'airflow', 'upstream', upstream.indexOf(dag)],
      message: 'is the DAG itself: it names those whose data this one reads',
    });
  if (record !== undefined && !data.setAside)
    faults.push({
      path: ['run', 'airflow', 'record'],
      message: 'tells records that fail, and `data.setAside` does not say where their keys go',
    });
  return faults;
}
