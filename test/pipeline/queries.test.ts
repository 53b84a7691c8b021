import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import pg from 'pg';
import { isClaimed } from '../../language/pipeline.js';
import type { SqlStatement } from '../../language/kinds/sql.js';
import {
  catalogueOf,
  type FoundTable,
} from '../../workflows/pipeline-recovery/declared/catalog.js';
import type { Finding } from '../../workflows/pipeline-recovery/declared/finding.js';
import { judgeDeclaration } from '../../workflows/pipeline-recovery/declared/judge.js';
import { placesOf } from '../../workflows/pipeline-recovery/declared/places.js';
import { compareWithSource } from '../../workflows/pipeline-recovery/queries/compare.js';
import { recentJobs } from '../../workflows/pipeline-recovery/queries/jobs.js';
import { freshnessOf } from '../../workflows/pipeline-recovery/findings.js';
import { proveStage } from '../../workflows/pipeline-recovery/queries/prove.js';
import {
  quarantine,
  setAside,
  takeUpAgain,
  unquarantine,
} from '../../workflows/pipeline-recovery/queries/quarantine.js';
import { createTestDatabase, type TestDatabase } from '../helpers/database.js';
import { declared } from '../helpers/declared.js';
import { declaration } from '../../lab/pipeline/declaration.js';

/*
 * The statements that are made from a declaration, on a database whose names are as awkward as a
 * database allows, and with names and values that mean to end the statement.
 */

const evil = `x"; DROP TABLE canary; --`;
const schema = 'Ware "House';
const names = {
  one: 'Landing zone',
  two: `TARGET.2024`,
  key: evil,
  batch: 'Batch No',
  miles: '"miles"',
};

const pipeline = declared({
  run: {
    http: {
      ...declaration.run.http,
      jobs: {
        in: 'table',
        table: [schema, 'Job List'],
        id: 'Id',
        status: 'State',
        created: 'From',
        where: { 'Which one': evil },
      },
      validate: undefined,
    },
  },
  data: {
    stages: [names.one, names.two].map((table, at) => ({
      name: ['one', 'two'][at],
      table: [schema, table],
      key: [names.key, 'part'],
      batch: names.batch,
      measures: { [evil]: names.miles, weight: 'Weight' },
      fresh: { column: 'seen', within: '1h' },
    })),
    checkpoints: {
      table: [schema, 'Claims; --'],
      stage: 'Of',
      batch: names.batch,
      rows: 'Rows',
      sums: { [evil]: 'Sum of "miles"', weight: 'sum$1' },
      checksum: 'Check',
      cumulative: false,
    },
    rejects: {
      table: [schema, 'Rejects'],
      key: [evil, 'part'],
      reason: 'Why',
      repeated: [`'; --`],
    },
    setAside: { table: [schema, 'Aside'], key: [evil, 'part'], reason: 'Why' },
    quarantine: { rows: [schema, 'Kept rows'], checkpoints: [schema, 'Kept claims'] },
  },
});
const { data } = pipeline;
if (!isClaimed(data)) throw new Error('its checkpoints claim nothing');
const asked = { data, dataset: null };

describe('statements from a declaration', () => {
  let database: TestDatabase;
  let client: pg.Client;

  beforeAll(async () => {
    database = await createTestDatabase('queries');
    client = new pg.Client(database.url);
    await client.connect();
  });
  afterAll(async () => {
    await client?.end();
    await database?.drop();
  });

  /** Two stages of twelve rows in three batches, with their claims. */
  beforeEach(async () => {
    const name = pg.escapeIdentifier;
    const s = name(schema);
    const rows = `(${name(evil)} text, part integer, ${name(names.batch)} integer, ${name(names.miles)} numeric, "Weight" bigint,
      id bigint GENERATED ALWAYS AS IDENTITY, seen timestamptz DEFAULT now(), raw bytea DEFAULT '\\x00ff')`;
    const kept = `(id bigint GENERATED ALWAYS AS IDENTITY, run text, stage text, "row" jsonb, quarantined_at timestamptz DEFAULT now())`;
    await client.query(`
      DROP SCHEMA IF EXISTS ${s} CASCADE; DROP TABLE IF EXISTS canary; CREATE SCHEMA ${s}; CREATE TABLE canary (x int);
      CREATE TABLE ${s}.${name(names.one)} ${rows}; CREATE TABLE ${s}.${name(names.two)} ${rows};
      CREATE TABLE ${s}."Claims; --" ("Of" text, ${name(names.batch)} integer, "Rows" text, "Sum of ""miles""" text, "sum$1" bigint, "Check" text);
      CREATE TABLE ${s}."Rejects" (${name(evil)} text, part integer, "Why" text);
      CREATE TABLE ${s}."Aside" (${name(evil)} text, part integer, "Why" text);
      CREATE TABLE ${s}."Kept rows" ${kept}; CREATE TABLE ${s}."Kept claims" ${kept};
      CREATE TABLE ${s}."Job List" ("Id" bigint, "State" text, "From" timestamp, "Which one" text);
      INSERT INTO ${s}."Job List" SELECT n, 'failed', now() - n * interval '1 minute', CASE n WHEN 3 THEN 'other' ELSE $evil$${evil}$evil$ END FROM generate_series(1, 3) n;`);
    for (const [at, table] of [names.one, names.two].entries()) {
      const columns = [evil, 'part', names.batch, names.miles, 'Weight'].map(name).join(', ');
      await client.query(
        `INSERT INTO ${s}.${name(table)} (${columns}) SELECT 'k:' || n, n % 2, 1 + (n - 1) / 4, n + 0.5, n FROM generate_series(1, 12) n`,
      );
      const hash = `('x' || substr(md5(concat_ws(':', ${[evil, 'part', names.miles, 'Weight'].map(name).join(', ')})), 1, 15))::bit(60)::bigint`;
      await client.query(
        `INSERT INTO ${s}."Claims; --" SELECT $1, ${name(names.batch)}, count(*), sum(${name(names.miles)}), sum("Weight"), sum(${hash}) FROM ${s}.${name(table)} GROUP BY 2`,
        [['one', 'two'][at]],
      );
    }
  });

  async function run(...statements: SqlStatement[]): Promise<Record<string, unknown>[]> {
    let rows: Record<string, unknown>[] = [];
    await client.query('BEGIN');
    for (const { text, values = [] } of statements)
      ({ rows } = await client.query<Record<string, unknown>>(text, [...values]));
    await client.query('COMMIT');
    return rows;
  }

  async function prove(stage: string): Promise<Record<string, unknown>> {
    return (await run(...proveStage(asked, stage).statements))[0] ?? {};
  }

  const table = (name: string): string =>
    `${pg.escapeIdentifier(schema)}.${pg.escapeIdentifier(name)}`;

  async function dump(): Promise<unknown[]> {
    const all = [names.one, names.two, 'Claims; --', 'Aside'].map(
      (each) => `SELECT to_jsonb(x)::text AS row FROM ${table(each)} x`,
    );
    const { rows } = await client.query<{ row: string }>(`${all.join(' UNION ALL ')} ORDER BY 1`);
    return rows;
  }

  test('a name that would end the statement is a name: with it as mere text, the table is gone', async () => {
    const canaries = async (): Promise<number> =>
      (await client.query(`SELECT 1 FROM pg_class WHERE relname = 'canary'`)).rowCount ?? 0;
    await run(
      ...proveStage(asked, 'two').statements,
      ...quarantine(asked, { stage: 'one', batch: 1, name: evil }),
    );
    await run(...setAside(asked, [evil, 1], evil), recentJobs(jobs(), evil));
    const lost = 1 - (await canaries());
    await client.query(`SELECT 1 AS "${evil}`).catch(() => undefined);
    const lostAsText = 1 - (await canaries());
    process.stderr.write(`tables lost to a name: ${lost}; as mere text: ${lostAsText}\n`);
    expect([lost, lostAsText]).toEqual([0, 1]);
  });

  const jobs = () => {
    const list = pipeline.run.http?.jobs;
    if (list?.in !== 'table') throw new Error('the jobs are no table');
    return list;
  };

  test('all is good', async () => {
    for (const stage of ['one', 'two'])
      expect(await prove(stage)).toMatchObject({
        ...{ checkpoints: '3', last_batch: 3, good_batch: 3, bad_batch: null },
        ...{ claimed_rows: '4', actual_rows: '4', claimed_sums: ['44.0', '42'] },
        ...{ actual_sums: ['44.0', '42'], duplicates: '0', missing: '0', unclaimed: '0' },
        rows_by_batch: [1, 2, 3].map((batch) => [batch, 4]),
      });
    expect(await run(...compareWithSource(asked).statements)).toMatchObject([
      { rows: '12', sums: ['84.0', '78'], duplicates: 0, missing: 0, foreign_keys: 0 },
    ]);
    expect((await run(recentJobs(jobs(), undefined))).map(({ id }) => id)).toEqual(['1', '2']);
  });

  test.each<[string, string, object]>([
    [
      'a row that is gone',
      `DELETE FROM T WHERE K = 'k:6'`,
      { bad_batch: 2, good_batch: 1, missing: '1' },
    ],
    [
      'a row that is there twice',
      `INSERT INTO T (K, part, B, M, "Weight") SELECT K, part, B, M, "Weight" FROM T WHERE K = 'k:9'`,
      { bad_batch: 3, good_batch: 2, duplicates: '1' },
    ],
    [
      'a measure that differs',
      `UPDATE T SET M = M + 1 WHERE K = 'k:1'`,
      { bad_batch: 1, good_batch: 0, actual_sums: ['13.0', '10'] },
    ],
    [
      'two measures that changed places',
      `UPDATE T SET M = CASE K WHEN 'k:1' THEN 2.5 ELSE 1.5 END WHERE K IN ('k:1', 'k:2')`,
      { bad_batch: 1, actual_sums: ['12.0', '10'] },
    ],
    [
      'a key that changed',
      `UPDATE T SET K = 'k:0' WHERE K = 'k:1'`,
      { bad_batch: 1, missing: '1' },
    ],
    [
      'half a batch that nobody claims',
      `INSERT INTO T (K, part, B, M, "Weight") VALUES ('k:13', 1, 4, 1, 1), ('k:14', 0, NULL, 1, 1)`,
      { bad_batch: null, good_batch: 3, unclaimed: '2' },
    ],
    [
      'a claim that is gone',
      `DELETE FROM C WHERE "Of" = 'two' AND B = 3`,
      { bad_batch: null, good_batch: 2, unclaimed: '4' },
    ],
    [
      'a claim between others that is gone',
      `DELETE FROM C WHERE "Of" = 'two' AND B = 2`,
      { bad_batch: 2, good_batch: 1, is_gap: true, unclaimed: '0' },
    ],
    [
      'a claim that says nothing',
      `UPDATE C SET "Rows" = NULL WHERE "Of" = 'two' AND B = 3`,
      { bad_batch: 3, good_batch: 2 },
    ],
  ])('%s is found', async (_what, change, found) => {
    const named = change.replaceAll(
      /\b(T|C|K|B|M)\b/g,
      (letter) =>
        ({
          T: table(names.two),
          C: table('Claims; --'),
          K: pg.escapeIdentifier(evil),
          B: pg.escapeIdentifier(names.batch),
          M: pg.escapeIdentifier(names.miles),
        })[letter as 'T'] ?? letter,
    );
    await client.query(named);
    expect(await prove('two')).toMatchObject(found);
  });

  test('how old the newest row is decides whether new ones still come', async () => {
    const told = async () =>
      freshnessOf(data.stages[1] ?? data.stages[0], {
        two: { proof: [(await prove('two')) as never] },
      });
    expect(await told()).toMatchObject({
      isFresh: true,
      words: expect.stringMatching(/^the newest row is of 20.* ago; it may be 1 h 00 min old$/),
    });
    const seen = (value: string) => client.query(`UPDATE ${table(names.two)} SET seen = ${value}`);
    await seen(`now() - interval '90 minutes'`);
    expect(await told()).toMatchObject({
      isFresh: false,
      words: expect.stringContaining('1 h 30 min ago') as unknown,
    });
    await seen('NULL');
    expect(await told()).toEqual({
      isFresh: false,
      words: 'there is no row; it may be 1 h 00 min old',
    });
  });

  test.each<[string, string, string]>([
    ['rejected', `INSERT INTO "Ware ""House"."Rejects" VALUES ('k:6', 0, 'malformed')`, '0'],
    [
      'rejected without a reason',
      `INSERT INTO "Ware ""House"."Rejects" VALUES ('k:6', 0, NULL)`,
      '0',
    ],
    ['set aside', `INSERT INTO "Ware ""House"."Aside" VALUES ('k:6', 0, 'by hand')`, '0'],
    [
      'called a repetition',
      `INSERT INTO "Ware ""House"."Rejects" VALUES ('k:6', 0, '''; --')`,
      '1',
    ],
    [
      'of which another part was rejected',
      `INSERT INTO "Ware ""House"."Rejects" VALUES ('k:6', 1, 'malformed')`,
      '1',
    ],
  ])('a key that was %s is missing or not', async (_what, insert, missing) => {
    await client.query(
      `DELETE FROM ${table(names.two)} WHERE ${pg.escapeIdentifier(evil)} = 'k:6'`,
    );
    await client.query(insert);
    expect(await prove('two')).toMatchObject({ missing });
    expect(await run(...compareWithSource(asked).statements)).toMatchObject([
      { missing: Number(missing) },
    ]);
  });

  test('what is kept in quarantine comes back as it was, with its numbers, times and bytes', async () => {
    const before = await dump();
    const kept = { stage: 'one', batch: 1, name: 'run' };
    expect(await run(...setAside(asked, ['k:1', 1], 'run'), ...quarantine(asked, kept))).toEqual([
      { rows: 16, checkpoints: 4 },
    ]);
    expect(await run(...quarantine(asked, kept))).toEqual([{ rows: 16, checkpoints: 4 }]);
    // What the restarted job then writes gives way.
    await client.query(
      `INSERT INTO ${table(names.two)} (part, ${pg.escapeIdentifier(names.batch)}) VALUES (1, 2), (1, NULL)`,
    );
    const undo = [...unquarantine(asked, kept), ...takeUpAgain(asked, 'run')];
    await run(...undo);
    expect(await dump()).toEqual(before);
    await run(...undo);
    expect(await dump()).toEqual(before);
    const { rows } = await client.query(`SELECT run, stage FROM ${table('Kept rows')}`);
    expect(rows).toEqual([1, 2].map(() => ({ run: 'run:rolled-back', stage: 'two' })));
  });

  test('the catalogue is asked for the same names, and tells what moving rows would do', async () => {
    const places = placesOf(pipeline);
    const found = (): Promise<Finding[]> =>
      run(catalogueOf(places)).then((tables) =>
        judgeDeclaration(places, tables as unknown as FoundTable[]),
      );
    const nulls = await found();
    expect(new Set(nulls.map(({ weight }) => weight))).toEqual(new Set(['doubtful']));
    expect(nulls[0]?.found).toBe(
      `column ${evil} of ${schema}.${names.one} may be null: rows without a value count as rows of one key`,
    );
    await client.query(`
      ALTER TABLE ${table(names.one)} ADD COLUMN twice numeric GENERATED ALWAYS AS (${pg.escapeIdentifier(names.miles)} * 2) STORED, ADD UNIQUE (id);
      CREATE TABLE ${table('Follows')} (of bigint REFERENCES ${table(names.one)} (id) ON DELETE CASCADE);
      ALTER TABLE ${table('Aside')} ALTER COLUMN "Why" TYPE bigint USING 0;
      DROP TABLE ${table('Kept rows')}; CREATE VIEW ${table('Kept rows')} AS SELECT 1 AS run;`);
    const told = (await found()).filter(({ weight }) => weight !== 'doubtful');
    expect(told.map(({ weight, what, found: said }) => [weight, what, said])).toEqual([
      [
        'forbidden',
        'stage one',
        `rows of "${schema.replace('"', '""')}"."Follows" change or go when rows are moved out of ${schema}.${names.one}`,
      ],
      [
        'forbidden',
        'stage one',
        `${schema}.${names.one} computes twice: rows that were moved out cannot be put back`,
      ],
      ['wrong', 'setAside', `column Why of ${schema}.Aside is bigint, not text`],
      ['wrong', 'quarantine.rows', `column run of ${schema}.Kept rows is integer, not text`],
      ['wrong', 'quarantine.rows', `${schema}.Kept rows has no column stage`],
      ['wrong', 'quarantine.rows', `${schema}.Kept rows has no column row; is it run?`],
    ]);
  });

  test('an undo of what never happened moves nothing', async () => {
    const before = await dump();
    await run(...unquarantine(asked, { stage: 'one', batch: 1, name: 'other' }));
    expect(await dump()).toEqual(before);
  });
});
