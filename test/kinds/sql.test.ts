import { randomBytes } from 'node:crypto';
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { connect as connectPlain, createServer, type Socket } from 'node:net';
import type { AddressInfo } from 'node:net';
import { resolve } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { createSecureContext, TLSSocket } from 'node:tls';
import pg from 'pg';
import { check } from '../../activities/check.js';
import { command } from '../../activities/command.js';
import { http } from '../../activities/http.js';
import { sql } from '../../activities/sql.js';
import { sessionName, systemOf } from '../../activities/sql-outcome.js';
import { evaluateAnswer } from '../../activities/judge-answer.js';
import { stepOutputs } from '../../activities/step-outputs.js';
import type { Json, JsonObject } from '../../language/json.js';
import type { AttemptContext } from '../../activities/handler.js';
import type { CheckAction } from '../../language/kinds/check.js';
import type { SqlAction, SqlStatement } from '../../language/kinds/sql.js';
import { asAdmin, createTestDatabase, type TestDatabase } from '../helpers/database.js';
import { certificateFor } from '../helpers/certificate.js';
import { until } from '../../lab/until.js';
import { failureOf, hostile, refusing, World } from './world.js';

const role = `kinds_${randomBytes(4).toString('hex')}`;
const password = 'sésame/open ?#%@:';
let database: TestDatabase;
let admin: pg.Client;
let world: World;

beforeAll(async () => {
  database = await createTestDatabase('kinds_sql');
  admin = new pg.Client({ connectionString: database.url });
  await admin.connect();
  const named = pg.escapeIdentifier(role);
  await admin.query(`CREATE ROLE ${named} LOGIN PASSWORD ${pg.escapeLiteral(password)}`);
  await admin.query(
    'CREATE TABLE t (id int PRIMARY KEY, note text); CREATE TABLE locked (id int); CREATE TABLE private (id int)',
  );
  await admin.query(`GRANT ALL ON t, locked TO ${named}`);
  const address = new URL(database.url);
  address.password = '';
  const admitted = address.href;
  address.username = role;
  world = new World(
    {
      db: {
        kind: 'x',
        environment: 'test',
        postgres: { address: address.href, password: 'db-password' },
      },
      other: {
        kind: 'x',
        environment: 'test',
        postgres: { address: address.href, password: 'db-password' },
      },
      gone: { kind: 'x', environment: 'test', postgres: { address: 'postgres://u@127.0.0.1:1/x' } },
      nodb: {
        kind: 'x',
        environment: 'test',
        postgres: { address: admitted.replace(/\/[^/]*$/, '/no_such_database'), password: 'admin' },
      },
      bare: { kind: 'x', environment: 'test' },
      shared: {
        ...{ kind: 'x', environment: 'test' },
        postgres: { address: address.href.replace(role, 'nobody'), password: 'admin' },
        credentials: {
          writer: { user: role, password: 'db-password' },
          foreign: { user: role, password: 'other-password' },
        },
      },
    },
    {
      'db-password': { from: 'file:db-password', targets: ['db', 'shared'] },
      'other-password': { from: 'file:db-password', targets: ['db'] },
      admin: { from: 'file:admin', targets: ['nodb', 'shared'] },
    },
  );
  world.secret('db-password', password);
  world.secret('admin', decodeURIComponent(new URL(database.url).password) || 'unused');
});

beforeEach(() => admin.query('TRUNCATE t'));

afterAll(async () => {
  await admin.end();
  await database.drop();
  await asAdmin((client) => client.query(`DROP ROLE ${pg.escapeIdentifier(role)}`));
  world.remove();
});

const run = (
  statements: SqlStatement[],
  context: Partial<AttemptContext> = {},
  changes: Partial<SqlAction> = {},
) => sql({ kind: 'sql', target: 'db', statements, ...changes }, world.context(context));

const notes = async () =>
  (await admin.query<{ id: number; note: string | null }>('SELECT * FROM t ORDER BY id')).rows;

/** Connections that steps have left on the server. */
const backends = async (): Promise<{ query: string; state: string }[]> =>
  (
    await admin.query<{ query: string; state: string }>(
      "SELECT query, state FROM pg_stat_activity WHERE application_name LIKE 'runbook/%' AND datname = current_database()",
    )
  ).rows;

test('rows come back by name, with the count of every statement', async () => {
  const output = await run([
    { text: 'INSERT INTO t VALUES ($1, $2), (2, $2)', values: [1, 'x'] },
    { text: 'SELECT id, note FROM t ORDER BY id', as: 'rows' },
  ]);
  expect(output).toEqual({
    rows: [
      { id: 1, note: 'x' },
      { id: 2, note: 'x' },
    ],
    rowCounts: [2, 2],
  });
});

test.each([
  ['SELECT 1 AS id, 2 AS id', 'result v has two columns called id'],
  ['SELECT a.id, b.id FROM t a, t b', 'result v has two columns called id'],
  ['SELECT 1 AS "__proto__"', 'result v has a column called __proto__'],
])('columns that one row cannot hold: %s', async (text, why) => {
  const failure = await failureOf(
    run([{ text: "INSERT INTO t VALUES (5, 'kept?')" }, { text, as: 'v' }]),
  );
  expect(failure).toMatchObject({ type: 'AnswerUnusable', message: why });
  expect(await notes()).toEqual([]);
});

test('a column of any other name comes back by it', async () => {
  const output = await run([{ text: 'SELECT 1 AS "constructor", 2 AS "toString"', as: 'v' }]);
  expect(output).toMatchObject({ v: [{ constructor: 1, toString: 2 }] });
});

test('the credentials that a step names decide who connects, with a password of their own', async () => {
  const asked = (credentials: string) =>
    run([{ text: 'SELECT current_user AS who', as: 'v' }], {}, { target: 'shared', credentials });
  expect(await asked('writer')).toMatchObject({ v: [{ who: role }] });
  expect((await failureOf(asked('foreign'))).message).toMatch(
    /other-password may not go to target shared/,
  );
  expect((await failureOf(asked('gone'))).message).toBe('target shared has no credentials gone');
});

test('values that JSON cannot carry exactly stay text', async () => {
  const output = await run([
    {
      as: 'v',
      text: `SELECT 9007199254740993::bigint AS big, 1.10::numeric AS exact, true AS yes, null AS none, '{"a":[1]}'::jsonb AS doc,
             '2026-11-21T05:00:00Z'::timestamptz AS at, ARRAY['a','b'] AS list`,
    },
  ]);
  expect(output).toMatchObject({
    v: [
      {
        big: '9007199254740993',
        exact: '1.10',
        yes: true,
        none: null,
        doc: { a: [1] },
        at: '2026-11-21 05:00:00+00',
        list: ['a', 'b'],
      },
    ],
  });
});

/** Values that a driver, a time zone or a double changes, and what each of them is. */
const exact: Record<string, [sql: string, value: Json]> = {
  day: ["date '2026-03-01'", '2026-03-01'],
  at: ["timestamptz '2026-11-21 05:00:00.123456+09'", '2026-11-20 20:00:00.123456+00'],
  local: ["timestamp '2026-11-21 05:00:00.123456'", '2026-11-21 05:00:00.123456'],
  time: ["time '05:00:00.000001'", '05:00:00.000001'],
  span: ["interval '1 mon 2 days 00:00:00.5'", '1 mon 2 days 00:00:00.5'],
  never: ["date 'infinity'", 'infinity'],
  always: ["timestamptz '-infinity'", '-infinity'],
  unbounded: ["'Infinity'::float8", 'Infinity'],
  none: ["'NaN'::float8", 'NaN'],
  noNumber: ["'NaN'::numeric", 'NaN'],
  price: ["'12345678901234567.890'::numeric", '12345678901234567.890'],
  id: ["'9007199254740993'::int8", '9007199254740993'],
  small: ['7::int4', 7],
  share: ['0.1::float8', 0.1],
  bytes: ["'\\x00ff'::bytea", '\\x00ff'],
  doc: [`'{"id": 12345678901234567890, "n": 1.5}'::jsonb`, { id: '12345678901234567890', n: 1.5 }],
  text: [`'[9007199254740993]'::json`, ['9007199254740993']],
  days: ["ARRAY[date '2026-03-01', NULL]", ['2026-03-01', null]],
  prices: ["ARRAY['1.10'::numeric]", ['1.10']],
  ids: ["ARRAY['9007199254740993'::int8]", ['9007199254740993']],
  docs: [`ARRAY['{"id": 9007199254740993}'::jsonb]`, [{ id: '9007199254740993' }]],
  blobs: ["ARRAY['\\x00ff'::bytea]", ['\\x00ff']],
  spot: ["point '(1,2)'", '(1,2)'],
};
const everything = `SELECT ${Object.entries(exact)
  .map(([name, [sql]]) => `${sql} AS "${name}"`)
  .join(', ')}`;
const asItIs = Object.fromEntries(Object.entries(exact).map(([name, [, value]]) => [name, value]));

test('a value keeps what it was, whatever the server is set to', async () => {
  await admin.query(`ALTER ROLE ${pg.escapeIdentifier(role)} SET TimeZone = 'Asia/Tokyo'`);
  await admin.query(`ALTER ROLE ${pg.escapeIdentifier(role)} SET DateStyle = 'SQL, DMY'`);
  await admin.query(`ALTER ROLE ${pg.escapeIdentifier(role)} SET bytea_output = 'escape'`);
  try {
    expect(await run([{ text: everything, as: 'v' }])).toEqual({ v: [asItIs], rowCounts: [1] });
  } finally {
    await admin.query(`ALTER ROLE ${pg.escapeIdentifier(role)} RESET ALL`);
  }
});

test('a value that was read is the one that is found when it is used', async () => {
  await admin.query(
    'CREATE TABLE IF NOT EXISTS kept (id jsonb, at timestamptz, day date, raw bytea)',
  );
  await admin.query(`GRANT ALL ON kept TO ${pg.escapeIdentifier(role)}`);
  await admin.query(
    `INSERT INTO kept VALUES ('9007199254740993', '2026-11-21 05:00:00.123456+00', '2026-03-01', '\\x00ff')`,
  );
  const { v } = (await run([{ text: 'SELECT * FROM kept', as: 'v' }])) as {
    v: { id: string; at: string; day: string; raw: string }[];
  };
  const { id, at, day, raw } = v[0] as NonNullable<(typeof v)[0]>;
  const text = 'DELETE FROM kept WHERE id = $1::jsonb AND at = $2 AND day = $3 AND raw = $4';
  const output = await run([{ text, values: [id, at, day, raw] }]);
  expect(output).toEqual({ rowCounts: [1] });
});

test.each<[string, Json[]]>([
  ['int[]', []],
  ['int[]', [1, null]],
  ['int8[]', ['9007199254740993']],
  ['text[]', []],
  ['text[]', ['NULL', null, '', '{}', 'a,b', '"', '\\', ' ']],
])('a list for %s is the same list: %j', async (type, list) => {
  await admin.query(`ALTER ROLE ${pg.escapeIdentifier(role)} SET array_nulls = off`);
  try {
    const text = `SELECT $1::${type} AS list, cardinality($1::${type}) AS count`;
    expect(await run([{ text, values: [list], as: 'rows' }])).toMatchObject({
      rows: [{ list, count: list.length }],
    });
  } finally {
    await admin.query(`ALTER ROLE ${pg.escapeIdentifier(role)} RESET ALL`);
  }
});

test.each<[string, Json]>([
  ['an empty one', []],
  ['one of an empty one', [[]]],
  ['numbers', [1, 2]],
  ['objects', [{ a: 1 }]],
])('a list is no JSON for the driver, and never an object: %s', async (_name, list) => {
  for (const type of ['json', 'jsonb'])
    expect(await failureOf(run([{ text: `SELECT $1::${type}`, values: [list] }]))).toMatchObject({
      type: 'SqlRejected',
    });
});

test('in every time zone of the worker the result is the same', () => {
  const program = `
    import pg from 'pg';
    import { sessionSettings, types } from ${JSON.stringify(resolve('dist/activities/sql-values.js'))};
    const client = new pg.Client({ connectionString: process.env.URL, ...(process.env.BARE ? {} : { types }) });
    await client.connect();
    if (!process.env.BARE)
      for (const setting of Object.entries(sessionSettings))
        await client.query('SELECT set_config($1, $2, false)', setting);
    const { rows } = await client.query(process.env.ASKED);
    process.stdout.write(JSON.stringify(rows[0]));
    await client.end();`;
  const read = (zone: string, bare: string): Record<string, Json> => {
    const { stdout, stderr } = spawnSync(
      process.execPath,
      ['--input-type=module', '--eval', program],
      {
        env: { ...process.env, TZ: zone, URL: database.url, ASKED: everything, BARE: bare },
        encoding: 'utf8',
      },
    );
    if (stdout === '') throw new Error(stderr);
    return JSON.parse(stdout) as Record<string, Json>;
  };
  const changedIn = (row: Record<string, Json>): string[] =>
    Object.keys(asItIs).filter((name) => !isDeepStrictEqual(row[name], asItIs[name]));
  const zones = ['Asia/Tokyo', 'America/St_Johns', 'UTC'];
  for (const zone of zones) expect(changedIn(read(zone, ''))).toEqual([]);
  const bare = changedIn(read('Asia/Tokyo', 'yes'));
  process.stdout.write(
    `values changed in ${zones.length} time zones: 0; as the driver has them: ${bare.length}\n`,
  );
  expect(bare.length).toBeGreaterThan(0);
});

describe('what is expected of a transaction is judged before it is committed', () => {
  const expect1 = [
    { condition: { cel: 'out.rowCounts[0] == 1' }, otherwise: 'not exactly one row' },
  ];
  const two = [{ text: "INSERT INTO t VALUES (1, 'a'), (2, 'b')" }];

  test('otherwise it is rolled back', async () => {
    const failure = await failureOf(run(two, { expect: expect1 }));
    expect(failure).toMatchObject({
      type: 'VerifyFailed',
      message: expect.stringMatching(/not exactly one row.*out\.rowCounts\[0\] == 1/),
    });
    const left = (await notes()).length;
    // Without the look before COMMIT, as it was.
    await run(two);
    process.stdout.write(
      `rows left of what was not expected: ${left}; judged afterwards: ${(await notes()).length}\n`,
    );
    expect(left).toBe(0);
    expect((await notes()).length).toBeGreaterThan(0);
  });

  test('what is not there is not as expected', async () => {
    const absent = [{ condition: { cel: 'out.kept[0].id != 9' }, otherwise: 'id 9 is there' }];
    const failure = await failureOf(run(two, { expect: absent }));
    expect(failure.message).toContain('there is no out.kept');
    expect(await notes()).toEqual([]);
  });

  test('so are its outputs: without a value for one of them nothing is changed', async () => {
    const outputs = { id: { cel: 'out.rows[0].id' }, other: { cel: 'out.rows[0].other' } };
    const insert = [{ text: "INSERT INTO t VALUES (1, 'a') RETURNING id", as: 'rows' }];
    const failure = await failureOf(run(insert, { outputs }));
    expect(failure).toMatchObject({
      type: 'AnswerUnusable',
      message: expect.stringContaining('there is no out.rows[0].other'),
      extra: { next: expect.stringContaining('nothing was changed') },
    });
    expect(await notes()).toEqual([]);
    // As it was: computed of what is committed already.
    const answer = await run(insert);
    expect(() => stepOutputs(outputs, answer)).toThrow('there is no out.rows[0].other');
    expect(await notes()).toHaveLength(1);
  });

  test('without a transaction what was done stands, and that is said', async () => {
    const outputs = { other: { cel: 'out.rows[0].other' } };
    const insert = [{ text: "INSERT INTO t VALUES (1, 'a') RETURNING id", as: 'rows' }];
    const failure = await failureOf(run(insert, { outputs }, { transaction: 'none' }));
    expect(failure).toMatchObject({
      type: 'AnswerUnusable',
      extra: { next: expect.stringContaining('What the step did stands') },
    });
    expect(await notes()).toHaveLength(1);
  });

  test('the next worker gets the outputs, and not the whole answer', async () => {
    const outputs = { id: { cel: 'out.rows[0].id' } };
    const action = {
      ...{ kind: 'sql' as const, target: 'db' },
      statements: [{ text: "INSERT INTO t VALUES (1, 'a') RETURNING id", as: 'rows' }],
    };
    const first = world.context({ outputs });
    expect(await sql(action, first)).toEqual({ id: 1 });
    const evidence = first.evidenceKept[0] ?? null;
    const next = world.context({ outputs, resumedFrom: 'here', evidence });
    expect(await sql(action, next)).toEqual({ id: 1 });
    expect(await notes()).toHaveLength(1);
  });

  test('no step acts on a row that holds a secret, also not the next worker', async () => {
    const statements = [
      { text: 'INSERT INTO t VALUES (1, $1) RETURNING id, note', values: [password], as: 'rows' },
    ];
    const first = world.context();
    const output = await sql({ kind: 'sql', target: 'db', statements }, first);
    const evidence = first.secrets.exit.evidence(first.evidenceKept[0] ?? null) as JsonObject;
    for (const shown of [output, evidence['output'] as Json]) {
      expect(JSON.stringify(shown)).not.toContain(password);
      expect(evaluateAnswer({ cel: 'out.rows[0].note' }, shown)).toEqual({
        why: 'out.rows[0].note held a secret, which was taken out',
      });
      expect(evaluateAnswer({ cel: 'out.row.id' }, shown)).toEqual({ value: 1 });
    }
  });

  test('what is as expected is committed', async () => {
    await run([{ text: "INSERT INTO t VALUES (1, 'a')" }], { expect: expect1 });
    expect(await notes()).toHaveLength(1);
  });
});

test('what is expected of a poll is expected of its end, and not of each look', async () => {
  const action: CheckAction = {
    ...{ kind: 'check', everyMs: 20, until: { cel: 'out.row.n == 1' } },
    probe: {
      ...{ kind: 'sql', target: 'db' },
      statements: [{ text: 'SELECT count(*)::integer AS n FROM t', as: 'rows' }],
    },
  };
  const expectOne = [{ condition: { cel: 'out.row.n == 1' }, otherwise: 'not one' }];
  let looks = 0;
  let inserted: Promise<unknown> = Promise.resolve();
  const progress = (): void => {
    if ((looks += 1) === 2) inserted = admin.query("INSERT INTO t VALUES (1, 'a')");
  };
  const answer = await check(action, world.context({ expect: expectOne, progress }), {
    ...{ sql, command, http },
  });
  await inserted;
  expect(answer).toMatchObject({ row: { n: 1 } });
  expect(looks).toBeGreaterThan(1);
});

test('many rows are cut, and that is said', async () => {
  const output = (await run([{ text: 'SELECT generate_series(1, 5000) AS n', as: 'n' }])) as {
    n: unknown[];
    nTruncated: number;
  };
  expect(output.n).toHaveLength(200);
  expect(output).toMatchObject({ nTruncated: 5_000, rowCounts: [5_000] });
  expect(evaluateAnswer({ cel: 'out.n.map(row, row.n)' }, output as unknown as Json)).toEqual({
    why: 'out.n has 5000 rows, and at most 200 are handed on',
  });
});

test('all statements commit or none does', async () => {
  const failure = await failureOf(
    run([{ text: 'INSERT INTO t VALUES (1)' }, { text: 'INSERT INTO t VALUES (1)' }]),
  );
  expect(failure.type).toBe('SqlRejected');
  expect(await notes()).toEqual([]);
});

test('a step that reads cannot write', async () => {
  const failure = await failureOf(run([{ text: 'INSERT INTO t VALUES (1)' }], { effect: 'read' }));
  expect(failure).toMatchObject({
    type: 'SqlRejected',
    message: expect.stringContaining('read-only'),
  });
  expect(await notes()).toEqual([]);
});

test.each(['read committed', 'repeatable read', 'serializable'] as const)(
  'isolation %s is used',
  async (isolation) => {
    const output = await run(
      [{ text: "SELECT current_setting('transaction_isolation') AS level", as: 'v' }],
      {},
      { isolation },
    );
    expect(output).toMatchObject({ v: [{ level: isolation }] });
  },
);

test('limits are always set, and never above the time that the attempt has', async () => {
  const settings: SqlStatement = {
    as: 'v',
    text: "SELECT current_setting('statement_timeout') AS statement, current_setting('lock_timeout') AS lock",
  };
  await expect(run([settings], { timeoutMs: 60_000 })).resolves.toMatchObject({
    v: [{ statement: '30s', lock: '5s' }],
  });
  await expect(run([settings], { timeoutMs: 2_000 })).resolves.toMatchObject({
    v: [{ statement: '2s', lock: '2s' }],
  });
  await expect(
    run([settings], { timeoutMs: 60_000 }, { statementTimeoutMs: 45_000, lockTimeoutMs: 100 }),
  ).resolves.toMatchObject({
    v: [{ statement: '45s', lock: '100ms' }],
  });
});

test('the server sees whose connection it is, and no connection stays', async () => {
  const key = `run-${'é'.repeat(60)}/step`;
  const output = (await run(
    [{ text: "SELECT current_setting('application_name') AS name", as: 'v' }],
    { key },
  )) as {
    v: [{ name: string }];
  };
  expect(output.v[0].name).toMatch(/^runbook\/run-/);
  await until('the connection to end', async () => (await backends()).length === 0, 5_000, 20);
});

describe('what a failure means', () => {
  const raise = (code: string): SqlStatement => ({
    text: `DO $$ BEGIN RAISE EXCEPTION 'told' USING ERRCODE = '${code}'; END $$`,
  });

  test.each([
    ['40001', 'SqlTransient'],
    ['40P01', 'SqlTransient'],
    ['55P03', 'SqlTransient'],
    ['53100', 'SqlTransient'],
    ['53300', 'SqlTransient'],
    ['57P01', 'Unreachable'],
    ['08006', 'Unreachable'],
    ['28000', 'SqlDenied'],
    ['42501', 'SqlDenied'],
    ['23505', 'SqlRejected'],
    ['22012', 'SqlRejected'],
    ['P0001', 'SqlRejected'],
  ])('SQLSTATE %s is %s', async (code, type) => {
    const failure = await failureOf(run([raise(code)]));
    expect(failure.type).toBe(type);
    expect(failure.message).toContain(code);
    expect(failure.message).not.toContain('DO $$');
  });

  test('a statement that takes too long', async () => {
    const failure = await failureOf(
      run([{ text: 'SELECT pg_sleep(30)' }], {}, { statementTimeoutMs: 100 }),
    );
    expect(failure).toMatchObject({
      type: 'SqlTransient',
      message: expect.stringContaining('57014'),
    });
  });

  test('a lock that is not free', async () => {
    await admin.query('BEGIN; LOCK TABLE locked');
    const failure = await failureOf(
      run([{ text: 'SELECT * FROM locked' }], {}, { lockTimeoutMs: 100 }),
    );
    await admin.query('ROLLBACK');
    expect(failure).toMatchObject({
      type: 'SqlTransient',
      message: expect.stringContaining('55P03'),
    });
  });

  test('a table without the right', async () => {
    expect((await failureOf(run([{ text: 'SELECT * FROM private' }]))).type).toBe('SqlDenied');
  });

  test('a database that does not exist', async () => {
    const failure = await failureOf(run([{ text: 'SELECT 1' }], {}, { target: 'nodb' }));
    expect(failure).toMatchObject({ type: 'SqlDenied', message: expect.stringContaining('3D000') });
  });

  test('nobody listens', async () => {
    const failure = await failureOf(run([{ text: 'SELECT 1' }], {}, { target: 'gone' }));
    expect(failure).toMatchObject({
      type: 'Unreachable',
      message: expect.stringContaining('127.0.0.1:1/x'),
    });
  });

  test('a server that accepts and says nothing: Unreachable after five seconds', async () => {
    const silent = createServer();
    await new Promise<void>((listening) => silent.listen(0, '127.0.0.1', listening));
    const { port } = silent.address() as AddressInfo;
    const own = new World({
      db: {
        kind: 'x',
        environment: 'test',
        postgres: { address: `postgres://u@127.0.0.1:${port}/x` },
      },
    });
    const failure = await failureOf(
      sql({ kind: 'sql', target: 'db', statements: [{ text: 'SELECT 1' }] }, own.context()),
    );
    expect(failure.type).toBe('Unreachable');
    own.remove();
    silent.close();
  });

  test('a password for another target is not sent', async () => {
    const failure = await failureOf(run([{ text: 'SELECT 1' }], {}, { target: 'other' }));
    expect(failure).toMatchObject({
      type: 'Configuration',
      message: 'secret db-password may not go to target other',
    });
  });

  test('a target without a database', async () => {
    expect((await failureOf(run([{ text: 'SELECT 1' }], {}, { target: 'bare' }))).type).toBe(
      'Configuration',
    );
  });
});

/**
 * A server that asks for the password in clear, keeps what it is told, and refuses it: the first
 * bytes of the real protocol.
 */
async function askingForPassword(): Promise<{ address: string; told: string[]; stop: () => void }> {
  const told: string[] = [];
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.once('data', () => {
      socket.write(Buffer.from([0x52, 0, 0, 0, 8, 0, 0, 0, 3]));
      socket.once('data', (message) => {
        told.push(message.subarray(5, -1).toString());
        const fields = Buffer.from('SFATAL\0C28P01\0Mpassword authentication failed\0\0');
        const head = Buffer.from([0x45, 0, 0, 0, fields.length + 4]);
        socket.end(Buffer.concat([head, fields]));
      });
    });
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  const { port } = server.address() as AddressInfo;
  return { address: `postgres://someone@127.0.0.1:${port}/x`, told, stop: () => server.close() };
}

test('the password reaches the server as it is, whatever characters it has, and no failure repeats it', async () => {
  const server = await askingForPassword();
  const own = new World(
    {
      db: { kind: 'x', environment: 'test', postgres: { address: server.address, password: 'pw' } },
    },
    { pw: { from: 'file:pw', targets: ['db'] } },
  );
  own.secret('pw', password);
  const failure = await failureOf(
    sql({ kind: 'sql', target: 'db', statements: [{ text: 'SELECT 1' }] }, own.context()),
  );
  expect(server.told).toEqual([password]);
  expect(failure).toMatchObject({ type: 'SqlDenied', message: expect.stringContaining('28P01') });
  expect(JSON.stringify([failure.message, failure.extra])).not.toContain(password);
  own.remove();
  server.stop();
});

describe('abort', () => {
  test('ends the statement in the server before it returns', async () => {
    const controller = new AbortController();
    const asked = run([{ text: 'INSERT INTO t VALUES (1)' }, { text: 'SELECT pg_sleep(60)' }], {
      signal: controller.signal,
    });
    await until(
      'the statement',
      async () => (await backends()).some(({ query }) => query.includes('pg_sleep')),
      5_000,
      20,
    );
    controller.abort(new Error('cancelled by the test'));
    await expect(asked).rejects.toThrow('cancelled by the test');
    const running = (await backends()).filter(
      ({ query, state }) => query.includes('pg_sleep(60)') && state === 'active',
    );
    expect(running).toEqual([]);
    await until('all connections to end', async () => (await backends()).length === 0, 5_000, 20);
    expect(await notes()).toEqual([]);
  });

  test('before it began, nothing is asked', async () => {
    const signal = AbortSignal.abort(new Error('cancelled by the test'));
    await expect(run([{ text: 'INSERT INTO t VALUES (1)' }], { signal })).rejects.toThrow(
      'cancelled by the test',
    );
    expect(await notes()).toEqual([]);
  });
});

describe('values are values, never SQL', () => {
  test.each(hostile)('%j', async (payload) => {
    const output = await run([
      { text: 'INSERT INTO t VALUES (1, $1)', values: [payload] },
      { text: 'SELECT note FROM t WHERE note = $1', values: [payload], as: 'v' },
    ]);
    expect(output).toMatchObject({ v: [{ note: payload }] });
    expect(await notes()).toEqual([{ id: 1, note: payload }]);
  });

  test('any text', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.string({ unit: 'grapheme' }), { minLength: 1, maxLength: 30 }),
        async (texts) => {
          fc.pre(texts.every((text) => !text.includes('\0')));
          const output = await run([
            { text: 'SELECT v FROM unnest($1::text[]) AS v', values: [texts], as: 'v' },
          ]);
          expect(output).toMatchObject({ v: texts.map((v) => ({ v })) });
        },
      ),
      { numRuns: 20 },
    );
  });
});

describe('a transaction that nobody heard the end of', () => {
  const insert = (id: number, more: readonly SqlStatement[] = []): SqlAction => ({
    kind: 'sql',
    target: 'db',
    statements: [
      { text: 'INSERT INTO t VALUES ($1, $2) RETURNING id', values: [id, 'once'], as: 'inserted' },
      ...more,
    ],
  });
  const rows = async (): Promise<number> => (await admin.query('SELECT FROM t')).rowCount ?? 0;
  const resumed = (evidence: Json): Partial<AttemptContext> => ({ resumedFrom: 'here', evidence });

  test('was committed: it is not done again, and answers as it did', async () => {
    const first = world.context();
    const output = await sql(insert(1), first);
    const [evidence] = first.evidenceKept;
    expect(evidence).toMatchObject({
      system: expect.stringMatching(/^\d+\/[0-9A-F]{8}$/),
      xid: expect.stringMatching(/^\d+$/),
      output,
    });
    expect(await sql(insert(1), world.context(resumed(evidence ?? null)))).toEqual(output);
    expect(await rows()).toBe(1);
  });

  test('was rolled back, or never came to COMMIT: it is done', async () => {
    await admin.query('BEGIN');
    const { rows: found } = await admin.query<{ xid: string }>(
      'SELECT pg_current_xact_id()::text AS xid',
    );
    await admin.query('ROLLBACK');
    expect(
      await sql(
        insert(1),
        world.context(resumed({ ...found[0], system: await systemOf(admin), output: {} })),
      ),
    ).toMatchObject({
      inserted: [{ id: 1 }],
    });
    expect(await sql(insert(2), world.context(resumed(null)))).toMatchObject({
      inserted: [{ id: 2 }],
    });
    expect(await rows()).toBe(2);
  });

  test('was rolled back, and the run has lost its target since: it is not done again', async () => {
    const failure = await failureOf(
      sql(insert(1), world.context({ ...resumed(null), assertLeaseHeld: refusing })),
    );
    expect(failure).toMatchObject({
      type: 'LeaseLost',
      message: expect.stringContaining('may have acted'),
    });
    expect(await rows()).toBe(0);
  });

  test('its session still holds what it locked: it is ended first', async () => {
    const url = new URL(database.url);
    url.username = role;
    url.password = encodeURIComponent(password);
    const zombie = new pg.Client({
      connectionString: url.href,
      application_name: 'runbook/run-1/step-1',
    });
    zombie.on('error', () => undefined);
    await zombie.connect();
    await zombie.query('BEGIN');
    await zombie.query("INSERT INTO t VALUES (1, 'from the zombie')");
    expect(await sql(insert(1), world.context(resumed(null)))).toMatchObject({
      inserted: [{ id: 1 }],
    });
    await expect(zombie.query('COMMIT')).rejects.toThrow();
    await zombie.end().catch(() => undefined);
    expect((await admin.query<{ note: string }>('SELECT note FROM t')).rows).toEqual([
      { note: 'once' },
    ]);
  });

  test('ran on other data, or too long ago to be known: a person decides', async () => {
    const first = world.context();
    await sql(insert(1), first);
    const kept = first.evidenceKept[0] as unknown as { system: string; xid: string };
    for (const change of [
      { system: '1/00000001' },
      { system: kept.system.replace(/.$/, 'F') },
      { system: null },
      { xid: '3' },
      { xid: '99999999999' },
    ]) {
      const failure = await failureOf(
        sql(insert(2), world.context(resumed({ ...kept, ...change }))),
      );
      expect(failure.type).toBe('OutcomeUnknown');
    }
    expect(await rows()).toBe(1);
  });

  test('an attempt that was taken over may not commit', async () => {
    const failure = await failureOf(
      sql(insert(1), world.context({ keepEvidence: () => Promise.resolve(false) })),
    );
    expect(failure.type).toBe('WorkerLost');
    expect(await rows()).toBe(0);
  });

  test('what fails at COMMIT has failed; what breaks there is asked for', async () => {
    await admin.query(`
      CREATE FUNCTION at_commit() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        IF new.note = 'refuse' THEN RAISE EXCEPTION 'not like this'; END IF;
        IF new.note = 'break' THEN PERFORM pg_terminate_backend(pg_backend_pid()); END IF;
        RETURN new; END $$;
      CREATE CONSTRAINT TRIGGER late AFTER INSERT ON t DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION at_commit()`);
    const noted = (note: string): SqlAction =>
      insert(1, [{ text: 'INSERT INTO t VALUES (2, $1)', values: [note] }]);
    expect((await failureOf(sql(noted('refuse'), world.context()))).type).toBe('SqlRejected');
    expect(await failureOf(sql(noted('break'), world.context()))).toMatchObject({
      type: 'SqlTransient',
      message: expect.stringContaining('rolled back'),
    });
    expect(await rows()).toBe(0);
    await admin.query('DROP TRIGGER late ON t; DROP FUNCTION at_commit');
  });

  test('names of sessions are their own, however long the name of a step', () => {
    const names = ['a', 'b'].map((end) => sessionName(`run-1/${'step'.repeat(30)}${end}`));
    expect(new Set(names).size).toBe(2);
    for (const name of names) expect(Buffer.byteLength(name)).toBeLessThanOrEqual(63);
    expect(sessionName('run-1/step-1')).toBe('runbook/run-1/step-1');
  });
});

describe('encryption, as psql understands sslmode', () => {
  const authority = certificateFor('test authority', 'authority.test');
  const server = certificateFor('server', 'localhost', authority);
  const stranger = certificateFor('stranger', 'localhost');
  const sockets = new Set<Socket>();
  let secure: number;
  let plain: number;

  /** The real server behind an end of TLS; it answers the driver's question for encryption. */
  async function front(tls: boolean): Promise<number> {
    const { hostname, port } = new URL(database.url);
    const context = createSecureContext({ key: server.key, cert: server.cert });
    const listener = createServer((socket) => {
      sockets.add(socket.on('error', () => undefined));
      socket.once('data', (first) => {
        // SSLRequest: https://www.postgresql.org/docs/current/protocol-message-formats.html
        const isAsked = first.length === 8 && first.readInt32BE(4) === 80_877_103;
        if (isAsked) socket.write(tls ? 'S' : 'N');
        const inner =
          isAsked && tls
            ? new TLSSocket(socket, { isServer: true, secureContext: context })
            : socket;
        const behind = connectPlain(Number(port), hostname);
        sockets.add(behind.on('error', () => inner.destroy()));
        if (!isAsked) behind.write(first);
        inner
          .on('error', () => behind.destroy())
          .pipe(behind)
          .pipe(inner);
      });
    }).listen(0, '127.0.0.1');
    await until('the front', () => Promise.resolve(listener.address() ?? undefined));
    closers.push(() => listener.close());
    return (listener.address() as AddressInfo).port;
  }
  const closers: (() => void)[] = [];

  beforeAll(async () => {
    [secure, plain] = [await front(true), await front(false)];
  });
  afterAll(() => {
    for (const socket of sockets) socket.destroy();
    for (const close of closers) close();
  });

  const ask = async (port: number, mode: string, ca?: string, host = 'localhost') => {
    const address = new URL(database.url);
    const secret = decodeURIComponent(address.password);
    Object.assign(address, { password: '', host: `${host}:${port}` });
    if (mode !== '') address.searchParams.set('sslmode', mode);
    const own = new World(
      {
        db: {
          kind: 'x',
          environment: 'test',
          postgres: { address: address.href, password: 'secret', ...(ca ? { ca } : {}) },
        },
      },
      { secret: { from: 'file:secret', targets: ['db'] } },
    );
    own.secret('secret', secret || 'none');
    try {
      const action: SqlAction = { kind: 'sql', target: 'db', statements: [{ text: 'SELECT 1' }] };
      await sql(action, own.context({ effect: 'read' }));
      return 'answered';
    } catch (error) {
      const { type = 'Error', message } = error as { type?: string; message: string };
      return `${type}: ${message}`;
    } finally {
      own.remove();
    }
  };
  const file = (text: string, name: string): string => {
    writeFileSync(`${world.folder}/${name}`, text);
    return `${world.folder}/${name}`;
  };

  test.each(['', 'disable', 'allow', 'prefer'])('a server without TLS, %p', async (mode) => {
    expect(await ask(plain, mode)).toBe('answered');
  });

  test.each(['require', 'no-verify', 'verify-ca', 'verify-full'])(
    'a server without TLS, %s: refused in its own words',
    async (mode) => {
      expect(await ask(plain, mode)).toMatch(/^TlsRefused: .*nothing was sent: it speaks no TLS$/);
    },
  );

  test('whose certificate counts, and what for', async () => {
    const ours = file(authority.cert, 'ca.pem');
    const other = file(stranger.cert, 'other.pem');
    for (const mode of ['prefer', 'require', 'no-verify'])
      expect([mode, await ask(secure, mode)]).toEqual([mode, 'answered']);
    for (const mode of ['verify-ca', 'verify-full', 'require', ''])
      expect([mode, await ask(secure, mode, ours)]).toEqual([mode, 'answered']);
    for (const mode of ['verify-ca', 'verify-full', 'require', ''])
      expect(await ask(secure, mode, other)).toMatch(/^TlsRefused: .*nothing was sent/);
    for (const mode of ['verify-ca', 'verify-full'])
      expect(await ask(secure, mode)).toMatch(/^TlsRefused: .*nothing was sent/);
    expect(await ask(secure, 'verify-ca', ours, '127.0.0.1')).toBe('answered');
    expect(await ask(secure, 'verify-full', ours, '127.0.0.1')).toMatch(
      /^TlsRefused: .*\(ERR_TLS_CERT_ALTNAME_INVALID\)$/,
    );
    expect(await ask(secure, 'require', '/no/such.pem')).toMatch(
      /^Configuration: .*such\.pem.*ENOENT/,
    );
  });
});
