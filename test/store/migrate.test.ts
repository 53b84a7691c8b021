import { readFileSync } from 'node:fs';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from '@jest/globals';
import type pg from 'pg';
import {
  admitRun,
  beginAttempt,
  checkSchema,
  endAttempt,
  getRun,
  listRuns,
  migrate,
  openPool,
  saveRun,
} from '../../store/index.js';
import { readMigrations, type Migration } from '../../store/migrate.js';
import { stretched } from '../../embedded/pace.js';
import { judgeSchema, schemaRange } from '../../store/schema-range.js';
import { asAdmin, createTestDatabase, type TestDatabase } from '../helpers/database.js';
import { admission, attemptOf, endedView, keyOf } from './fixtures.js';

let database: TestDatabase;
const pools: pg.Pool[] = [];
/** The first migration that this release does not have. */
const next = schemaRange.newest + 1;

beforeAll(async () => {
  database = await createTestDatabase('migrate');
});

beforeEach(async () => {
  await connect().query('DROP SCHEMA IF EXISTS runbook CASCADE');
});

// What a test has begun and not awaited ends here: the next one drops the schema.
afterEach(() => Promise.all(pools.splice(0).map((pool) => pool.end())));

afterAll(() => database.drop());

function connect(max = 1): pg.Pool {
  const pool = openPool(database.url, { max, connectTimeoutMs: stretched(5_000) });
  pools.push(pool);
  return pool;
}

/** A migration of a release to come. */
function later(version: number, breaking: boolean, sql: string): Migration {
  return {
    name: `${String(version).padStart(4, '0')}-later.sql`,
    version,
    breaking,
    sql,
    checksum: `later-${version}`,
  };
}

test('twenty connections migrate an empty database at once, and it is migrated once', async () => {
  const all = Array.from({ length: 20 }, () => connect());
  await Promise.all(all.map((pool) => pool.query('SELECT 1')));
  const results = await Promise.all(all.map((pool) => migrate(pool)));
  expect(results.every(({ to }) => to === schemaRange.newest)).toBe(true);
  expect(results.filter(({ from }) => from === 0).length).toBeGreaterThanOrEqual(1);
  const { rows } = await connect().query(
    'SELECT version FROM runbook.schema_migrations ORDER BY version',
  );
  expect(rows.map((row: { version: number }) => row.version)).toEqual(
    readMigrations().map((migration) => migration.version),
  );
});

test('twenty at once apply one more migration exactly once', async () => {
  await migrate(connect());
  const migrations = [
    ...readMigrations(),
    later(
      next,
      false,
      'CREATE TABLE runbook.extra (n integer); INSERT INTO runbook.extra VALUES (1)',
    ),
  ];
  const all = Array.from({ length: 20 }, () => connect());
  await Promise.all(all.map((pool) => migrate(pool, migrations)));
  expect((await connect().query('SELECT n FROM runbook.extra')).rowCount).toBe(1);
});

test('a second migration changes nothing', async () => {
  const pool = connect();
  expect(await migrate(pool)).toEqual({ from: 0, to: schemaRange.newest });
  expect(await migrate(pool)).toEqual({ from: schemaRange.newest, to: schemaRange.newest });
});

test('a migration that fails leaves nothing behind', async () => {
  const pool = connect();
  const migrations = [
    ...readMigrations(),
    later(next, false, 'CREATE TABLE runbook.half (n integer); SELECT 1 / 0'),
  ];
  await expect(migrate(pool, migrations)).rejects.toThrow('division by zero');
  expect((await checkSchema(pool)).version).toBe(0);
  expect(await migrate(pool)).toEqual({ from: 0, to: schemaRange.newest });
});

test('another file under a known number is refused with what to do', async () => {
  const pool = connect();
  await migrate(pool);
  const [first, ...rest] = readMigrations();
  await expect(
    migrate(pool, [{ ...(first as Migration), checksum: 'other' }, ...rest]),
  ).rejects.toThrow(/another release.*database of its own/);

  await pool.query("UPDATE runbook.schema_migrations SET checksum = 'other'");
  expect(await checkSchema(pool)).toMatchObject({
    ok: false,
    message: expect.stringMatching(/another release.*database of its own/),
  });
});

test('an empty database is refused', async () => {
  expect(await checkSchema(connect())).toEqual({
    version: 0,
    minimumReader: 0,
    ok: false,
    message: 'The database has no record yet',
  });
});

test('this release works on a newer schema that breaks nothing, with connections open before it', async () => {
  const pool = connect(2);
  await migrate(pool);
  const key = keyOf('across');
  await admitRun(pool, admission(key));
  await getRun(pool, key);

  const newer = later(
    next,
    false,
    `ALTER TABLE runbook.runs ADD COLUMN region text NOT NULL DEFAULT 'here';
     ALTER TABLE runbook.steps ADD COLUMN cost integer;
     ALTER TABLE runbook.attempts ADD COLUMN later text;
     CREATE TABLE runbook.ledger (n integer PRIMARY KEY)`,
  );
  await migrate(connect(), [...readMigrations(), newer]);

  expect(await migrate(pool)).toEqual({ from: next, to: next });
  expect(await checkSchema(pool)).toMatchObject({ ok: true, version: next, minimumReader: 0 });
  const { attempt } = await beginAttempt(pool, attemptOf(key, 'quarantine'));
  expect(
    await endAttempt(pool, { key, step: 'quarantine', attempt, state: 'succeeded', output: 1 }),
  ).toBe(true);
  await admitRun(pool, admission(keyOf('after')));
  await saveRun(pool, endedView(key));
  expect((await getRun(pool, key))?.state).toBe('succeeded');
  expect(await listRuns(pool)).toHaveLength(2);
});

test('a schema beyond a breaking migration is refused, saying which release is needed', async () => {
  const pool = connect();
  await migrate(pool, [
    ...readMigrations(),
    later(next, true, 'ALTER TABLE runbook.runs RENAME COLUMN title TO name'),
    later(next + 1, false, 'SELECT 1'),
  ]);
  const status = await checkSchema(pool);
  expect(status).toMatchObject({ ok: false, version: next + 1, minimumReader: next });
  expect(status.message).toMatch(
    /marked breaking\. Upgrade this worker or command to a release that knows schema \d/,
  );
});

test('a breaking migration that the release knows is no obstacle; an older schema than it needs is', () => {
  const applied = [1, 2, 3].map((version) => ({ version, breaking: version === 2 }));
  expect(judgeSchema(applied, { oldest: 1, newest: 2 }).ok).toBe(true);
  expect(judgeSchema(applied, { oldest: 1, newest: 1 }).ok).toBe(false);
  expect(judgeSchema(applied, { oldest: 4, newest: 5 })).toMatchObject({
    ok: false,
    message: 'The record has schema 3, this release needs 4',
  });
});

test('the shipped migrations end where the release says, and only breaking ones take something away', () => {
  const migrations = readMigrations();
  expect(migrations.at(-1)?.version).toBe(schemaRange.newest);
  for (const migration of migrations.filter((candidate) => !candidate.breaking)) {
    const sql = readFileSync(
      new URL(`../../store/migrations/${migration.name}`, import.meta.url),
      'utf8',
    ).replace(/--.*$/gm, '');
    expect(sql).not.toMatch(/\b(DROP|RENAME|SET NOT NULL|ALTER COLUMN)\b/i);
  }
});

test('an ordinary role that owns nothing but the right to create a schema runs all of it', async () => {
  const role = `plain_${Date.now().toString(36)}`;
  const url = new URL(database.url);
  const name = url.pathname.slice(1);
  await asAdmin((client) =>
    client.query(
      `CREATE ROLE ${role} LOGIN PASSWORD 'plain' NOSUPERUSER NOCREATEDB NOCREATEROLE; GRANT CREATE, CONNECT ON DATABASE ${name} TO ${role}`,
    ),
  );
  url.username = role;
  url.password = 'plain';
  const pool = openPool(url.href);
  pools.push(pool);
  try {
    expect(await migrate(pool)).toEqual({ from: 0, to: schemaRange.newest });
    const key = keyOf('plain');
    await admitRun(pool, admission(key));
    const { attempt } = await beginAttempt(pool, attemptOf(key, 'quarantine'));
    await endAttempt(pool, { key, step: 'quarantine', attempt, state: 'succeeded' });
    await saveRun(pool, endedView(key));
    expect((await getRun(pool, 'plain'))?.state).toBe('succeeded');
  } finally {
    await connect().query(`DROP OWNED BY ${role} CASCADE`);
    await asAdmin((client) =>
      client.query(`REVOKE ALL ON DATABASE ${name} FROM ${role}; DROP ROLE ${role}`),
    );
  }
});

test('a pool survives that its idle connections are ended', async () => {
  const pool = connect();
  const { rows } = await pool.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
  const before = rows[0]?.pid;
  await connect().query('SELECT pg_terminate_backend($1)', [before]);
  const deadline = Date.now() + 10_000;
  let after: number | undefined;
  while (after === undefined && Date.now() < deadline) {
    after = await pool.query<{ pid: number }>('SELECT pg_backend_pid() AS pid').then(
      (result) => result.rows[0]?.pid,
      () => undefined,
    );
  }
  expect(after).toBeDefined();
  expect(after).not.toBe(before);
});
