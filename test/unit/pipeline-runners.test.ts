import { describe, expect, test } from '@jest/globals';
import { declaration as strikes } from '../../lab/strikes/declaration.js';
import { declaration as flights } from '../../lab/pipeline/declaration.js';
import { declarationOf } from '../../lab/dbt/declaration.js';
import { evaluateAnswer } from '../../activities/judge-answer.js';
import type { Json, JsonObject } from '../../language/json.js';
import type { CommandAction } from '../../language/kinds/command.js';
import type { HttpAction } from '../../language/kinds/http.js';
import { limitsOf } from '../../language/pipeline-limits.js';
import { later } from '../../language/reference.js';
import { failedJob } from '../../workflows/pipeline-recovery/found-jobs.js';
import { modelsIn } from '../../workflows/pipeline-recovery/run/dbt-build.js';
import type { Restarted } from '../../workflows/pipeline-recovery/run/runner.js';
import { filledIn, textIn, valueIn } from '../../workflows/pipeline-recovery/run/values.js';
import { declared, runnerFor, whyStopped } from '../helpers/declared.js';

/* What is asked of orchestrators, and what their answers say: as declared, or not at all. */

describe('values of answers', () => {
  const answer = { json: { id: 9, 'a"b': 1, error: null, why: { kind: 'BAD', row: { n: 1 } } } };
  const value = (path: string | undefined): unknown =>
    evaluateAnswer({ cel: valueIn('out.json', path) }, answer);
  const text = (path: string): unknown => evaluateAnswer({ cel: textIn('out.json', path) }, answer);

  test('are found by their path, or are null where anything on the way is not', () => {
    expect(['id', 'why.row', 'why.kind'].map(value)).toEqual(
      [9, { n: 1 }, 'BAD'].map((found) => ({ value: found })),
    );
    expect(['none', 'error', 'error.code', 'none.of.it', undefined].map(value)).toEqual(
      Array(5).fill({ value: null }),
    );
    expect([text('id'), text('error')]).toEqual([{ value: '9' }, { value: null }]);
  });

  test('fill a placeholder that stands alone, with their type, and no other text', () => {
    const template = { stage: '{stage}', at: ['{batch}', 'a {batch}', '{none}', 7] };
    expect(filledIn(template, { stage: '{batch}', batch: 3 })).toEqual({
      ...{ stage: '{batch}', at: [3, 'a {batch}', '{none}', 7] },
    });
  });
});

describe('a job API', () => {
  const api = runnerFor(strikes);
  const jobs = (rows: Json): ReturnType<ReturnType<typeof api.jobs>['read']> =>
    api.jobs(undefined).read({ status: { jobs: rows } });
  const row = (id: string, status: string, created: string): JsonObject => ({
    ...{ id, status, created, stage: null, dataset: null },
  });

  test('tells its states in its own words, its jobs in any order', () => {
    const rows = jobs([
      row('1', 'DONE', '1.5e9'),
      row('3', 'BROKEN', '1600000002'),
      row('2', 'WAITING', '2020-09-13T12:26:41Z'),
    ]);
    expect(rows.map(({ id, status }) => [id, status])).toEqual([
      ['2', 'running'],
      ['3', 'failed'],
      ['1', 'completed'],
    ]);
    expect(
      whyStopped(() => failedJob(jobs([row('2', 'WAITING', '2'), row('1', 'BROKEN', '1')]), '1')),
    ).toBe('job 2 already works on this pipeline');
  });

  test.each<[string, () => unknown, string]>([
    [
      'a word that nobody declared',
      () => jobs([row('1', 'PAUSED', '1')]),
      'job 1 is in state "PAUSED"',
    ],
    ['a time that is none', () => jobs([row('1', 'DONE', 'yesterday')]), 'is no time'],
    ['no list', () => jobs(null), 'which jobs there are is not known'],
    ['no answer about a job', () => api.look('7').read({}), 'the state of job 7 is not known'],
    [
      'a restart that names no job',
      () => api.restarted(null, '7'),
      'which job was started is not known',
    ],
  ])('%s stops the run', (_what, work, said) => {
    expect(whyStopped(work)).toContain(said);
  });

  test('gets what the declaration says, the values in their places', () => {
    const job = { id: '7', error: null, dataset: null };
    const { work } = api.restart('key', job, { stage: 'named', batch: 4 }, []);
    expect(work).toEqual({
      action: {
        ...{ kind: 'http', target: 'one', method: 'POST', path: '/runs/{job}/resume' },
        ...{ params: { job: '7' }, json: { step: 'named', from: 5 } },
        ...{ idempotencyKey: true, pick: { job: 'started' } },
      },
    });
    expect(api.hold('8')?.work.undo).toMatchObject({ method: 'DELETE', params: { job: '8' } });
    const byKey = runnerFor(flights).restart('run/restart', job, { stage: 'load', batch: 0 }, []);
    expect(byKey.work.undo).toMatchObject({
      params: { key: 'run/restart' },
      statuses: expect.arrayContaining([404]) as unknown,
    });
    expect(runnerFor(flights).hold('8')).toBeNull();
  });

  test('is asked for a job that its list does not have, and for no other', () => {
    const listed = [row('9', 'DONE', '1600000002')];
    const read = (job: Json): string[] =>
      api
        .jobs('3')
        .read({ status: { jobs: listed }, asked: { job } })
        .map(({ id, status }) => `${id} ${status}`);
    const told = { status: 'BROKEN', stage: null, dataset: null };
    expect(read({ ...told, created: '1500000000' })).toEqual(['9 completed', '3 failed']);
    expect(read({ ...told, created: '1700000000' })).toEqual(['3 failed', '9 completed']);
    expect(read({ ...told, created: null })).toEqual(['9 completed', '3 failed']);
    expect(read(null)).toEqual(['9 completed']);
    expect(Object.keys(api.jobs(undefined).parts)).not.toContain('asked');
    const cel = api.jobs('3').parts['asked']?.outputs?.['job']?.cel ?? '';
    const gone = { status: 404, text: '<html>no such page</html>' };
    expect(evaluateAnswer({ cel }, gone)).toEqual({ value: null });
  });

  test('says what it cannot do', () => {
    const poor = structuredClone(strikes) as unknown as {
      run: { http: { restart: { idempotent: boolean }; stop?: object } };
    };
    poor.run.http.restart.idempotent = false;
    delete poor.run.http.stop;
    const other = runnerFor(poor);
    expect(other.stops).toBe(false);
    expect(limitsOf(declared(poor))).toHaveLength(3);
    const job = { id: '7', error: null, dataset: null };
    const { work } = other.restart('key', job, { stage: 'named', batch: 4 }, []);
    expect([work.undo, other.hold('8'), (work.action as HttpAction).idempotencyKey]).toEqual([
      undefined,
      null,
      undefined,
    ]);
  });
});

describe('a program', () => {
  const runs = (stops: boolean) => ({
    run: { program: { path: '/srv/control', args: ['--site', 'a'], stops } },
    data: strikes.data,
  });
  const job = { id: '7', error: null, dataset: 'spring' };
  const argvOf = (action: unknown): unknown => (action as { argv: unknown }).argv;

  test('is told where to go on, and stopped by the key', () => {
    const runner = runnerFor(runs(true));
    const { work } = runner.restart('run/begin', job, { stage: 'named', batch: 4 }, []);
    const told = ['restart', 'run/begin', '7', 'named', '4', 'spring'];
    expect(argvOf(work.action)).toEqual(['/srv/control', '--site', 'a', ...told]);
    expect(argvOf(work.undo)).toEqual(['/srv/control', '--site', 'a', 'stop', 'run/begin']);
  });

  test('stands for what is not known yet before the gate', () => {
    const from = { stage: later<string>('a stage'), batch: later<number>('a batch') };
    const { work } = runnerFor(runs(true)).restart('key', { ...job, dataset: null }, from, []);
    expect((argvOf(work.action) as unknown[]).slice(-2)).toEqual([
      { $: 'a stage' },
      { $: 'a batch' },
    ]);
  });

  test('that cannot stop a job says so, and nothing is undone', () => {
    const runner = runnerFor(runs(false));
    expect(runner.restart('key', job, { stage: 'named', batch: 4 }, []).work.undo).toBe(undefined);
    expect(limitsOf(declared(runs(false)))).toHaveLength(2);
    expect(limitsOf(declared(runs(true)))).toHaveLength(1);
  });

  test.each([null, { exitCode: 1, answer: null }])('that did not answer (%j) is told', (output) => {
    const runner = runnerFor(runs(true));
    const { read } = runner.look('7');
    expect(whyStopped(() => read({ told: output }))).toMatch(/did not say how job 7 is/);
    expect(whyStopped(() => runner.restarted(output, '7'))).toMatch(/which job it has started/);
  });

  test('may be stood in for by hand', () => {
    expect(runnerFor(runs(true)).restarted({ job: '9' }, '7')).toBe('9');
  });
});

const anew = ['build', '--full-refresh', '--select'];

describe('dbt', () => {
  const dbt = runnerFor(declarationOf('/venv/bin/dbt', '/srv/dbt'));
  const head = (kind: string, id: string, at: string): string =>
    `{"metadata": {"dbt_schema_version": "https://schemas.getdbt.com/dbt/${kind}/v12.json", "generated_at": "${at}", "invocation_id": "${id}"`;
  const jobs = (stdout: string, exitCode: number, sessions: JsonObject[] = []) =>
    dbt
      .jobs(undefined)
      .read({ runs: { stdout }, failures: { exitCode }, sessions: { sessions } })
      .map(({ id, status }) => [id, status]);
  const results = head('run-results', 'a', '2026-01-01T00:00:09Z');

  test.each<[string, string, number, string[][]]>([
    [
      'ended well',
      results + head('manifest', 'a', '2026-01-01T00:00:01Z'),
      1,
      [['a', 'completed']],
    ],
    ['failed', results + head('manifest', 'a', '2026-01-01T00:00:01Z'), 0, [['a', 'failed']]],
    [
      'died',
      results + head('manifest', 'b', '2026-01-01T00:01:00Z'),
      1,
      [
        ['died-b', 'failed'],
        ['a', 'completed'],
      ],
    ],
    [
      'died the first time',
      head('manifest', 'b', '2026-01-01T00:01:00Z'),
      2,
      [['died-b', 'failed']],
    ],
    [
      'was retried after its manifest',
      results + head('manifest', 'b', '2026-01-01T00:00:01Z'),
      0,
      [['a', 'failed']],
    ],
    ['never ran', '', 2, []],
  ])('%s', (_what, stdout, exitCode, told) => {
    expect(jobs(stdout, exitCode)).toEqual(told);
  });

  test('works as long as a session of it is there', () => {
    expect(jobs(results, 0, [{ pid: 7, backend_start: 'now' }])).toEqual([
      ['in session 7', 'running'],
      ['a', 'failed'],
    ]);
    expect(whyStopped(() => dbt.jobs(undefined).read({ runs: null }))).toContain('is not known');
  });

  const jobOf = (code: string): Restarted => ({
    ...{ id: 'a', dataset: null, undone: code === 'died' ? [] : ['fct_strikes'] },
    error: { code, message: '', record: null, isPoison: false },
  });

  test.each<[code: string, corrupt: string[], told: string[], isProvedAgain: boolean]>([
    ['failed', [], ['retry'], false],
    // It has not come to it yet.
    ['failed', ['fct_strikes'], ['retry'], true],
    ['failed', ['int_named', 'fct_strikes'], [...anew, 'int_named+', 'fct_strikes+'], false],
    ['died', [], ['build'], false],
    ['died', ['int_named'], ['build'], true],
  ])('that %s, with %j corrupt, is told %j', (code, corrupt, told, isProvedAgain) => {
    const job = jobOf(code);
    const { work } = dbt.restart('key', job, { stage: 'int_named', batch: 0 }, corrupt);
    expect((work.action as CommandAction).argv).toEqual([
      ...['/venv/bin/dbt', ...told, '--project-dir', '/srv/dbt', '--profiles-dir', '/srv/dbt'],
      '--no-use-colors',
    ]);
    expect(dbt.mayLeaveCorrupt?.(job, corrupt)).toBe(isProvedAgain);
  });

  const preview = (corrupt: string[], lines: JsonObject[] | null) => () => {
    const asked = dbt.preview?.(jobOf('failed'), { stage: 'int_named', batch: 0 }, corrupt);
    const models = lines && evaluateAnswer({ cel: modelsIn }, { lines });
    return asked?.read({ models: models && 'value' in models ? { models: models.value } : null })
      .evidence;
  };
  const model = (name: string, how: string, kept: boolean | null = null): JsonObject => ({
    ...{ unique_id: `model.strikes.${name}`, config: { materialized: how, full_refresh: kept } },
  });

  test('says which incremental models are built anew, and which are not', () => {
    const models = [
      model('int_named', 'incremental'),
      model('int_costed', 'table'),
      model('fct_strikes', 'incremental', false),
    ];
    expect(preview(['int_named'], models)()).toEqual({
      'what dbt does': expect.stringContaining('builds int_named, fct_strikes anew'),
      'incremental models built anew': expect.stringMatching(/^int_named: /),
      'incremental models kept': expect.stringMatching(/^fct_strikes: /),
    });
    expect(whyStopped(preview(['int_named', 'fct_strikes'], models))).toMatch(
      /^fct_strikes is corrupt, and its project forbids/,
    );
  });

  test('is not told to build what it does not know, or has not told', () => {
    const models = ['stg_reports', 'int_named', 'int_costed'].map((name) => model(name, 'table'));
    expect(whyStopped(preview([], models))).toBe('the project of dbt has no model fct_strikes');
    expect(whyStopped(preview([], null))).toContain('is not known');
  });
});
