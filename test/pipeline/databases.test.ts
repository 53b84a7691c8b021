import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import pg from 'pg';
import { sql } from '../../activities/sql.js';
import type { Json, JsonObject } from '../../language/json.js';
import type { Pipeline } from '../../language/pipeline.js';
import { parseTargets } from '../../language/targets-file.js';
import type { SqlAction } from '../../language/kinds/sql.js';
import {
  questionsAbout,
  type FoundTable,
} from '../../workflows/pipeline-recovery/declared/catalog.js';
import { judgeDeclaration } from '../../workflows/pipeline-recovery/declared/judge.js';
import { placesOf } from '../../workflows/pipeline-recovery/declared/places.js';
import { compareWithSource } from '../../workflows/pipeline-recovery/queries/compare.js';
import type { Question } from '../../workflows/pipeline-recovery/queries/parts.js';
import { proveStage } from '../../workflows/pipeline-recovery/queries/prove.js';
import { createTestDatabase, type TestDatabase } from '../helpers/database.js';
import { databaseAccess } from '../helpers/recovery-runs.js';
import { World } from '../kinds/world.js';

/*
 * The proofs over two databases are those of one: both are compared with what a few lines of our
 * own find in the same rows, on data made at random, with keys of two columns, null in keys, other
 * names and other types on the other side.
 */

/** A number generator with a seed, so that a failure can be seen again. */
function numbersFrom(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

interface Row {
  /** An exact number, and a text; both may be null. */
  key: [number | null, string | null];
  batch: number;
  amount: number;
}

interface Rows {
  landed: Row[];
  booked: Row[];
  rejected: Row['key'][];
}

/** Beyond half characters, below letters, blanks, and what only a language sorts elsewhere. */
const texts = [
  'a',
  'B',
  'ä',
  'z',
  '',
  ' ',
  'a ',
  '\u{1F600}',
  '\uFFFD',
  '\uE000',
  'ß',
  '_',
  '-1',
  null,
];
const batches = 4;
const seeds = 12;

/** Two stages that agree, and then what a seed does to them. */
function rowsOf(seed: number): Rows {
  const below = numbersFrom(seed);
  const landed: Row[] = [];
  for (let number = 0; number < 40; number += 1)
    landed.push({
      key: [number % 13 === 0 ? null : number, texts[number % texts.length] ?? null],
      batch: 1 + Math.floor(number / 10),
      amount: below(100),
    });
  const booked = landed.map((row) => ({ ...row }));
  const rejected: Row['key'][] = [];
  for (let faults = below(5); faults > 0; faults -= 1) {
    const at = below(booked.length);
    const row = booked[at] as Row;
    const what = below(5);
    if (what === 0) booked.splice(at, 1);
    if (what === 1) booked.push({ ...row });
    if (what === 2) rejected.push(...booked.splice(at, 1).map(({ key }) => key));
    if (what === 3) row.key = [1_000 + at, row.key[1]];
    if (what === 4) row.amount += 1;
  }
  return { landed, booked, rejected };
}

const idOf = ({ key }: Pick<Row, 'key'>): string => JSON.stringify(key);

/** What is right to find, in a few lines. */
function truthOf({ landed, booked, rejected }: Rows) {
  const own = new Set(booked.map(idOf));
  const accounted = new Set(rejected.map((key) => idOf({ key })));
  const origin = new Set(landed.map(idOf));
  const absent = landed.filter((row) => !own.has(idOf(row)) && !accounted.has(idOf(row)));
  const seen = new Set<string>();
  const twice = [...booked]
    .sort((one, other) => one.batch - other.batch)
    .filter((row) => seen.has(idOf(row)) || !seen.add(idOf(row)));
  const sum = (rows: readonly Row[], batch: number): number =>
    rows.filter((row) => row.batch === batch).reduce((total, { amount }) => total + amount, 0);
  const count = (rows: readonly Row[], batch: number): number =>
    rows.filter((row) => row.batch === batch).length;
  const wrong = [1, 2, 3, 4].filter(
    (batch) =>
      sum(landed, batch) !== sum(booked, batch) || count(landed, batch) !== count(booked, batch),
  );
  const bad = [...wrong, ...absent.map(({ batch }) => batch), ...twice.map(({ batch }) => batch)];
  return {
    proof: {
      bad_batch: bad.length === 0 ? null : Math.min(...bad),
      good_batch: bad.length === 0 ? batches : Math.min(...bad) - 1,
      missing: `${new Set(absent.map(idOf)).size}`,
      duplicates: `${twice.length}`,
    },
    whole: {
      missing: `${new Set(absent.map(idOf)).size}`,
      duplicates: `${twice.length}`,
      foreign_keys: `${[...own].filter((key) => !origin.has(key)).length}`,
    },
    compared: {
      expected_rows: `${[...origin].filter((key) => !accounted.has(key)).length}`,
      missing: new Set(absent.map(idOf)).size,
      foreign_keys: [...own].filter((key) => !origin.has(key) || accounted.has(key)).length,
      duplicates: new Set(twice.map(idOf)).size,
    },
  };
}

describe('a pipeline over two databases', () => {
  const databases: TestDatabase[] = [];
  const clients: pg.Client[] = [];
  let world: World;

  beforeAll(async () => {
    for (const name of ['here', 'there']) {
      const database = await createTestDatabase(`apart_${name}`);
      const client = new pg.Client(database.url);
      await client.connect();
      // Each has the tables of both, so that all can be in one, too.
      await client.query(`
        CREATE TABLE landed (no numeric(10, 2), mark varchar(9), load int NOT NULL, amount numeric NOT NULL);
        CREATE TABLE booked (load bigint NOT NULL, total int NOT NULL, "Mark" text, "No" bigint);
        CREATE TABLE rejected ("No" numeric, mark text, why text);
        CREATE TABLE done (stage text NOT NULL, load int NOT NULL, rows int, amount numeric, at timestamptz NOT NULL);
        CREATE TABLE kept (id bigint GENERATED ALWAYS AS IDENTITY, run text, stage text, "row" jsonb);
        CREATE TABLE kept_claims (LIKE kept);`);
      databases.push(database);
      clients.push(client);
    }
    const [here, there] = databases.map(({ url }) => databaseAccess(url, 'password'));
    if (!here || !there) throw new Error('there are no databases');
    world = new World(
      {
        orders: {
          ...{ kind: 'pipeline', environment: 'test', postgres: here.postgres },
          connections: { there: there.postgres },
          pipeline: declared({}),
        },
      },
      { password: { from: 'file:password', targets: ['orders'] } },
    );
    world.secret('password', here.password);
  });
  afterAll(async () => {
    world?.remove();
    for (const client of clients) await client.end();
    for (const database of databases) await database.drop();
  });

  type Where = Partial<Record<'landed' | 'booked' | 'rejects' | 'checkpoints', 'there'>>;

  /** @param query that tells the claims; absent: a table does */
  function declared(where: Where, query?: string, isWhole = false): JsonObject {
    const at = (name: keyof Where): JsonObject =>
      where[name] === undefined ? {} : { connection: where[name] };
    const batch: JsonObject = isWhole ? {} : { batch: 'load' };
    const claims = { stage: 'stage', batch: 'load', rows: 'rows', sums: { amount: 'amount' } };
    const told = query === undefined ? { table: 'done', order: 'at' } : { query };
    const stages = [
      {
        name: 'land',
        table: 'landed',
        key: ['no', 'mark'],
        measures: ['amount'],
        ...batch,
        ...at('landed'),
      },
      {
        name: 'book',
        table: 'booked',
        key: ['No', 'Mark'],
        measures: { amount: 'total' },
        ...batch,
        ...at('booked'),
      },
    ];
    return {
      run: { program: { path: '/bin/true', stops: true } },
      data: {
        stages,
        rejects: { table: 'rejected', key: ['No', 'mark'], ...at('rejects') },
        ...(isWhole
          ? {}
          : {
              checkpoints: { ...claims, ...told, cumulative: false, ...at('checkpoints') },
              quarantine: {
                rows: 'kept',
                ...(query === undefined ? { checkpoints: 'kept_claims' } : {}),
              },
            }),
      },
    };
  }

  function pipelineOf(declaration: JsonObject): Pipeline {
    const target = {
      ...{ kind: 'pipeline', environment: 'test', pipeline: declaration },
      postgres: { address: 'postgres://127.0.0.1/none' },
      connections: { there: { address: 'postgres://127.0.0.1/none' } },
    };
    const [read] = parseTargets(JSON.stringify({ targets: { orders: target } }), 'targets.yaml');
    return read?.pipeline as Pipeline;
  }

  async function answer(question: Question): Promise<JsonObject> {
    const action = { kind: 'sql', target: 'orders', ...question } as SqlAction;
    return (await sql(action, world.context({ effect: 'read' }))) as JsonObject;
  }

  async function fill(rows: Rows, where: Where): Promise<void> {
    const at = (name: keyof Where): pg.Client =>
      clients[where[name] === 'there' ? 1 : 0] as pg.Client;
    for (const client of clients) await client.query('TRUNCATE landed, booked, rejected, done');
    const columns = ({ key, batch, amount }: Row): Json[] => [...key, batch, amount];
    const insert = async (client: pg.Client, into: string, list: Json[][]): Promise<void> => {
      const width = list[0]?.length ?? 0;
      const places = list.map((row, at) => {
        return `(${row.map((_, place) => `$${at * width + place + 1}`).join(', ')})`;
      });
      if (list.length > 0)
        await client.query(`INSERT INTO ${into} VALUES ${places.join(', ')}`, list.flat());
    };
    await insert(at('landed'), 'landed (no, mark, load, amount)', rows.landed.map(columns));
    await insert(at('booked'), 'booked ("No", "Mark", load, total)', rows.booked.map(columns));
    await insert(at('rejects'), 'rejected ("No", mark)', rows.rejected);
    for (let batch = 1; batch <= batches; batch += 1) {
      const meant = rows.landed.filter((row) => row.batch === batch);
      const sum = meant.reduce((total, { amount }) => total + amount, 0);
      await at('checkpoints').query(
        `INSERT INTO done SELECT s, $1, n, $3, now() - age * interval '1 hour'
           FROM unnest(ARRAY['land', 'book']) s, (VALUES ($2::int, 1), (0, 2)) claim (n, age)`,
        [batch, meant.length, sum],
      );
    }
  }

  const newest = `SELECT DISTINCT ON (stage, load) * FROM done ORDER BY stage, load, at DESC -- the newest`;

  /** Where the tables are, and whether a query returns the claims. */
  const places: [what: string, where: Where, query: string | undefined][] = [
    ['in one database', {}, undefined],
    ['in one database, with claims by a query', {}, newest],
    ['with the last stage elsewhere', { booked: 'there' }, undefined],
    ['with the first stage elsewhere', { landed: 'there' }, undefined],
    ['with the rejects elsewhere', { rejects: 'there' }, undefined],
    ['with the claims elsewhere', { checkpoints: 'there' }, undefined],
    ['with the claims of a query elsewhere', { booked: 'there', checkpoints: 'there' }, newest],
    [
      'with claims and rejects away from the last stage',
      { booked: 'there', landed: 'there' },
      undefined,
    ],
  ];

  test.each(places)('%s: each proof finds what is so', async (_what, where, query) => {
    const [claimed, whole] = [
      pipelineOf(declared(where, query)),
      pipelineOf(declared(where, undefined, true)),
    ];
    let corrupt = 0;
    for (let seed = 1; seed <= seeds; seed += 1) {
      const rows = rowsOf(seed);
      const truth = truthOf(rows);
      await fill(rows, where);
      const asked = { data: claimed.data, dataset: null };
      const { proof } = (await answer(proveStage(asked, 'book'))) as { proof: JsonObject[] };
      expect([seed, proof[0]]).toEqual([
        seed,
        expect.objectContaining({ ...truth.proof, checkpoints: '4' }),
      ]);
      const { target } = (await answer(compareWithSource(asked))) as { target: JsonObject[] };
      expect([seed, target[0]]).toEqual([seed, expect.objectContaining(truth.compared)]);
      const all = await answer(proveStage({ data: whole.data, dataset: null }, 'book'));
      expect([seed, (all['proof'] as JsonObject[])[0]]).toEqual([
        seed,
        expect.objectContaining(truth.whole),
      ]);
      corrupt += truth.proof.bad_batch === null ? 0 : 1;
    }
    // Else all of it would say nothing.
    expect(corrupt).toBeGreaterThan(0);
    expect(corrupt).toBeLessThan(seeds);
  });

  test('what the databases have of it is found by its connection, and keys that cannot be compared are told', async () => {
    const findings = async (where: Where) => {
      const pipeline = pipelineOf(declared(where));
      const asked = placesOf(pipeline);
      const tables: FoundTable[] = [];
      for (const question of questionsAbout(pipeline, asked))
        tables.push(...((await answer(question))['tables'] as unknown as FoundTable[]));
      return judgeDeclaration(asked, tables)
        .filter(({ weight }) => weight === 'wrong')
        .map(({ what, found }) => `${what}: ${found}`);
    };
    expect(await findings({ booked: 'there' })).toEqual([]);
    const [here, there] = clients as [pg.Client, pg.Client];
    const changed = async (client: pg.Client, change: string, where: Where) => {
      await client.query('BEGIN');
      await client.query('TRUNCATE landed, booked, rejected, done');
      await client.query('COMMIT');
      await client.query(`ALTER TABLE booked ${change}`);
      const told = await findings(where);
      await client.query(
        `ALTER TABLE booked ALTER "No" TYPE bigint USING 0, ALTER "Mark" TYPE text`,
      );
      return told;
    };
    const isText = 'stage book: column No of booked';
    expect(await changed(here, 'ALTER "No" TYPE text', {})).toEqual([
      `${isText} is text, and column no of landed is numeric(10,2): their keys cannot be compared`,
    ]);
    expect(await changed(here, 'ALTER "No" TYPE real', {})).toEqual([]);
    expect(await changed(there, 'ALTER "No" TYPE real', { booked: 'there' })).toEqual([
      `${isText} at there is real, and such keys cannot be compared over several databases`,
    ]);
    expect(await changed(there, 'ALTER "No" TYPE text', { booked: 'there' })).toEqual([
      `${isText} at there is text, and column no of landed is numeric(10,2): their keys cannot be compared`,
    ]);
    await there.query(
      `CREATE COLLATION folds (provider = icu, locale = 'und-u-ks-level2', deterministic = false)`,
    );
    expect(
      await changed(there, 'ALTER "Mark" TYPE text COLLATE folds', { booked: 'there' }),
    ).toEqual([
      'stage book: column Mark of booked at there is text with a collation that takes different texts for equal, and such keys cannot be compared over several databases',
    ]);
    await clients[1]?.query('DROP TABLE booked');
    expect(await findings({ booked: 'there' })).toEqual([
      'stage book: there is no table booked at there',
    ]);
  });
});
