import { describe, expect, test } from '@jest/globals';
import { stringify } from 'yaml';
import { declaration } from '../../../lab/pipeline/declaration.js';
import { notAName, quoted, quotedTable } from '../../../language/sql-name.js';
import { FileError } from '../../../language/strict-file.js';
import { parseTargets, plannedTarget } from '../../../language/targets-file.js';

/** New values, by their dotted paths in the pipeline; undefined: nothing is there. */
type Change = Readonly<Record<string, unknown>>;

/** targets.yaml with the example pipeline, changed. */
function file(
  change: Change = {},
  ways: readonly string[] = ['http', 'postgres', 'connections'],
): string {
  const all: Record<string, object> = {
    http: { address: 'http://127.0.0.1:8000' },
    postgres: { address: 'postgres://127.0.0.1/orders' },
    connections: { landing: { address: 'postgres://127.0.0.2/raw' } },
  };
  const pipeline = structuredClone(declaration) as object;
  for (const [path, value] of Object.entries(change)) put(pipeline, path.split('.'), value);
  const reached = Object.fromEntries(ways.map((way) => [way, all[way]]));
  const orders = { kind: 'pipeline', environment: 'dev', ...reached, pipeline };
  return stringify({ targets: { orders } });
}

function put(object: object, [name = '', ...rest]: string[], value: unknown): void {
  const held = object as Record<string, object>;
  if (rest.length > 0) put(held[name] as object, rest, value);
  else if (value === undefined) delete held[name];
  else held[name] = value as object;
}

/** Each problem with the text that stands at its place. */
function refusals(text: string): { at: string; said: string }[] {
  try {
    parseTargets(text, 'targets.yaml');
  } catch (error) {
    if (!(error instanceof FileError)) throw error;
    return error.message.split('\n').map((line) => {
      const [, row = '0', column = '0', said = ''] =
        /^targets\.yaml:(\d+):(\d+): (.*)$/.exec(line) ?? [];
      const at = text.split('\n')[Number(row) - 1]?.slice(Number(column) - 1) ?? '';
      return { at, said };
    });
  }
  return [];
}

test('what a pipeline declares is part of its plan, and of the digest', () => {
  const [read] = parseTargets(file(), 'targets.yaml');
  const [other] = parseTargets(file({ 'data.stages.3.table': 'arrivals' }), 'targets.yaml');
  const plans = [read, other].map((each) => plannedTarget(each!));
  expect(plans[0]?.pipeline?.data.stages.map(({ table }) => table)).toEqual([
    ['stage_extract'],
    ['stage_clean'],
    ['stage_transform'],
    ['flights'],
  ]);
  expect(plans[0]?.digest).not.toBe(plans[1]?.digest);
});

test('a table has a schema, by a dot or as a list; measures have columns of their own', () => {
  const [read] = parseTargets(
    file({
      'data.stages.0.table': 'raw.lines',
      'data.stages.1.table': ['raw', 'lines.clean'],
      'data.stages.1.measures': { distance: 'Miles', delay: 'Minutes late' },
    }),
    'targets.yaml',
  );
  const [one, two] = read!.pipeline!.data.stages;
  expect([one?.table, two?.table]).toEqual([
    ['raw', 'lines'],
    ['raw', 'lines.clean'],
  ]);
  expect(two?.measures).toEqual([
    { name: 'distance', column: 'Miles' },
    { name: 'delay', column: 'Minutes late' },
  ]);
});

test('two databases may have a table of the same name, and a query returns claims of its own', () => {
  const text = file({
    'data.stages.0.connection': 'landing',
    'data.stages.0.table': 'stage_clean',
    'data.checkpoints': {
      ...{ query: 'SELECT * FROM log -- of all\n; ', stage: 's', batch: 'b', cumulative: true },
      connection: 'landing',
    },
    'data.quarantine.checkpoints': undefined,
  });
  expect(refusals(text)).toEqual([]);
  const [read] = parseTargets(text, 'targets.yaml');
  const planned = plannedTarget(read!);
  expect(planned.addresses).toContain('landing postgres://127.0.0.2/raw');
  const { stages, checkpoints } = planned.pipeline!.data;
  expect([stages[0].connection, checkpoints?.connection]).toEqual(['landing', 'landing']);
  expect(checkpoints?.query).toBe('SELECT * FROM log -- of all');
  const moved = file().replace('127.0.0.2', '127.0.0.3');
  const [other] = parseTargets(moved, 'targets.yaml');
  const [same] = parseTargets(file(), 'targets.yaml');
  expect(plannedTarget(other!).digest).not.toBe(plannedTarget(same!).digest);
});

describe('every mistake is told with its place', () => {
  test.each<[string, Change, string, string]>([
    [
      'an unknown field',
      { 'data.stages.1.keys': ['a'] },
      'name: clean',
      '"keys", which nothing knows',
    ],
    ['a stage without a key', { 'data.stages.1.key': [] }, '[]', 'key must not be empty'],
    ['a key that is missing', { 'data.stages.1.key': undefined }, 'name: clean', 'key is missing'],
    ['no stages', { 'data.stages': [] }, '[]', 'stages'],
    [
      'a name that no database can have',
      { 'data.stages.1.batch': 'x'.repeat(64) },
      'x'.repeat(64),
      'batch is longer than 63 bytes',
    ],
    [
      'a table with two dots',
      { 'data.stages.1.table': 'a.b.c' },
      'a.b.c',
      'table must be a table, or SCHEMA.TABLE',
    ],
    [
      'two stages of one name',
      { 'data.stages.2.name': 'clean' },
      'clean',
      'names clean, as a stage before it does',
    ],
    [
      'two stages with one table',
      { 'data.stages.2.table': 'stage_clean' },
      'stage_clean',
      'is the table of a stage before it',
    ],
    [
      'keys of different length',
      { 'data.rejects.key': ['seq', 'id'] },
      '- seq',
      'has 2 columns, and the key of stage extract has 1',
    ],
    [
      'a sum that no stage has',
      { 'data.stages.3.measures': ['distance', 'delays'] },
      'sum_delay',
      'is claimed, and stage load has no measure of that name; is it delays?',
    ],
    [
      'datasets that no job names',
      { 'run.http.jobs.dataset': undefined, 'run.http.validate': undefined },
      'dataset_id',
      '`run.http.jobs` does not say which one a job is about',
    ],
    [
      'poison without a place for it',
      { 'data.setAside': undefined },
      '- poison-record',
      '`data.setAside` does not say where their keys go',
    ],
    [
      'a placeholder that nothing fills',
      { 'run.http.status.path': '/jobs/{id}' },
      '/jobs/{id}',
      'holds {id}, which is not known here; known are {job}',
    ],
    [
      'a placeholder among text',
      { 'run.http.restart.json': { from: 'stage {stage}' } },
      'from: stage {stage}',
      'a placeholder stands alone in its text',
    ],
    [
      'a restart that names no stage',
      { 'run.http.restart.json': {} },
      'path: /api/v1/jobs/{job}/restart',
      'does not say {stage}',
    ],
    [
      'batches that nothing claims',
      { 'data.checkpoints': undefined },
      'name: extract',
      'is of extract, whose batches nothing claims',
    ],
    [
      'claims without batches',
      { 'data.stages.2.batch': undefined },
      'name: transform',
      'is of transform, which has no `batch`',
    ],
    [
      'no place for what is corrupt',
      { 'data.quarantine': undefined },
      'table: checkpoints',
      '`data.quarantine` does not say where that goes',
    ],
    [
      'a connection that is not there',
      { 'data.stages.1.connection': 'landng' },
      'landng',
      'names landng, and the target has no such connection; is it landing?',
    ],
    ...['checkpoints', 'rejects', 'setAside'].map((place): [string, Change, string, string] => [
      `${place} in a database that is not there`,
      { [`data.${place}.connection`]: 'other' },
      'other',
      'connection names other, and the target has no such connection',
    ]),
    [
      'jobs in a database that is not there',
      { 'run.http.jobs.connection': 'other' },
      'other',
      'connection names other',
    ],
    [
      'claims that are nowhere',
      { 'data.checkpoints.table': undefined },
      'stage: stage',
      'say where the claims are: in `table`, or by `query`',
    ],
    [
      'claims in two places',
      { 'data.checkpoints.query': 'SELECT 1' },
      'table: checkpoints',
      'say where the claims are: in `table`, or by `query`',
    ],
    [
      'an order of what a query returns',
      { 'data.checkpoints.table': undefined, 'data.checkpoints.query': 'SELECT 1' },
      'id',
      'order chooses among claims in a table',
    ],
    [
      'a query that is none',
      { 'data.checkpoints.table': undefined, 'data.checkpoints.query': ' ; ' },
      '" ; "',
      'query must be one query',
    ],
    [
      'a place for claims that a query returns',
      {
        'data.checkpoints': { query: 'SELECT 1', stage: 's', batch: 'b', cumulative: true },
      },
      'quarantine_checkpoints',
      'and a query returns these',
    ],
    [
      'no place for checkpoints',
      { 'data.quarantine.checkpoints': undefined },
      'rows: quarantine_rows',
      'does not say where `checkpoints` go',
    ],
    [
      'two ways to run it',
      { 'run.dbt': { program: '/usr/bin/dbt', project: '/srv/dbt' } },
      'http:',
      'says one way in which it is run: `http`, `dbt`, `airflow` or `program`',
    ],
    [
      'a program whose path is none',
      { run: { program: { path: 'control', stops: true } } },
      'control',
      'must be an absolute path',
    ],
    [
      'an age that is no duration',
      { 'data.stages.0.fresh': { column: 'at', within: 'a day' } },
      'a day',
      'must be a duration, such as 90m or 26h',
    ],
    [
      'a task of a stage that is not there',
      { run: { airflow: { dag: 'd', tasks: { extrakt: 'take_out' }, dataset: 'run_id' } } },
      'take_out',
      'names the tasks of a stage that is not declared; is it extract?',
    ],
    [
      'an id that Airflow does not have',
      { run: { airflow: { dag: 'my dag', dataset: 'run_id' } } },
      'my dag',
      'dag must be the id of a DAG',
    ],
    [
      'a DAG that reads its own data',
      { run: { airflow: { dag: 'own', dataset: 'run_id', upstream: ['own'] } } },
      'own',
      'is the DAG itself',
    ],
    [
      'a dataset that no DAG run tells',
      { run: { airflow: { dag: 'd', dataset: 'day' } } },
      'day',
      'must be logical_date, run_id, partition_key or conf.NAME',
    ],
    [
      'datasets that a DAG run does not tell',
      { run: { airflow: { dag: 'd' } } },
      'dataset_id',
      '`run.airflow` does not say which one a job is about',
    ],
    [
      'records that go nowhere',
      {
        run: { airflow: { dag: 'd', dataset: 'run_id', record: 'bad' } },
        'data.setAside': undefined,
      },
      'bad',
      '`data.setAside` does not say where their keys go',
    ],
    [
      'a program that is found by luck',
      { run: { dbt: { program: 'dbt', project: '/srv/dbt' } } },
      'dbt',
      'program must be an absolute path',
    ],
    [
      'a stop of nothing',
      { 'run.http.stop.path': '/stop' },
      '/stop',
      'names neither {job} nor {key}',
    ],
    [
      'a stop by a key that is not sent',
      { 'run.http.restart.idempotent': false },
      '/api/v1/restarts/{key}/stop',
      'which only a restart with `idempotent: true` sends',
    ],
    [
      'a word with two meanings',
      { 'run.http.states.stopped': ['failed'] },
      'running:',
      'holds "failed" twice',
    ],
    [
      'a path that is none',
      { 'run.http.status.code': 'error["code"]' },
      'error["code"]',
      'names of fields with dots between them',
    ],
  ])('%s', (_what, change, at, said) => {
    const found = refusals(file(change));
    expect(found.map((each) => each.said).join('\n')).toContain(said);
    const told = found.find((each) => each.said.includes(said));
    expect(told?.at).toContain(at);
  });
});

test('a pipeline is reached by its job API and by its database', () => {
  expect(refusals(file({}, ['http'])).map(({ said }) => said)).toEqual([
    expect.stringContaining('no `postgres` to reach it by'),
  ]);
});

test('databases without a pipeline have no use', () => {
  const orders = {
    ...{ kind: 'database', environment: 'dev' },
    connections: { landing: { address: 'postgres://127.0.0.2/raw' } },
  };
  expect(refusals(stringify({ targets: { orders } })).map(({ said }) => said)).toEqual([
    expect.stringContaining('the target declares no `pipeline`'),
  ]);
});

test('an identifier is quoted, whatever it holds, or refused', () => {
  expect(quoted('Flight No')).toBe('"Flight No"');
  expect(quoted('a"; DROP TABLE b; --')).toBe('"a""; DROP TABLE b; --"');
  expect(quotedTable(['Ware"house', 'x'])).toBe('"Ware""house"."x"');
  for (const none of ['', 'a\0b', 'ü'.repeat(32), '𝄞'.repeat(16)]) {
    expect(notAName(none)).not.toBeNull();
    expect(() => quoted(none)).toThrow(TypeError);
  }
  expect(notAName('ü'.repeat(31))).toBeNull();
});
