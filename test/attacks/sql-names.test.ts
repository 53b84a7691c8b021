import { afterAll, beforeAll, expect, test } from '@jest/globals';
import fc from 'fast-check';
import pg from 'pg';
import { sql } from '../../activities/sql.js';
import { statementText } from '../../activities/sql-names.js';
import type { JsonObject } from '../../language/json.js';
import type { SqlAction } from '../../language/kinds/sql.js';
import { createTestDatabase, type TestDatabase } from '../helpers/database.js';
import { failureOf, World } from '../kinds/world.js';

/*
 * Names and values that stand in statements: whatever they hold, they are one name or one value,
 * and run nothing.
 */

let database: TestDatabase;
let admin: pg.Client;
let world: World;

beforeAll(async () => {
  database = await createTestDatabase('kinds_sql_names');
  admin = new pg.Client({ connectionString: database.url });
  await admin.connect();
  const address = new URL(database.url);
  const password = decodeURIComponent(address.password);
  address.password = '';
  world = new World(
    { db: { kind: 'x', environment: 'test', postgres: { address: address.href, password: 'pw' } } },
    { pw: { from: 'file:pw', targets: ['db'] } },
  );
  world.secret('pw', password || 'unused');
});
afterAll(async () => {
  await admin?.end();
  await database?.drop();
  world?.remove();
});

const act = (action: Partial<SqlAction>, effect: 'read' | 'change' = 'read', more: object = {}) =>
  sql({ kind: 'sql', target: 'db', statements: [], ...action }, world.context({ effect, ...more }));

/** Each would make a table `pwned` if it were more than a name, or a value. */
const payloads = [
  `x"; CREATE TABLE pwned (); --`,
  `x'; CREATE TABLE pwned (); --`,
  `x\\'; CREATE TABLE pwned (); --`,
  `x\\"; CREATE TABLE pwned (); --`,
  `'; CREATE TABLE pwned (); COMMIT; --`,
  `"; CREATE TABLE pwned (); COMMIT; --`,
  `$$; CREATE TABLE pwned (); $$`,
  `*/ ; CREATE TABLE pwned (); /*`,
  `-- \n; CREATE TABLE pwned ();`,
  `'' ; CREATE TABLE pwned (); ''`,
  `"" ; CREATE TABLE pwned (); ""`,
  `\\u0027; CREATE TABLE pwned (); --`,
];
const statements = [{ text: 'SELECT {value} AS {name}', as: 'rows' }];

async function isPwned(): Promise<boolean> {
  const { rows } = await admin.query(`SELECT to_regclass('pwned') IS NOT NULL AS found`);
  await admin.query('DROP TABLE IF EXISTS pwned');
  return (rows[0] as { found: boolean }).found;
}

test('payloads are one name and one value, and run nothing; without quoting they run', async () => {
  const found = { quoted: 0, bare: 0 };
  for (const payload of payloads)
    for (const transaction of [{}, { transaction: 'none' as const }]) {
      const given = { identifiers: { name: payload }, literals: { value: payload } };
      const { rows } = (await act({ statements, ...given, ...transaction }, 'change')) as {
        rows: JsonObject[];
      };
      expect(rows).toEqual([{ [payload]: payload }]);
      found.quoted += (await isPwned()) ? 1 : 0;
    }
  const bare = { name: (text: string) => `"${text}"`, literal: (text: string) => `'${text}'` };
  for (const payload of payloads)
    for (const text of ['SELECT 1 AS {name}', 'SELECT {value}']) {
      const given = { identifiers: { name: payload }, literals: { value: payload } };
      await admin.query(statementText(text, given, bare)).catch(() => admin.query('ROLLBACK'));
      found.bare += (await isPwned()) ? 1 : 0;
    }
  expect(found.quoted).toBe(0);
  expect(found.bare).toBeGreaterThan(0);
});

test('10,000 texts arrive as they are', async () => {
  const text = fc.string({ unit: 'binary', minLength: 1, maxLength: 15 }).filter(
    (each) =>
      !each.includes('\0') &&
      Buffer.byteLength(each) <= 63 &&
      !/\p{Surrogate}/u.test(each) &&
      // No column can be called so: a row is an object.
      each !== '__proto__',
  );
  let seen = 0;
  await fc.assert(
    fc.asyncProperty(fc.uniqueArray(text, { minLength: 50, maxLength: 50 }), async (texts) => {
      const literals = Object.fromEntries(texts.map((each, at) => [`v${at}`, each]));
      const identifiers = Object.fromEntries(texts.map((each, at) => [`n${at}`, each]));
      const columns = texts.map((_each, at) => `{v${at}} AS {n${at}}`).join(', ');
      const { row } = (await act({
        ...{ statements: [{ text: `SELECT ${columns}`, as: 'rows' }], identifiers, literals },
      })) as { row: JsonObject };
      for (const each of texts) expect(row[each]).toBe(each);
      seen += texts.length;
    }),
    { numRuns: 200 },
  );
  expect(seen).toBe(10_000);
}, 120_000);

test.each<[string, string, Partial<SqlAction>]>([
  [
    'a name of something else, cut by the server',
    'longer than 63',
    { identifiers: { x: 'a'.repeat(64) } },
  ],
  ['a name with a NUL', 'holds a NUL', { identifiers: { x: 'a\0' } }],
  ['a number', 'is no text', { identifiers: { x: 1 as never } }],
  ['an object', 'is no text, number', { literals: { x: {} as never } }],
])('%s is refused before anything is sent', async (_what, why, given) => {
  await admin.query('CREATE TABLE IF NOT EXISTS before (n int)');
  const two = [{ text: 'INSERT INTO before VALUES (1)' }, { text: 'DROP TABLE {x}' }];
  const failure = await failureOf(
    act({ statements: two, ...given, transaction: 'none' }, 'change'),
  );
  expect(failure).toMatchObject({ type: 'SqlRejected', message: expect.stringContaining(why) });
  expect((await admin.query('SELECT * FROM before')).rowCount).toBe(0);
});

test('what refuses a transaction is done without one; a read still cannot write', async () => {
  await admin.query('CREATE TABLE "my ""t" (n int)');
  const vacuum: Partial<SqlAction> = {
    statements: [{ text: 'VACUUM (ANALYZE) {schema}.{table}' }],
    identifiers: { schema: 'public', table: 'my "t' },
  };
  expect(await failureOf(act(vacuum, 'change'))).toMatchObject({ type: 'SqlRejected' });
  await act({ ...vacuum, transaction: 'none' }, 'change');
  const { rows } = await admin.query(
    `SELECT analyze_count FROM pg_stat_user_tables WHERE relname = 'my "t'`,
  );
  expect(rows).toEqual([{ analyze_count: '1' }]);
  const write: Partial<SqlAction> = {
    statements: [{ text: 'CREATE TABLE written ()' }],
    transaction: 'none',
  };
  expect(await failureOf(act(write))).toMatchObject({
    message: expect.stringContaining('read-only transaction'),
  });
});

test('after its worker died, only what may be done twice is done again', async () => {
  await admin.query('CREATE TABLE done (n int)');
  const write: Partial<SqlAction> = {
    statements: [{ text: 'INSERT INTO done VALUES (1)' }],
    transaction: 'none',
  };
  const resumed = { resumedFrom: 1 };
  expect(await failureOf(act(write, 'change', resumed))).toMatchObject({ type: 'OutcomeUnknown' });
  expect((await admin.query('SELECT * FROM done')).rowCount).toBe(0);
  await act({ ...write, idempotent: true }, 'change', resumed);
  expect((await admin.query('SELECT * FROM done')).rowCount).toBe(1);
});

test('a connection that breaks under way leaves it unknown', async () => {
  const kill: Partial<SqlAction> = {
    statements: [{ text: 'SELECT pg_terminate_backend(pg_backend_pid())' }],
    transaction: 'none',
  };
  expect(await failureOf(act(kill, 'change'))).toMatchObject({ type: 'OutcomeUnknown' });
  expect(await failureOf(act({ ...kill, idempotent: true }, 'change'))).toMatchObject({
    type: 'Unreachable',
  });
});
