import { describe, expect, test } from '@jest/globals';
import { evaluateAnswer } from '../../activities/judge-answer.js';
import { declaration } from '../../lab/airflow/declaration.js';
import type { Json, JsonObject } from '../../language/json.js';
import type { HttpAction } from '../../language/kinds/http.js';
import { limitsOf } from '../../language/pipeline-limits.js';
import type { JobStatus } from '../../workflows/pipeline-recovery/findings.js';
import type { Runner } from '../../workflows/pipeline-recovery/run/runner.js';
import { declared, runnerFor, whyStopped } from '../helpers/declared.js';

/* What is asked of Airflow, and what its answers say. A real one: test/pipeline/airflow.test.ts. */

function runner(change: object = {}): Required<Runner> {
  const { data, run } = declaration;
  const dataset = 'dataset' in change ? { dataset: 'day' } : {};
  const pipeline = {
    data: { ...data, ...dataset },
    run: { airflow: { ...run.airflow, ...change } },
  };
  return runnerFor(pipeline) as Required<Runner>;
}
const airflow = runner();

const reached = (version: Json, dag: Json): string =>
  whyStopped(() => airflow.reach().read({ version: { json: version }, dag: { json: dag } }));
const tasks = {
  tasks: ['wait', 'receive', 'name', 'book'].map((task) => ({
    ...{ task, pool: 'default_pool', inTurn: task === 'book' },
  })),
};
const runs = (one: Runner, ...jobs: JsonObject[]) =>
  one.jobs(undefined).read({ tasks, status: { jobs }, waiting: { instances: [] } });
const state = (word: string, ...instances: [string, number, number][]): JobStatus =>
  airflow.look('r').read({
    message: { state: word },
    instances: {
      instances: instances.map(([task, index, tries]) => ({ task, index, tries })),
    },
  });
const job = (failed: JobStatus['failed'] = []) => ({
  ...{ id: 'r', error: null, dataset: null, failed },
});
const clearOf = (one: Runner, failed: JobStatus['failed'], isCorrupt: boolean): JsonObject => {
  const { parts } = one.preview!(
    job(failed),
    { stage: 'named', batch: 0 },
    isCorrupt ? ['named'] : [],
  );
  return (parts['cleared']?.action as HttpAction).json as JsonObject;
};

describe('an Airflow', () => {
  const good = { dag_id: 'strikes', is_paused: false };
  test.each<[string, Json, Json, string]>([
    ['of version 3 with the DAG', { version: '3.3.2' }, good, 'went on'],
    ['of version 2', { version: '2.11.0' }, good, 'is no Airflow 3: it says version 2.11.0'],
    ['that is something else', null, null, 'it has no /api/v2/version'],
    ['without the DAG', { version: '3.3.2' }, { detail: 'none' }, 'has no DAG strikes'],
    ['whose DAG is paused', { version: '3.3.2' }, { ...good, is_paused: true }, 'is paused'],
  ])('%s', (_what, version, dag, said) => {
    expect(reached(version, dag)).toContain(said);
  });

  test('that has no such task, or does not answer', () => {
    const other = runner({ tasks: { received: ['receive', 'recieve'] } });
    expect(whyStopped(() => runs(other))).toContain(
      'no task recieve (stage received); is it receive?',
    );
    expect(whyStopped(() => airflow.jobs(undefined).read({}))).toContain('is not known');
  });
});

describe('DAG runs', () => {
  const row = (id: string, status: string, dataset: Json = null): JsonObject => ({
    ...{ id, status, created: '2026-01-01T00:00:00Z', dataset },
  });

  test('that wait work already; a word that is not known stops the run', () => {
    expect(runs(airflow, row('b', 'queued'), row('a', 'failed'))).toMatchObject([
      { id: 'b', status: 'running', dataset: null },
      { id: 'a', status: 'failed', dataset: null },
    ]);
    expect(whyStopped(() => runs(airflow, row('a', 'lost')))).toContain('DAG run a is not known');
  });

  test('say what of them waits without a worker', () => {
    const instances = [
      { run: 'b', task: 'wait', index: -1, state: 'deferred' },
      { run: 'b', task: 'load.poll', index: 10, state: 'up_for_retry' },
      { run: 'b', task: 'load.poll', index: 2, state: 'up_for_reschedule' },
    ];
    const jobs = [row('b', 'running'), row('a', 'failed')];
    const answers = { tasks, status: { jobs }, waiting: { instances } };
    expect(airflow.jobs(undefined).read(answers)).toMatchObject([
      {
        id: 'b',
        waits: [
          'load.poll[2] is up for reschedule',
          'load.poll[10] is up for retry',
          'wait is deferred',
        ],
      },
      { id: 'a', waits: [] },
    ]);
  });

  test.each([
    ['logical_date', '2026-01-01'],
    ['run_id', 'r-1'],
    ['conf.region', 'north'],
  ])('tell their dataset by %s', (dataset, value) => {
    const one = runner({ dataset });
    const asked = one.jobs(undefined).parts['status']?.outputs?.['jobs'];
    const run = {
      ...{ dag_run_id: 'r-1', state: 'failed', run_after: '', logical_date: '2026-01-01' },
      conf: { region: 'north' },
    };
    const found = evaluateAnswer(asked!, { runs: [run, { ...run, conf: null }] });
    expect(found).toMatchObject({ value: [{ dataset: value }, { id: 'r-1' }] });
    expect(runs(one, row('r-1', 'failed', value))).toMatchObject([{ dataset: value }]);
  });

  test('fail in the first stage with a failed task, or without any', () => {
    expect(state('failed', ['other', -1, 1], ['book', 7, 2], ['book', 3, 1])).toMatchObject({
      ...{ status: 'failed', stage: 'booked' },
      failed: [{ index: 3 }, { index: 7 }, { task: 'other' }],
    });
    expect(state('failed', ['other', -1, 1]).stage).toBeNull();
    expect(state('failed').error?.message).toContain('none of its tasks has');
    expect(state('success').error).toBeNull();
  });

  test('are explained by the log of the first failed task, and by the record that it names', () => {
    const status = state('failed', ['book', 3, 2]);
    const { parts, read } = airflow.explain(status);
    expect(parts['task_log']?.action).toMatchObject({
      params: { dag: 'strikes', run: 'r', task: 'book', try: '2' },
      query: { map_index: 3 },
    });
    const events = [
      { event: 'begun', level: 'info' },
      { event: 'Task failed', level: 'error', error_detail: [{ exc_type: 'E', exc_value: 'v' }] },
    ];
    const errors = evaluateAnswer(parts['task_log']!.outputs!['errors']!, { events });
    const answer = { errors: 'value' in errors ? errors.value : null };
    expect(read({ task_log: answer, record: { record: { 'Report No': 'B' } } }).error).toEqual({
      ...{ code: 'task book[3]', message: 'E: v', record: { 'Report No': 'B' }, isPoison: true },
    });
    expect(read({ task_log: { errors: [] }, record: { record: null } }).error).toMatchObject({
      ...{ message: expect.stringContaining('was its worker lost?'), isPoison: false },
    });
  });
});

describe('a clear', () => {
  const failed = [
    { task: 'load.name', index: 3, tries: 1 },
    { task: 'book', index: -1, tries: 1 },
  ];

  test('begins at what has failed, and at a corrupt stage; a mapped task by its instances', () => {
    const one = runner({ tasks: { named: 'load.name', booked: 'book', received: 'receive' } });
    expect(clearOf(one, failed, false)).toMatchObject({
      ...{ dry_run: true, include_downstream: true, run_on_latest_version: false },
      task_ids: [['load.name', 3], 'book'],
    });
    expect(clearOf(one, failed, true)['task_ids']).toEqual(['load.name', 'book']);
    expect(clearOf(airflow, [], false)).not.toHaveProperty('task_ids');
    expect(clearOf(runner({ version: 'newest' }), failed, false)).toMatchObject({
      run_on_latest_version: true,
    });
  });

  const preview = (
    versions: (number | null)[],
    {
      one = airflow,
      bundle = null,
      newest = {},
    }: { one?: Runner; bundle?: string | null; newest?: JsonObject } = {},
  ) =>
    one.preview!({ ...job(), bundle }, { stage: 'named', batch: 0 }, []).read({
      cleared: {
        instances: versions.map((version, index) => ({
          ...{ task: 'name', index: index - 1, state: index === 0 ? null : 'failed', version },
        })),
      },
      newest: { version: 3, bundle: null, ...newest },
    });

  test.each<[string, (number | null)[], Parameters<typeof preview>[1], string]>([
    ['nothing has changed', [3, 3], {}, '3, the newest'],
    [
      'nothing has changed in the repository',
      [3],
      { bundle: 'aaa', newest: { bundle: 'aaa' } },
      '3, the newest (bundle aaa)',
    ],
    [
      'its bundle keeps the code of its run',
      [2],
      { bundle: 'aaa', newest: { bundle: 'bbb' } },
      '2 again (bundle aaa); strikes has changed since: the newest is 3 (bundle bbb)',
    ],
    [
      'only the code within its tasks has changed',
      [3],
      { bundle: 'aaa', newest: { bundle: 'bbb' } },
      '3 again (bundle aaa); strikes has changed since: the newest is 3 (bundle bbb)',
    ],
    [
      'its bundle keeps no code',
      [2],
      {},
      'the code as it is now, 3: the run names no version of its bundle (its tasks had 2)',
    ],
    [
      'its tasks have several versions',
      [10, 2, null, 10],
      {},
      'the code as it is now, 3: the run names no version of its bundle (its tasks had 2, 10)',
    ],
    [
      'its tasks name no version',
      [null],
      { newest: { bundle: 'bbb' } },
      'the code as it is now, 3 (bundle bbb): the run names no version of its bundle (its tasks had none)',
    ],
    [
      'the newest is declared',
      [2],
      { one: runner({ version: 'newest' }), bundle: 'aaa', newest: { bundle: 'bbb' } },
      '3 (bundle bbb); the run had 2 (bundle aaa)',
    ],
  ])('says which code runs where %s', (_what, versions, more, said) => {
    expect(preview(versions, more).evidence['version of the DAG']).toBe(said);
  });

  test('is exactly what the dry run has named', () => {
    const { tasks: named, evidence } = preview([2, 2]);
    expect(named).toEqual(['name', ['name', 0]]);
    expect(evidence['tasks that are cleared']).toBe('2: name (none), name[0] (failed)');
    expect(whyStopped(() => preview([]))).toContain('would clear nothing');
  });

  test('names tasks in the order of the stages, then by name, however Airflow orders them', () => {
    const instances = ['report', 'book', 'name', 'alert', 'receive'].map((task) => ({
      ...{ task, index: -1, state: 'failed', version: 3 },
    }));
    const one = runner({ tasks: { received: 'receive', named: 'name', booked: 'book' } });
    const newest = { version: 3, bundle: null };
    const read = (cleared: JsonObject) =>
      one.preview(job(), { stage: 'named', batch: 0 }, []).read({ cleared, newest }).tasks;
    const inOrder = ['receive', 'name', 'book', 'alert', 'report'];
    expect(read({ instances })).toEqual(inOrder);
    expect(read({ instances: instances.toReversed() })).toEqual(inOrder);
  });

  test('is sent as the dry run has named it', () => {
    const { tasks: named } = preview([2, 2]);
    const { work } = airflow.restart(
      'run/restart',
      { ...job(), tasks: named },
      {
        ...{ stage: 'named', batch: 0 },
      },
      [],
    );
    expect(work.action).toMatchObject({
      json: {
        ...{ dry_run: false, task_ids: named, note: 'run/restart', prevent_running_task: true },
      },
    });
    expect(work.action).not.toHaveProperty('json.include_downstream');
    expect(work.check?.until.given).toEqual({ note: 'run/restart' });
  });

  test('is told with what it cannot do', () => {
    const { record, ...others } = declaration.run.airflow;
    const of = (given: object): number =>
      limitsOf(declared({ ...declaration, run: { airflow: given } })).length;
    expect(of(others)).toBe(of({ ...others, record }) + 1);
    expect(airflow.stops).toBe(false);
  });
});
