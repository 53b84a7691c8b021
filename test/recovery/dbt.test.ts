import { cp, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import type { Check } from '../../common/check.js';
import { stretched } from '../../embedded/pace.js';
import { declarationOf } from '../../lab/dbt/declaration.js';
import { Warehouse } from '../../lab/dbt/warehouse.js';
import { pythonProgram } from '../../lab/python/program.js';
import { createTestDatabase, type KeptContent, type TestDatabase } from '../helpers/database.js';
import { databaseAccess, RecoveryRuns } from '../helpers/recovery-runs.js';

const program = pythonProgram('dbt');
const whereThereIsDbt = program === null ? describe.skip : describe;

/* A real dbt on a real project: a dozen models with tests. */
whereThereIsDbt('a dbt project', () => {
  let database: TestDatabase;
  let warehouse: Warehouse;
  let recovery: RecoveryRuns;
  /** What a good build of all models has left. */
  let built: KeptContent | undefined;

  beforeAll(async () => {
    database = await createTestDatabase('dbt');
    warehouse = await Warehouse.create(program ?? '', database.url);
    const { postgres, password } = databaseAccess(database.url, 'dbt-password');
    const started = await RecoveryRuns.start({
      targets: {
        strikes: {
          ...{ kind: 'pipeline', environment: 'test' },
          postgres,
          pipeline: declarationOf(program ?? '', warehouse.project),
        },
      },
      secrets: { 'dbt-password': password },
    });
    recovery = new RecoveryRuns(started);
  }, stretched(60_000));
  afterAll(async () => {
    await recovery?.stop();
    await warehouse?.remove();
    await built?.forget();
    await database?.drop();
  });
  beforeEach(async () => {
    await warehouse.configure();
    await (built ? built.restore() : build());
    expect(await warehouse.found()).toEqual(warehouse.truth());
  }, stretched(60_000));

  /** Built once: dbt takes seconds to start. */
  async function build(): Promise<void> {
    await warehouse.load();
    expect(await warehouse.dbt('build')).toBe(0);
    const [target, kept] = ['target', 'kept'].map((name) => join(warehouse.project, name));
    const tables = await database.keep();
    await cp(target!, kept!, { recursive: true });
    built = {
      restore: async () => {
        await tables.restore();
        await rm(target!, { recursive: true });
        await cp(kept!, target!, { recursive: true });
      },
      forget: tables.forget,
    };
  }

  /** The newest run of dbt, as doctor names it where data is wrong. */
  const newestRun = async (): Promise<string> => {
    const check = await recovery.ended(await recovery.run({}, 'pipeline-check'));
    const { checks } = check.outputs as unknown as { checks: Check[] };
    const fix = checks.find(({ name }) => name === 'proof of int_named')?.fix ?? '';
    return /--input job=(\S+)$/.exec(fix)?.[1] ?? '';
  };
  const failed = async (): Promise<void> => expect(await warehouse.failInModel()).toBe(1);

  test(
    'that failed in a model goes on from there, without what is done',
    async () => {
      await failed();
      const { evidence, view } = await recovery.recovered();
      expect(evidence).toMatchObject({
        'failed stage': 'int_costed',
        error: expect.stringMatching(/^model\.strikes\.int_costed: .*invalid input syntax/s),
        verdict: 'not corrupt: the keys of every stage match',
        'what dbt does': 'dbt retry: goes on from what failed',
      });
      const { rows, cost, speed } = warehouse.truth();
      expect(view.outputs).toMatchObject({ rows, sums: { cost: `${cost}`, speed: `${speed}` } });
      expect(await warehouse.found()).toEqual(warehouse.truth());
    },
    stretched(90_000),
  );

  test(
    'is proved by doctor, which says how dbt has ended and what cannot be proved',
    async () => {
      await failed();
      const view = await recovery.ended(await recovery.run({}, 'pipeline-check'));
      expect(view.problem).toBeNull();
      const checks = (view.outputs as unknown as { checks: Check[] }).checks;
      const told = Object.fromEntries(checks.map(({ name, found }) => [name, found]));
      expect(told).toMatchObject({
        tables: expect.stringContaining('strikes.fct_strikes'),
        jobs: expect.stringMatching(/^1; the newest is [0-9a-f-]+, failed$/),
        'job status': expect.stringContaining(
          'in stage int_costed, and says model.strikes.int_costed',
        ),
        'proof of stg_reports': '2000 rows',
        'cannot be proved':
          'values beside the keys: no `checkpoints` are declared; ' +
          'whether new rows still come: no stage declares how old its newest row may be (`fresh`)',
        'cannot be done': expect.stringContaining('a model is made anew as a whole'),
      });
    },
    stretched(90_000),
  );

  const corruptions: readonly (readonly [what: string, stage: string, by: string])[] = [
    [
      'lost rows',
      'int_named',
      `DELETE FROM strikes.int_named WHERE report IN ('BS-00011', 'BS-00012')`,
    ],
    [
      'rows that came twice',
      'int_named',
      `INSERT INTO strikes.int_named SELECT * FROM strikes.int_named WHERE report < 'BS-00021'`,
    ],
    [
      'rows of nobody',
      'stg_reports',
      `UPDATE strikes.stg_reports SET report = 'BS-90001' WHERE report = 'BS-00031'`,
    ],
  ];

  test.each(corruptions)(
    'with %s in %s is built anew from there',
    async (_what, stage, by) => {
      await failed();
      await warehouse.query(by);
      const { evidence } = await recovery.recovered();
      expect(evidence).toMatchObject({
        verdict: expect.stringContaining(`corrupt: ${stage} (`),
        checkpoint: `beginning of ${stage}`,
        'rows of corrupt stages and of all behind them': expect.any(Number),
      });
      // Nothing goes there.
      expect(JSON.stringify(evidence)).not.toContain('quarantine');
      expect(await warehouse.found()).toEqual(warehouse.truth());
    },
    stretched(90_000),
  );

  test(
    'retried without a proof, the same are wrong at the end',
    async () => {
      let [wrong, twice, lost] = [0, 0, 0];
      for (const [, , by] of corruptions) {
        await failed();
        await warehouse.query(by);
        await warehouse.dbt('retry');
        const found = await warehouse.found();
        wrong += JSON.stringify(found) === JSON.stringify(warehouse.truth()) ? 0 : 1;
        twice += found.twice;
        lost += Math.max(0, found.lost);
      }
      process.stderr.write(
        `dbt, without a proof: ${wrong} of ${corruptions.length} wrong, ${twice} rows twice, ${lost} lost\n`,
      );
      expect(wrong).toBeGreaterThan(0);
      expect(twice + lost).toBeGreaterThan(0);
    },
    stretched(120_000),
  );

  test(
    'that was killed in a model is not touched while its session works, then built again',
    async () => {
      await warehouse.killedIn('build', '--vars', '{slow: 300}');
      const busy = await recovery.ended(await recovery.run());
      expect(busy.problem?.message).toMatch(/^job in session \d+ already works on this pipeline/);
      await warehouse.endSessions();
      const { evidence } = await recovery.recovered();
      expect(evidence).toMatchObject({ error: expect.stringContaining('left no results') });
      expect(await warehouse.found()).toEqual(warehouse.truth());
    },
    stretched(120_000),
  );

  describe('with an incremental model', () => {
    const killed = async (): Promise<void> => {
      await warehouse.killedIn('build', '--vars', '{slow: 300}');
      await warehouse.endSessions();
    };
    /** The table itself: one that is built anew is another one. */
    const table = async (): Promise<unknown> =>
      warehouse.query(`SELECT 'strikes.int_named'::regclass::oid`);
    beforeEach(async () => {
      await warehouse.configure({ materialized: 'incremental' });
      await warehouse.load(1_500);
      expect(await warehouse.dbt('build', '--full-refresh')).toBe(0);
      await warehouse.load();
    }, stretched(60_000));

    test(
      'that is only behind when dbt is killed is not built anew',
      async () => {
        await killed();
        const before = await table();
        const { evidence, view } = await recovery.recovered();
        expect(evidence).toMatchObject({
          verdict: expect.stringContaining('corrupt: int_costed ('),
          'what dbt does': expect.stringMatching(/^dbt build: .* proved again/),
        });
        expect(view.outputs).toMatchObject({ restarts: 1 });
        expect(await warehouse.found()).toEqual(warehouse.truth());
        expect(await table()).toEqual(before);
      },
      stretched(120_000),
    );

    test(
      'that lost rows is built anew once people have seen what that loses',
      async () => {
        await killed();
        await warehouse.query(`DELETE FROM strikes.int_named WHERE report < 'BS-00021'`);
        const before = await table();
        const handle = await recovery.run();
        await recovery.decide(handle);
        const { evidence } = await recovery.gate(handle);
        expect(evidence).toMatchObject({
          verdict: expect.stringContaining('corrupt: int_named ('),
          'what dbt does': expect.stringContaining('builds int_named anew'),
          'incremental models built anew': expect.stringMatching(/^int_named: rows .* are lost$/),
        });
        // What dbt does by itself has not brought them back.
        expect((await warehouse.found()).lost).toBeGreaterThan(0);
        expect(await table()).toEqual(before);
        await recovery.decide(handle);
        expect((await recovery.ended(handle)).problem).toBeNull();
        expect(await warehouse.found()).toEqual(warehouse.truth());
        expect(await table()).not.toEqual(before);
      },
      stretched(120_000),
    );

    test(
      'that its project keeps is left alone, and people are told',
      async () => {
        await warehouse.configure({ materialized: 'incremental', full_refresh: 'false' });
        expect(await warehouse.dbt('build')).toBe(0);
        await warehouse.query(`DELETE FROM strikes.int_named WHERE report < 'BS-00021'`);
        const before = await table();
        const view = await recovery.ended(await recovery.run({ job: await newestRun() }));
        expect(view.problem).toMatchObject({
          message: expect.stringContaining('int_named is corrupt, and its project forbids'),
          next: expect.stringContaining('Nothing was changed'),
        });
        expect(await table()).toEqual(before);
      },
      stretched(90_000),
    );
  });

  test.each<[string, (file: string) => Promise<void>]>([
    ['lost', (file) => rm(file)],
    ['corrupt', (file) => writeFile(file, '{"metadata": {')],
  ])(
    'whose results are %s is built as a whole',
    async (_what, damage) => {
      await failed();
      await damage(join(warehouse.project, 'target', 'run_results.json'));
      const { evidence } = await recovery.recovered();
      expect(evidence).toMatchObject({ error: expect.stringContaining('left no results') });
      expect(await warehouse.found()).toEqual(warehouse.truth());
    },
    stretched(90_000),
  );

  test(
    'whose rows were lost after it went well is built anew where its run is named',
    async () => {
      await warehouse.query(`DELETE FROM strikes.int_named WHERE report < 'BS-00021'`);
      const { evidence } = await recovery.recovered({ job: await newestRun() });
      expect(evidence).toMatchObject({ checkpoint: 'beginning of int_named' });
      expect(await warehouse.found()).toEqual(warehouse.truth());
    },
    stretched(90_000),
  );

  test(
    'that was retried by hand already is left alone',
    async () => {
      await failed();
      expect(await warehouse.dbt('retry')).toBe(0);
      const view = await recovery.ended(await recovery.run());
      expect(view.problem?.message).toContain('no job failed');
    },
    stretched(60_000),
  );
});
