import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import pg from 'pg';
import { sql } from '../../activities/sql.js';
import type { AttemptContext } from '../../activities/handler.js';
import type { SqlAction, SqlQuery, SqlRead } from '../../language/kinds/sql.js';
import { until } from '../../lab/until.js';
import { createTestDatabase, type TestDatabase } from '../helpers/database.js';
import { databaseAccess } from '../helpers/recovery-runs.js';
import { failureOf, World } from './world.js';

/* What a step reads from other databases before its statements. */

const statement = { as: 'told', text: 'SELECT $1::jsonb AS answer' };

describe('a step that reads other databases first', () => {
  const databases: TestDatabase[] = [];
  let world: World;
  let there: pg.Client;

  beforeAll(async () => {
    for (const name of ['here', 'there']) databases.push(await createTestDatabase(`reads_${name}`));
    const [first, second] = databases.map(({ url }) => databaseAccess(url, 'password'));
    if (!first || !second) throw new Error('there are no databases');
    there = new pg.Client(databases[1]?.url ?? '');
    await there.connect();
    await there.query('CREATE TABLE counted (n int)');
    world = new World(
      {
        db: {
          ...{ kind: 'pipeline', environment: 'test', postgres: first.postgres },
          connections: { there: second.postgres },
          pipeline: {
            run: { program: { path: '/bin/true', stops: false } },
            data: { stages: [{ name: 'one', table: 'one', key: ['k'] }] },
          },
        },
      },
      { password: { from: 'file:password', targets: ['db'] } },
    );
    world.secret('password', first.password);
  });
  afterAll(async () => {
    world?.remove();
    await there?.end();
    for (const database of databases) await database.drop();
  });

  function asked(reads: readonly SqlRead[], more: Partial<SqlAction> = {}): SqlAction {
    return { kind: 'sql', target: 'db', reads, statements: [statement], ...more };
  }

  function attempt(action: SqlAction, changes: Partial<AttemptContext> = {}) {
    return sql(action, world.context({ effect: 'read', ...changes }));
  }

  const rows = (text: string, more: object = {}): SqlRead => ({
    rows: { connection: 'there', text },
    ...more,
  });

  const keysOf = (...lists: (string | null)[][]): SqlQuery[] =>
    lists.map((list) => ({
      connection: 'there',
      text: `SELECT length(k) AS batch, k FROM unnest($1::text[]) k GROUP BY k ORDER BY convert_to(k, 'UTF8') NULLS FIRST`,
      values: [list],
    }));

  test('has their rows and what the columns are, and runs its statements in its own database', async () => {
    const answer = await attempt(
      asked([rows(`SELECT current_database() AS name, 1::numeric AS n`)], {
        statements: [{ as: 'told', text: 'SELECT $1::jsonb AS answer, current_database() AS own' }],
      }),
    );
    expect(answer).toMatchObject({
      told: [
        {
          own: expect.stringContaining('reads_here') as unknown,
          answer: {
            rows: [{ name: expect.stringContaining('reads_there') as unknown, n: '1' }],
            columns: [
              { name: 'name', type: 'name', category: 'S' },
              { name: 'n', type: 'numeric', category: 'N' },
            ],
          },
        },
      ],
    });
  });

  test('counts keys by the sets that have them, whatever their letters', async () => {
    const letters = ['a', 'Z', 'é', '漢', '\u{1F600}', '\uFFFD', '\uD7FF', '\uE000', ' ', '~'];
    const texts = letters.flatMap((one) => letters.flatMap((other) => [one, one + other]));
    const all = [...new Set(texts), null];
    const isOf = (every: number) => (_: unknown, at: number) => at % every === 0;
    const [first, second, third] = [2, 3, 5].map((every) => all.filter(isOf(every)));
    const answer = (await attempt(
      asked([
        {
          keys: {
            first: keysOf(first ?? []),
            second: keysOf(second ?? [], third ?? []),
          },
        },
      ]),
    )) as { told: [{ answer: { first: boolean; second: boolean; keys: number }[] }] };
    const count = (isIn: boolean, isThere: boolean): number =>
      all.filter((_, at) => {
        const [inFirst, inSecond] = [at % 2 === 0, at % 3 === 0 || at % 5 === 0];
        return inFirst === isIn && inSecond === isThere;
      }).length;
    const told = (isIn: boolean, isThere: boolean): number =>
      answer.told[0].answer
        .filter((each) => each.first === isIn && each.second === isThere)
        .reduce((sum, { keys }) => sum + keys, 0);
    const both = [true, false].flatMap((one) =>
      [true, false].map((other) => [one, other] as const),
    );
    const found = both.filter(([one, other]) => one || other);
    expect(found.map((each) => told(...each))).toEqual(found.map((each) => count(...each)));
  });

  test.each<[string, SqlRead[], string, string]>([
    ['locks', [rows('SELECT n FROM counted FOR UPDATE')], 'SqlRejected', 'read-only transaction'],
    ['two statements', [rows('SELECT 1; DROP TABLE counted')], 'SqlRejected', 'multiple commands'],
    ['the end of its transaction', [rows('COMMIT')], 'SqlRejected', 'syntax error'],
    [
      'a sequence that moves',
      [rows(`SELECT nextval('numbers')`)],
      'SqlRejected',
      'read-only transaction',
    ],
    [
      'more rows than a step may hold',
      [rows('SELECT n FROM generate_series(1, 100001) n')],
      'AnswerUnusable',
      'more than 100000 rows',
    ],
    [
      'a value that is there twice',
      [rows(`SELECT 'x' AS k FROM generate_series(1, 2)`, { once: 'k' })],
      'AnswerUnusable',
      'two rows with "x" in column k',
    ],
    [
      'two columns of one name',
      [rows('SELECT 1 AS a, 2 AS a')],
      'AnswerUnusable',
      'two columns called a',
    ],
    [
      'a connection that is not there',
      [{ rows: { connection: 'gone', text: 'SELECT 1' } }],
      'Configuration',
      'target db has no connection gone',
    ],
  ])('refuses %s, and changes nothing', async (_what, reads, type, said) => {
    await there.query('CREATE SEQUENCE IF NOT EXISTS numbers');
    const failure = await failureOf(attempt(asked(reads)));
    expect([failure.type, failure.message]).toEqual([type, expect.stringContaining(said)]);
    const { rows: left } = await there.query('SELECT is_called FROM numbers');
    expect(left).toEqual([{ is_called: false }]);
    await there.query('SELECT FROM counted');
  });

  test('names the database that refuses, of several that are open', async () => {
    const bad = { connection: 'there', text: 'SELECT NULL AS batch, k FROM nowhere' };
    const good = { text: `SELECT NULL AS batch, 'a' AS k` };
    for (const keys of [
      { first: [bad], second: [good] },
      { first: [good], second: [bad] },
    ]) {
      const { message } = await failureOf(attempt(asked([{ keys }])));
      expect(message).toMatch(/reads_there.*nowhere/);
    }
  });

  test('is refused where the step changes something', async () => {
    const failure = await failureOf(
      attempt(asked([rows('SELECT 1')], { connection: 'there' }), { effect: 'change' }),
    );
    expect(failure.type).toBe('Configuration');
  });

  test('changes the database of its connection, and no other', async () => {
    const action: SqlAction = {
      ...{ kind: 'sql', target: 'db', connection: 'there' },
      statements: [{ text: 'INSERT INTO counted VALUES (1)' }],
    };
    await attempt(action, { effect: 'change' });
    const { rows: counted } = await there.query('DELETE FROM counted RETURNING n');
    expect(counted).toEqual([{ n: 1 }]);
  });

  test('ends what it reads in the server when it is cancelled', async () => {
    const stop = new AbortController();
    const running = failureOf(
      attempt(asked([rows(`SELECT pg_sleep(600)::text AS slept`)]), { signal: stop.signal }),
    ).catch((error: unknown) => error);
    const active = async () =>
      (
        await there.query(
          `SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'FETCH%' AND state = 'active'`,
        )
      ).rowCount;
    await until('the read', async () => (await active()) === 1);
    stop.abort(new Error('cancelled'));
    expect(String(await running)).toContain('cancelled');
    expect(await active()).toBe(0);
  });
});
