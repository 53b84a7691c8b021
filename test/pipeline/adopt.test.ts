import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import pg from 'pg';
import { isClaimed } from '../../language/pipeline.js';
import type { SqlStatement } from '../../language/kinds/sql.js';
import { parseTargets } from '../../language/targets-file.js';
import {
  catalogueOf,
  type FoundTable,
} from '../../workflows/pipeline-recovery/declared/catalog.js';
import { judgeDeclaration } from '../../workflows/pipeline-recovery/declared/judge.js';
import { placesOf } from '../../workflows/pipeline-recovery/declared/places.js';
import { proveStage } from '../../workflows/pipeline-recovery/queries/prove.js';
import { quarantine, unquarantine } from '../../workflows/pipeline-recovery/queries/quarantine.js';
import { createTestDatabase, asAdmin, type TestDatabase } from '../helpers/database.js';

/* What docs/adopt/job-api.md tells people to type, typed. */

const page = readFileSync(join('docs', 'adopt', 'job-api.md'), 'utf8');
const block = (kind: string): string =>
  new RegExp(`^\`\`\`${kind}\n([\\s\\S]*?)^\`\`\`$`, 'm').exec(page)?.[1] ?? '';
const role = `runbook_${process.pid}`;

describe('the page about job APIs', () => {
  let database: TestDatabase;
  let client: pg.Client;

  beforeAll(async () => {
    database = await createTestDatabase('adopt');
    client = new pg.Client(database.url);
    await client.connect();
    // The pipeline that is there before anybody adopts it.
    await client.query(`
      CREATE SCHEMA raw; CREATE SCHEMA stage; CREATE SCHEMA mart;
      CREATE TABLE raw.orders (order_no text NOT NULL, load_no int NOT NULL, amount numeric NOT NULL);
      CREATE TABLE stage.orders (order_no text NOT NULL, load_no int NOT NULL, amount numeric NOT NULL);
      CREATE TABLE mart.bookings ("order" text NOT NULL, load_no int NOT NULL, total numeric NOT NULL);
      CREATE TABLE stage.progress (step text, load_no int, rows_written int, amount_written numeric, at timestamptz DEFAULT now());
      CREATE TABLE stage.rejected (order_no text NOT NULL, step text, why text);
      CREATE TABLE stage.skip (order_no text NOT NULL, why text);
      INSERT INTO raw.orders SELECT 'o-' || n, 1 + (n - 1) / 1000, n FROM generate_series(1, 4000) n;
      INSERT INTO stage.orders SELECT * FROM raw.orders; INSERT INTO mart.bookings SELECT * FROM raw.orders;
      INSERT INTO stage.progress SELECT s, load_no, count(*), sum(amount) FROM raw.orders, unnest(ARRAY['land', 'clean', 'book']) s GROUP BY 1, 2`);
    await client.query(
      block('sql')
        .replaceAll(/\brunbook\b/g, role)
        .replace('…', 'secret'),
    );
  });
  afterAll(async () => {
    await client?.end();
    await database?.drop();
    await asAdmin((admin) => admin.query(`DROP ROLE IF EXISTS ${role}`));
  });

  const [target] = parseTargets(block('yaml'), 'targets.yaml');
  const { pipeline } = target!;
  const { data } = pipeline!;
  if (!isClaimed(data)) throw new Error('its checkpoints claim nothing');
  const asked = { data, dataset: null };

  async function run(...statements: SqlStatement[]): Promise<Record<string, unknown>[]> {
    let rows: Record<string, unknown>[] = [];
    await client.query(`BEGIN; SET LOCAL ROLE ${role}`);
    for (const { text, values = [] } of statements)
      ({ rows } = await client.query<Record<string, unknown>>(text, [...values]));
    await client.query('COMMIT');
    return rows;
  }

  test('declares what is there, and grants what a recovery does', async () => {
    const places = placesOf(pipeline!);
    const tables = (await run(catalogueOf(places))) as unknown as FoundTable[];
    expect(judgeDeclaration(places, tables)).toEqual([]);
  });

  test('breaks it as it says, and the rows come and go with these rights', async () => {
    expect(await run(...proveStage(asked, 'book').statements)).toMatchObject([
      { bad_batch: null, good_batch: 4 },
    ]);
    const [, broken = ''] = /`(DELETE FROM mart[^`]*)`/.exec(page) ?? [];
    await client.query(broken);
    expect(await run(...proveStage(asked, 'book').statements)).toMatchObject([
      {
        ...{ bad_batch: 3, good_batch: 2, claimed_rows: '1000', actual_rows: '995' },
        missing: '5',
      },
    ]);
    const kept = { stage: 'book', batch: 2, name: 'run' };
    expect(await run(...quarantine(asked, kept))).toEqual([{ rows: 1995, checkpoints: 2 }]);
    await run(...unquarantine(asked, kept));
    expect(await run(...proveStage(asked, 'book').statements)).toMatchObject([
      { bad_batch: 3, unclaimed: '0' },
    ]);
  });
});

/* The same of docs/adopt/airflow.md, whose tables are made as a whole. */
describe('the page about Airflow', () => {
  const text = readFileSync(join('docs', 'adopt', 'airflow.md'), 'utf8');
  const [, sql = ''] = /^```sql\n([\s\S]*?)^```$/m.exec(text) ?? [];
  const [, yaml = ''] = /^```yaml\n([\s\S]*?)^```$/m.exec(text) ?? [];
  const { pipeline } = parseTargets(yaml, 'targets.yaml')[0]!;
  const { data } = pipeline!;
  const reader = `${role}_reads`;
  let database: TestDatabase;
  let client: pg.Client;

  beforeAll(async () => {
    database = await createTestDatabase('adopt');
    client = new pg.Client(database.url);
    await client.connect();
    await client.query(`
      CREATE SCHEMA shop; CREATE SCHEMA raw; CREATE SCHEMA stage; CREATE SCHEMA mart;
      CREATE TABLE shop.orders (order_no text, amount numeric);
      CREATE TABLE stage.rejected (order_no text NOT NULL, why text);
      INSERT INTO shop.orders SELECT 'o-' || n, n FROM generate_series(1, 4000) n;
      CREATE TABLE raw.orders AS TABLE shop.orders; CREATE TABLE stage.orders AS TABLE shop.orders;
      CREATE TABLE mart.bookings AS TABLE shop.orders`);
    await client.query(sql.replaceAll(/\brunbook\b/g, reader).replace('…', 'secret'));
  });
  afterAll(async () => {
    await client?.end();
    await database?.drop();
    await asAdmin((admin) => admin.query(`DROP ROLE IF EXISTS ${reader}`));
  });

  async function asReader(statement: SqlStatement): Promise<Record<string, unknown>[]> {
    await client.query(`BEGIN; SET LOCAL ROLE ${reader}`);
    const { rows } = await client.query<Record<string, unknown>>(statement.text, [
      ...(statement.values ?? []),
    ]);
    await client.query('COMMIT');
    return rows;
  }

  test('grants what a recovery reads, and breaks a stage as it says', async () => {
    const places = placesOf(pipeline!);
    const tables = (await asReader(catalogueOf(places))) as unknown as FoundTable[];
    expect(judgeDeclaration(places, tables)).toEqual([]);
    const [, broken = ''] = /`(DELETE FROM raw[^`]*)`/.exec(text) ?? [];
    await client.query(broken);
    const { statements } = proveStage({ data, dataset: null }, 'land');
    expect(await asReader(statements[0] as SqlStatement)).toMatchObject([
      { bad_batch: 1, missing: '5' },
    ]);
  });
});

test.each([
  ['dbt', 'dbt'],
  ['airflow', 'airflow'],
] as const)('what the page about %s declares can be read', (name, way) => {
  const text = readFileSync(join('docs', 'adopt', `${name}.md`), 'utf8');
  const [, yaml = ''] = /^```yaml\n([\s\S]*?)^```$/m.exec(text) ?? [];
  expect(parseTargets(yaml, 'targets.yaml')[0]?.pipeline?.run[way]).toBeDefined();
});
