import type { JobState } from '../../../common/answers.js';
import type { Json, JsonObject } from '../../../language/json.js';
import { nearest } from '../../../language/nearest.js';
import { isObject } from '../../../language/objects.js';
import { tasksOf, type AirflowRun } from '../../../language/pipeline.js';
import { ProcedureStopped } from '../../engine/outcome.js';
import type { FailedTask, JobStatus } from '../findings.js';
import type { FoundJob } from '../found-jobs.js';
import { inStageOrder, placeOf, told, type Instance } from './airflow-tasks.js';
import { codeIn, numbersOf, versionWords } from './airflow-versions.js';
import { jobAskedFor } from './known.js';
import type { Preview, Restarted } from './runner.js';
import { valueIn } from './values.js';

/* What the answers of Airflow say, and what is no answer. */

type Answers = Readonly<Record<string, Json>>;

const states: Readonly<Record<string, JobState>> = {
  ...{ success: 'completed', failed: 'failed', running: 'running', queued: 'running' },
};
/** Task instances are named in a gate up to this many. */
const mostNamed = 40;

/** What of task instances is kept: an expression. @param list of them, as an expression */
export function instances(list: string): string {
  return (
    `${list}.map(t, {"task": t.task_id, "index": t.map_index, "state": t.state, "version": ` +
    `${valueIn('t', 'dag_version.version_number')}})`
  );
}

/**
 * Looks whether Airflow and the DAG are what is declared.
 * @throws ProcedureStopped when they are not
 */
export function dagOf(dag: string, target: string, answers: Answers): null {
  const version = jsonOf(answers['version'])?.['version'];
  if (typeof version !== 'string' || !/^([3-9]|\d\d+)\./.test(version))
    throw new ProcedureStopped(
      `what answers at the address of ${target} is no Airflow 3: ` +
        (typeof version === 'string' ? `it says version ${version}` : 'it has no /api/v2/version'),
      'Nothing was changed. Correct `http.address` of the target in ' +
        'targets.yaml of every worker: the address of the API server, ' +
        'without /api/v2. Airflow 2 has no version 2 of the API.',
    );
  const found = jsonOf(answers['dag']);
  if (!found || found['dag_id'] !== dag)
    throw new ProcedureStopped(
      `Airflow has no DAG ${dag}, or the user of the token may not see it`,
      'Nothing was changed. Correct `run.airflow.dag` of the target ' +
        'in targets.yaml of every worker, or let the user read the ' +
        'DAG; `airflow dags list` names those that there are.',
    );
  if (found['is_paused'] === true)
    throw new ProcedureStopped(
      `DAG ${dag} is paused: cleared tasks would wait until somebody unpauses it`,
      'Nothing was changed. See what it will do when it is ' +
        'unpaused (runs that it has missed, if it catches up), ' +
        `then: airflow dags unpause ${dag}. Start the runbook again.`,
    );
  return null;
}

/**
 * The DAG runs, newest first.
 * @throws ProcedureStopped where a declared task is not there, or nobody has answered
 */
export function runsOf(
  airflow: AirflowRun,
  stages: readonly string[],
  answers: Answers,
): FoundJob[] {
  const ids = tasksIn(answers).map(({ task }) => task);
  const absent = stages.flatMap((stage) =>
    tasksOf(airflow, stage).flatMap((task) => (ids.includes(task) ? [] : [{ stage, task }])),
  );
  if (absent.length > 0)
    throw new ProcedureStopped(
      `DAG ${airflow.dag} has no task ` +
        absent.map(({ stage, task }) => `${task} (stage ${stage})${meant(task, ids)}`).join(', '),
      `Nothing was changed. Its tasks are ${ids.join(', ')}. Name those of each stage in ` +
        '`run.airflow.tasks` of the target, in targets.yaml of every worker.',
    );
  const waiting = listOf(answers['waiting'], 'instances', 'which tasks wait').filter(isObject);
  const listed = listOf(answers['status'], 'jobs', 'which DAG runs there are').filter(isObject);
  const asked = jobAskedFor(answers);
  // Only the newest are listed: one that was asked for is older than these.
  const isOlder = asked !== undefined && !listed.some(({ id }) => id === asked['id']);
  return (isOlder ? [...listed, asked] : listed).map((row) => ({
    waits: inStageOrder(airflow, stages, waitsOf(text(row['id']), waiting)).map(waitWords),
    id: text(row['id']),
    status: stateOfRun(text(row['id']), row['status']),
    stage: null,
    dataset: airflow.dataset === undefined ? null : text(row['dataset']),
    created: text(row['created']),
  }));
}

/** A task instance in a state. */
interface InState extends Instance {
  state: string;
}

/** What of a DAG run waits without a worker. */
function waitsOf(run: string, waiting: readonly JsonObject[]): InState[] {
  return waiting
    .filter((row) => row['run'] === run)
    .map((row) => ({ ...instanceOf(row), state: text(row['state']) }));
}

function waitWords(wait: InState): string {
  return `${nameOf(wait)} is ${wait.state.replaceAll('_', ' ')}`;
}

function instanceOf(row: JsonObject): Instance {
  return { task: text(row['task']), index: Number(row['index']) };
}

/** A task of a DAG. */
export interface DagTask {
  task: string;
  pool: string;
  /** It waits for the DAG run before its own. */
  isInTurn: boolean;
}

/** The tasks of the DAG. @throws ProcedureStopped where nobody has answered */
export function tasksIn(answers: Answers): DagTask[] {
  return listOf(answers['tasks'], 'tasks', 'which tasks the DAG has')
    .filter(isObject)
    .map((row) => ({
      ...{ task: text(row['task']), pool: text(row['pool']), isInTurn: row['inTurn'] === true },
    }));
}

function meant(task: string, ids: readonly string[]): string {
  const near = nearest(task, ids);
  return near === undefined ? '' : `; is it ${near}?`;
}

/** @throws ProcedureStopped for a word that Airflow 3 does not have */
export function stateOfRun(run: string, word: Json | undefined): JobState {
  const state = typeof word === 'string' ? states[word] : undefined;
  if (state !== undefined) return state;
  throw new ProcedureStopped(
    `the state of DAG run ${run} is not known: ` +
      `${typeof word === 'string' ? JSON.stringify(word) : 'nothing tells it'}`,
    'Nothing was changed since. Look at the DAG run, then start the runbook again.',
  );
}

/** The state of a DAG run and its failed tasks, in the order of the stages. */
export function statusOf(
  airflow: AirflowRun,
  stages: readonly string[],
  job: string,
  answers: Answers,
): JobStatus {
  const { message } = answers;
  const status = stateOfRun(job, isObject(message) ? message['state'] : undefined);
  const found = listOf(answers['instances'], 'instances', 'which tasks have failed')
    .filter(isObject)
    .map((row): FailedTask => ({ ...instanceOf(row), tries: Number(row['tries']) }));
  const failed = inStageOrder(airflow, stages, found);
  const [first] = failed;
  const bundle = isObject(message) ? message['bundle'] : null;
  return {
    ...{ id: job, status, bundle: typeof bundle === 'string' ? bundle : null },
    stage: (first && stages[placeOf(airflow, stages, first.task)]) ?? null,
    error:
      status === 'failed' && !first
        ? {
            code: 'DagRun',
            message:
              'the DAG run failed, and none of its tasks has: it was out of time, or ended by hand',
            ...{ record: null, isPoison: false },
          }
        : null,
    failed,
  };
}

/** What the log of the first failed task says, and the record that it names. */
export function errorIn(
  { failed = [] }: JobStatus,
  answers: Answers,
): NonNullable<JobStatus['error']> {
  const [first] = failed;
  const log = answers['task_log'];
  const errors = isObject(log) && Array.isArray(log['errors']) ? log['errors'] : [];
  const said = errors.filter(isObject).flatMap(({ event, detail }) => {
    const causes = Array.isArray(detail) ? detail.filter(isObject) : [];
    return causes.length > 0
      ? causes.map(({ type, value }) => `${text(type)}: ${text(value)}`)
      : [text(event)];
  });
  const answer = answers['record'];
  const record = isObject(answer) ? answer['record'] : null;
  const others = failed.length > 1 ? ` (and ${failed.length - 1} more failed)` : '';
  return {
    code: `task ${nameOf(first)}${others}`,
    message: said.at(-1) ?? 'its log says of no error why; was its worker lost?',
    record: isObject(record) ? record : null,
    isPoison: isObject(record),
  };
}

/**
 * What a dry run of the clear has named.
 * @throws ProcedureStopped where it has named nothing
 */
export function previewOf(
  airflow: AirflowRun,
  stages: readonly string[],
  { id, bundle = null }: Restarted,
  answers: Answers,
): Preview {
  const { dag, version } = airflow;
  const found = listOf(answers['cleared'], 'instances', 'what a clear would do').filter(isObject);
  if (found.length === 0)
    throw new ProcedureStopped(
      `a clear of DAG run ${id} would clear nothing: its failed tasks are gone`,
      'Nothing was changed. Was the task removed from the DAG? Then this DAG run cannot be ' +
        'recovered; trigger a new one.',
    );
  const rows = inStageOrder(
    airflow,
    stages,
    found.map((row): InState => ({
      ...instanceOf(row),
      state: row['state'] === null ? 'none' : text(row['state']),
    })),
  );
  const newest = answers['newest'];
  const words = rows.slice(0, mostNamed).map((row) => `${nameOf(row)} (${row.state})`);
  const rest = rows.length - words.length;
  const cleared = rest > 0 ? [...words, `and ${rest} more`] : words;
  return {
    tasks: rows.map(told),
    evidence: {
      'tasks that are cleared': `${rows.length}: ${cleared.join(', ')}`,
      'version of the DAG': versionWords(
        dag,
        { number: numbersOf(found.flatMap((row) => row['version'] ?? [])), bundle },
        codeIn(isObject(newest) ? newest : {}),
        version,
      ),
    },
  };
}

function nameOf(row: { task: string; index: number } | undefined): string {
  if (!row) return 'none';
  return row.index < 0 ? row.task : `${row.task}[${row.index}]`;
}

/** @throws ProcedureStopped where nobody has answered */
function listOf(answer: Json | undefined, field: string, what: string): Json[] {
  const list = isObject(answer) ? answer[field] : undefined;
  if (Array.isArray(list)) return list;
  throw new ProcedureStopped(
    `${what} is not known: Airflow was not asked`,
    'Nothing was changed after it. Was the step skipped, or done by hand? Start the runbook again.',
  );
}

function jsonOf(answer: Json | undefined): JsonObject | undefined {
  const json = isObject(answer) ? answer['json'] : undefined;
  return isObject(json) ? json : undefined;
}

function text(value: Json | undefined): string {
  return typeof value === 'string' ? value : '';
}
