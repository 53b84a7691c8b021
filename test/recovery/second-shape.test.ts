import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { leftBy } from '../../common/left.js';
import { declaration } from '../../lab/strikes/declaration.js';
import { StrikesService } from '../../lab/strikes/service.js';
import { createTestDatabase, type TestDatabase } from '../helpers/database.js';
import { databaseAccess, RecoveryRuns } from '../helpers/recovery-runs.js';

/*
 * A second pipeline through the same runbook: no transactions, no datasets, text keys, names with
 * spaces, an API with other words. Nothing is said about it but its declaration.
 */
describe('a pipeline of another shape', () => {
  let database: TestDatabase;
  let strikes: StrikesService;
  let recovery: RecoveryRuns;

  beforeAll(async () => {
    database = await createTestDatabase('strikes');
    strikes = await StrikesService.start({ databaseUrl: database.url, rows: 2_000, chunk: 200 });
    const { postgres, password } = databaseAccess(database.url, 'strikes-password');
    const started = await RecoveryRuns.start({
      targets: {
        strikes: {
          ...{ kind: 'pipeline', environment: 'test', pipeline: declaration },
          http: { address: strikes.url, bearer: 'strikes-token' },
          postgres,
        },
      },
      secrets: { 'strikes-token': strikes.token, 'strikes-password': password },
    });
    recovery = new RecoveryRuns(started);
  }, 60_000);
  afterAll(async () => {
    await recovery?.stop();
    await strikes?.stop();
    await database?.drop();
  });

  /** Failures, and what corrupts the data of a run that has failed. */
  const failures: readonly [
    what: string,
    cut: [step: 'received' | 'named' | 'booked', chunk: number, rows: number],
    then: string,
  ][] = [
    ['between two batches', ['named', 4, 0], ''],
    ['in the middle of a batch of the first step', ['received', 6, 100], ''],
    ['in the middle of a batch of the last step', ['booked', 3, 60], ''],
    [
      'after rows were lost',
      ['named', 8, 0],
      `DELETE FROM wildlife."Strikes" WHERE "No" IN ('BS-00411', 'BS-00412')`,
    ],
    [
      'after a step before lost rows',
      ['booked', 8, 20],
      `DELETE FROM wildlife.named WHERE report = 'BS-00212'`,
    ],
    [
      'after rows came twice',
      ['booked', 9, 0],
      `INSERT INTO wildlife."Strikes" SELECT * FROM wildlife."Strikes" WHERE "Chunk" = 5 LIMIT 7`,
    ],
    [
      'after a sum changed',
      ['received', 9, 0],
      `UPDATE wildlife.named SET cost = cost + 1 WHERE "Chunk" = 2 AND cost = 0`,
    ],
    [
      'after its claims were lost',
      ['received', 9, 0],
      `DELETE FROM wildlife."Done" WHERE "Chunk" > 6`,
    ],
    [
      'after a claim between others was lost',
      ['received', 9, 0],
      `DELETE FROM wildlife."Done" WHERE "Chunk" = 4 AND "Step" = 'named'`,
    ],
    [
      'after a claim was made of a batch that never was',
      ['received', 5, 0],
      `INSERT INTO wildlife."Done" ("Step", "Chunk", "Rows", "Cost", "Speed") VALUES ('booked', 5, 188, 10, 10)`,
    ],
  ];

  async function brokenRun([, [step, chunk, rows], then]: (typeof failures)[number]) {
    const run = await strikes.brokenRun({ cutAt: { step, chunk, rows } });
    if (then) await strikes.query(then);
    return run;
  }

  test.each(failures)('that failed %s ends exactly right', async (...failure) => {
    await brokenRun(failure);
    const handle = await recovery.run();
    await recovery.decide(handle);
    const view = await recovery.ended(handle);
    expect(view.problem).toBeNull();
    expect(await strikes.found()).toEqual(strikes.truth());
    const { rows, cost, speed } = strikes.truth();
    expect(view.outputs).toMatchObject({ rows, sums: { cost: `${cost}`, speed: `${speed}` } });
  });

  test('whose data went wrong after a job that completed is recovered where the job is named', async () => {
    const run = await strikes.brokenRun({});
    await strikes.query(`DELETE FROM wildlife.named WHERE report = 'BS-00212'`);
    const refused = await recovery.ended(await recovery.run());
    expect(refused.problem).toMatchObject({
      message: 'no job failed among those that its job API lists',
      next: expect.stringContaining(`--input job=${run}`) as unknown,
    });
    const { evidence } = await recovery.recovered({ job: `${run}` });
    expect(evidence).toMatchObject({
      verdict: expect.stringMatching(/^corrupt: named /) as unknown,
    });
    expect(await strikes.found()).toEqual(strikes.truth());
    const again = await recovery.ended(await recovery.run({ job: `${strikes.phases.length}` }));
    expect(again.problem?.message).toContain('is completed, and its stages are good');
  });

  test('restarted without a proof, the same failures leave rows that are there twice, or lost', async () => {
    let [wrong, twice, lost] = [0, 0, 0];
    for (const failure of failures) {
      await strikes.resumeBlindly(await brokenRun(failure));
      const found = await strikes.found();
      wrong += JSON.stringify(found) === JSON.stringify(strikes.truth()) ? 0 : 1;
      twice += found.twice;
      lost += found.lost;
    }
    process.stderr.write(
      `another shape, without a proof: ${wrong} of ${failures.length} wrong, ${twice} rows twice, ${lost} lost\n`,
    );
    expect(twice).toBeGreaterThan(0);
    expect(lost).toBeGreaterThan(0);
  });

  test('a record that cannot be booked is set aside by its key', async () => {
    await strikes.brokenRun({ poison: 'BS-00777' });
    strikes.faults = { poison: 'BS-00777' };
    const handle = await recovery.run();
    expect((await recovery.gate(handle)).evidence).toMatchObject({
      error: 'BAD_ROW: report BS-00777 has no damage that can be booked',
      'offending record': { 'Report No': 'BS-00777' },
      'cannot be done': expect.stringContaining('does not validate data'),
    });
    await recovery.decide(handle);
    expect((await recovery.ended(handle)).problem).toBeNull();
    expect(await strikes.found(['BS-00777'])).toEqual(strikes.truth(['BS-00777']));
  });

  test('a recovery that is cancelled stops the run that it started, and puts rows and claims back', async () => {
    const dump = () =>
      strikes.query(
        ['"Strikes"', 'named', '"Report Lines"', '"Done"', '"Skip"']
          .map((table) => `SELECT '${table}' AS t, x::text AS row FROM wildlife.${table} x`)
          .join(' UNION ALL ') + ' ORDER BY 1, 2',
      );
    await brokenRun(failures[3] as (typeof failures)[number]);
    const before = await dump();
    strikes.faults = { slowMs: 300 };
    const handle = await recovery.run();
    await recovery.decide(handle);
    await recovery.followed(handle);
    await recovery.decide(handle, { verb: 'cancel', reason: 'wrong pipeline' });
    const view = await recovery.ended(handle);
    expect(view.state).toBe('cancelled');
    expect(leftBy(view)).toEqual([]);
    expect(recovery.stateOf(view, 'restart')).toBe('undone');
    expect(recovery.stateOf(view, 'hold')).toBe('undone');
    expect(recovery.stateOf(view, 'quarantine')).toBe('undone');
    expect(strikes.phases).toEqual(['BROKEN', 'ABORTED']);
    expect(await dump()).toEqual(before);
  });
});
