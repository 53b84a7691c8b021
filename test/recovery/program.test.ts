import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { Check } from '../../common/check.js';
import { stretched } from '../../embedded/pace.js';
import { declaration } from '../../lab/strikes/declaration.js';
import { StrikesService } from '../../lab/strikes/service.js';
import { programFolder } from '../../worker/config.js';
import { createTestDatabase, type TestDatabase } from '../helpers/database.js';
import { databaseAccess, RecoveryRuns } from '../helpers/recovery-runs.js';

/*
 * A pipeline that a program runs: the same data as of the job API, and a few verbs instead of it.
 */
describe('a pipeline that a program runs', () => {
  let database: TestDatabase;
  let strikes: StrikesService;
  let recovery: RecoveryRuns;

  beforeAll(async () => {
    database = await createTestDatabase('program');
    strikes = await StrikesService.start({ databaseUrl: database.url, rows: 2_000, chunk: 200 });
    const { postgres, password } = databaseAccess(database.url, 'strikes-password');
    const control = join(programFolder, 'lab', 'strikes', 'control.js');
    const target = (args: string[]) => ({
      ...{ kind: 'pipeline', environment: 'test' },
      postgres,
      credentials: { main: { env: { STRIKES_TOKEN: 'strikes-token' } } },
      pipeline: {
        run: { program: { path: process.execPath, args, stops: true, restartsCompleted: true } },
        data: declaration.data,
      },
    });
    const started = await RecoveryRuns.start({
      targets: {
        strikes: target([control, strikes.url]),
        silent: target(['-e', 'process.exit(0)']),
        odd: target(['-e', 'console.log(JSON.stringify({ jobs: [{ id: 1 }] }))']),
      },
      secrets: { 'strikes-token': strikes.token, 'strikes-password': password },
    });
    recovery = new RecoveryRuns(started);
  }, stretched(60_000));
  afterAll(async () => {
    await recovery?.stop();
    await strikes?.stop();
    await database?.drop();
  });

  /** Half a batch is written, and rows of another stage are lost. */
  async function broken(): Promise<void> {
    await strikes.brokenRun({ cutAt: { step: 'booked', chunk: 8, rows: 60 } });
    await strikes.query(`DELETE FROM wildlife.named WHERE report = 'BS-00212'`);
  }

  test('that failed with lost rows and half a batch ends exactly right', async () => {
    await broken();
    const { view, evidence } = await recovery.recovered();
    expect(evidence).toMatchObject({
      'failed stage': 'booked',
      verdict: expect.stringContaining('corrupt: named') as unknown,
    });
    expect(await strikes.found()).toEqual(strikes.truth());
    expect(view.outputs).toMatchObject({ rows: strikes.truth().rows, recoveredJob: '2' });
  });

  test('whose worker dies while it follows: one job was started', async () => {
    await broken();
    strikes.faults = { slowMs: 100 };
    const handle = await recovery.run();
    await recovery.decide(handle);
    await recovery.followed(handle);
    await recovery.replaceWorker();
    const view = await recovery.ended(handle);
    expect(view.problem).toBeNull();
    expect(strikes.phases).toEqual(['BROKEN', 'DONE']);
    expect(await strikes.found()).toEqual(strikes.truth());
  });

  test('with a record that it names: the record is set aside', async () => {
    await strikes.brokenRun({ poison: 'BS-00777' });
    strikes.faults = { poison: 'BS-00777' };
    const { evidence } = await recovery.recovered();
    expect(evidence).toMatchObject({ 'offending record': { 'Report No': 'BS-00777' } });
    expect(await strikes.found(['BS-00777'])).toEqual(strikes.truth(['BS-00777']));
  });

  test('of a recovery that is cancelled: the job that it started is stopped', async () => {
    await broken();
    strikes.faults = { slowMs: 300 };
    const handle = await recovery.run();
    await recovery.decide(handle);
    await recovery.followed(handle);
    await recovery.decide(handle, { verb: 'cancel', reason: 'wrong pipeline' });
    const view = await recovery.ended(handle);
    expect(view.state).toBe('cancelled');
    expect(recovery.stateOf(view, 'begin')).toBe('undone');
    expect(strikes.phases).toEqual(['BROKEN', 'ABORTED']);
  });

  test('is proved by doctor', async () => {
    await broken();
    const view = await recovery.ended(await recovery.run({}, 'pipeline-check'));
    expect(view.problem).toBeNull();
    const { checks } = view.outputs as unknown as { checks: Check[] };
    const told = Object.fromEntries(checks.map(({ name, found }) => [name, found]));
    expect(told).toMatchObject({
      jobs: '1; the newest is 1, failed',
      'job status': expect.stringMatching(/^job 1 is failed in stage booked, and says DATABASE: /),
      'cannot be done': expect.stringContaining('The program does not validate data') as unknown,
    });
  });

  test.each([
    ['silent', /printed nothing, and its answer is one line of JSON/],
    ['odd', /gave an unexpected answer at jobs\.0\.id/],
  ])('%s: an answer that is none is told, and nothing is changed', async (pipeline, why) => {
    const view = await recovery.ended(await recovery.run({ pipeline }));
    expect(view.problem?.message).toMatch(why);
    expect(recovery.stateOf(view, 'quarantine')).toBe('pending');
  });
});
