import type { Expectation } from '../../../common/attempt.js';
import type { Json, JsonObject } from '../../../language/json.js';
import type { HttpAction } from '../../../language/kinds/http.js';
import { isObject } from '../../../language/objects.js';
import type { AirflowRun } from '../../../language/pipeline.js';
import { later } from '../../../language/reference.js';
import { runByWords } from '../../../language/run-by.js';
import type { FailedTask } from '../findings.js';
import {
  dagOf,
  errorIn,
  instances,
  previewOf,
  runsOf,
  stateOfRun,
  statusOf,
} from './airflow-answers.js';
import type { DeclaredPipeline, Restarted, Runner } from './runner.js';
import { tasksToClear } from './airflow-tasks.js';
import { askedFor, jobIsKnown } from './known.js';
import { textIn, valueIn } from './values.js';

const pollMs = 2_000;
/** DAG runs, and failed tasks of one, that are looked at. */
const most = 100;
/** The status that says that there is no such DAG run. */
const unknown = 404;
/** States of tasks that wait, and that no worker works on. */
const waitingStates = ['deferred', 'up_for_reschedule', 'up_for_retry'] as const;

/**
 * A DAG of Airflow 3, asked and told by version 2 of its REST API. A job is a DAG run. A restart
 * clears exactly the task instances that a dry run has named, so that what was approved is cleared.
 */
export function airflowRunner(declared: DeclaredPipeline, airflow: AirflowRun): Runner {
  const { name: target, pipeline } = declared;
  const stages = pipeline.data.stages.map(({ name }) => name);
  const get = (path: string, more: Partial<HttpAction> = {}): HttpAction => ({
    ...{ kind: 'http', target, method: 'GET', path: `/api/v2${path}`, params: {} },
    ...more,
  });
  const ofDag = (path: string, more: Partial<HttpAction> = {}): HttpAction =>
    get(`/dags/{dag}${path}`, { ...more, params: { dag: airflow.dag, ...more.params } });
  const ofTask = ({ task, index }: FailedTask, run: string, path: string, more: JsonObject) =>
    ofDag(`/dagRuns/{run}/taskInstances/{task}${path}`, {
      params: { run, task, ...(more['params'] as Record<string, string>) },
      query: { map_index: index, ...(more['query'] as Record<string, string>) },
    });
  const clear = (run: string, tasks: Json, more: JsonObject): HttpAction => ({
    ...ofDag('/clearTaskInstances'),
    method: 'POST',
    json: {
      ...{ dag_run_id: run, only_failed: false, reset_dag_runs: true },
      ...(tasks === null ? {} : { task_ids: tasks }),
      run_on_latest_version: airflow.version === 'newest',
      ...more,
    },
  });
  const ofRun = (run: string): HttpAction =>
    ofDag('/dagRuns/{run}', { params: { run }, statuses: [200, unknown] });
  const known = (run: string): Expectation[] => [
    jobIsKnown(`out.status != ${unknown}`, run, 'Airflow'),
  ];
  const row = (run: string): string =>
    `{"id": ${run}.dag_run_id, "status": ${run}.state, "created": ${run}.run_after, ` +
    `"dataset": ${textIn(run, datasetField(airflow))}}`;
  const stateOf = { state: { cel: textIn('out.json', 'state') } };

  return {
    // A task goes on for a while after it was told to end.
    stops: false,
    recoversCompleted: true,
    remembers: runByWords.airflow,
    triesAgain: true,

    reach: () => ({
      parts: {
        version: { action: get('/version', { statuses: [200, 404] }) },
        dag: { action: ofDag('', { statuses: [200, 404] }) },
      },
      read: (answers) => dagOf(airflow.dag, target, answers),
    }),

    jobs: (wanted) => ({
      parts: {
        status: {
          action: ofDag('/dagRuns', {
            query: { order_by: '-run_after', limit: most },
            pick: { runs: 'dag_runs' },
          }),
          outputs: {
            jobs: { cel: `out.runs.map(r, ${row('r')})` },
          },
        },
        ...askedFor(wanted, ofRun, `out.status == ${unknown}`, row('out.json')),
        tasks: {
          action: ofDag('/tasks', { pick: { tasks: 'tasks' } }),
          outputs: {
            tasks: {
              cel:
                'out.tasks.map(t, {"task": t.task_id, "pool": t.pool, ' +
                '"inTurn": t.depends_on_past || t.wait_for_downstream})',
            },
          },
        },
        waiting: {
          action: {
            // The only way to ask for several states at once.
            ...get('/dags/~/dagRuns/~/taskInstances/list'),
            ...{ method: 'POST', idempotent: true, pick: { instances: 'task_instances' } },
            json: { dag_ids: [airflow.dag], state: [...waitingStates], page_limit: most },
          },
          outputs: {
            instances: {
              cel:
                'out.instances.map(t, {"run": t.dag_run_id, "task": t.task_id, ' +
                '"index": t.map_index, "state": t.state})',
            },
          },
        },
      },
      read: (answers) => runsOf(airflow, stages, answers),
    }),

    look: (job) => ({
      parts: {
        message: {
          action: ofRun(job),
          expect: known(job),
          outputs: { ...stateOf, bundle: { cel: textIn('out.json', 'bundle_version') } },
        },
        instances: {
          action: ofDag('/dagRuns/{run}/taskInstances', {
            params: { run: job },
            query: { state: 'failed', limit: most },
            pick: { instances: 'task_instances' },
          }),
          outputs: {
            instances: {
              cel:
                'out.instances.map(t, {"task": t.task_id, ' +
                '"index": t.map_index, "tries": t.try_number})',
            },
          },
        },
      },
      read: (answers) => statusOf(airflow, stages, job, answers),
    }),

    explain(status) {
      const [first] = status.failed ?? [];
      if (!first) return { parts: {}, read: () => status };
      const log = ofTask(first, status.id, '/logs/{try}', {
        params: { try: String(first.tries) },
        query: { full_content: 'true' },
      });
      const record = airflow.record;
      return {
        parts: {
          task_log: {
            action: { ...log, pick: { events: 'content' } },
            outputs: {
              errors: {
                cel:
                  'out.events.filter(e, e[?"level"].orValue("") in levels).map(e, {"event": ' +
                  'e.event, "detail": e[?"error_detail"].orValue([]).map(d, {"type": ' +
                  'd.exc_type, "value": d.exc_value})})',
                given: { levels: ['error', 'critical'] },
              },
            },
          },
          ...(record === undefined
            ? {}
            : {
                record: {
                  // 404: it has named none.
                  action: {
                    ...ofTask(first, status.id, '/xcomEntries/{xcom}', {
                      params: { xcom: record },
                    }),
                    statuses: [200, 404],
                  },
                  outputs: { record: { cel: valueIn('out.json', 'value') } },
                },
              }),
        },
        read: (answers) => ({ ...status, error: errorIn(status, answers) }),
      };
    },

    preview: (job, { stage }, corrupt) => ({
      parts: {
        cleared: {
          action: {
            ...clear(job.id, tasksToClear(airflow, job.failed ?? [], stage, corrupt.length > 0), {
              ...{ dry_run: true, include_downstream: true },
            }),
            idempotent: true,
            pick: { instances: 'task_instances' },
          },
          outputs: { instances: { cel: instances('out.instances') } },
        },
        newest: {
          action: ofDag('/details', {
            pick: { latest: 'latest_dag_version', bundle: 'bundle_version' },
          }),
          outputs: {
            version: { cel: valueIn('out', 'latest.version_number') },
            bundle: { cel: 'out.bundle' },
          },
        },
      },
      read: (answers) => previewOf(airflow, stages, job, answers),
    }),

    restart: (key, job) => ({
      step: 'restart',
      work: {
        action: {
          ...clear(job.id, tasksOfRestart(job), {
            ...{ dry_run: false, prevent_running_task: true, note: key },
          }),
          pick: { job: 'task_instances.0.dag_run_id', cleared: 'total_entries' },
        },
        // Written in the transaction of the clear: it is there when, and only when, that is.
        check: {
          kind: 'check',
          probe: ofDag('/dagRuns/{run}/taskInstances', {
            params: { run: job.id },
            query: { limit: most },
            pick: { instances: 'task_instances' },
          }),
          until: {
            cel: 'out.instances.exists(t, t[?"note"].orValue("") == note)',
            given: { note: key },
          },
          everyMs: 1_000,
        },
      },
    }),

    restarted: (_answer, before) => before,
    hold: () => null,

    follow: (job, timeoutMs) => ({
      step: 'follow',
      work: {
        action: {
          kind: 'check',
          probe: ofRun(job),
          until: {
            cel: `out.status == ${unknown} || ${textIn('out.json', 'state')} in ended`,
            given: { ended: ['success', 'failed'] },
          },
          everyMs: pollMs,
          progress: ['json.state'],
        },
        outputs: stateOf,
        expect: known(job),
        timeoutMs,
      },
    }),
    followed: (job, answer) => ({
      ...{ id: job, status: stateOfRun(job, isObject(answer) ? answer['state'] : undefined) },
      ...{ stage: null, error: null },
    }),
    validate: () => null,
  };
}

/** Null, which no field has, where there are no datasets. */
function datasetField({ dataset }: AirflowRun): string | undefined {
  return dataset === 'run_id' ? 'dag_run_id' : dataset;
}

/** A restart that is only described knows its tasks later. */
function tasksOfRestart({ tasks }: Restarted): Json {
  return tasks ?? later<Json>('the failed tasks and what is behind them');
}
