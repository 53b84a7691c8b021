import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { execa } from 'execa';
import type { Check } from '../../common/check.js';
import { noteWorker, recentWorkers, type WorkerReport } from '../../store/index.js';
import { programFolder } from '../../worker/config.js';
import { Engine } from '../helpers/engine.js';
import { until } from '../../lab/until.js';

/* What doctor says of workers: their clocks, and the disks of their journals. */

const main = join(programFolder, 'client', 'main.js');

let engine: Engine;
let told: WorkerReport;
beforeAll(async () => {
  engine = await Engine.start({ workers: 1, settings: { RUNBOOK_WATCH_MS: '200' } });
  told = await until('the worker to tell of itself', async () => {
    return (await recentWorkers(engine.pool, 60_000))[0];
  });
}, 60_000);
afterAll(() => engine?.stop());

/** Those checks of doctor that look at workers. */
async function checks(): Promise<Check[]> {
  const { stdout } = await execa(
    process.execPath,
    [main, 'doctor', '--output', 'json', '--task-queue', engine.taskQueue],
    { env: { ...engine.env, RUNBOOK_HOME: '/nonexistent' }, reject: false },
  );
  const { checks } = JSON.parse(stdout) as { checks: Check[] };
  return checks.filter(({ name }) => name === 'worker clocks' || name === 'journals');
}

test('a worker tells of its clock and of the room that its journals have', async () => {
  expect(Math.abs(told.clockAheadMs)).toBeLessThan(2_000);
  expect(told.journals).toMatchObject({ folder: engine.env['RUNBOOK_JOURNALS'] });
  expect(told.journals.freeBytes).toBeGreaterThan(0);
  expect(told.journals.bytes).toBeGreaterThanOrEqual(told.journals.freeBytes);
  const [clocks] = await checks();
  expect(clocks).toMatchObject({ state: 'ok', fix: null });
  expect(clocks?.found).toMatch(/^1 worker at most \d+ ms from PostgreSQL's$/);
}, 60_000);

test('doctor names workers whose clock is off, and hosts without room', async () => {
  const room = {
    folder: '/var/journals',
    bytes: 1024 ** 4,
    freeBytes: 1024 ** 4,
    freeFiles: 9e6,
    files: 1e7,
  };
  const note = (worker: string, offMs: number, journals: object) =>
    noteWorker(
      engine.pool,
      { worker: `${worker}:1`, host: worker, journals: { ...room, ...journals }, library: {} },
      () => Date.now() + offMs,
    );
  await note('fast.example', 5_000, {});
  await note('slow.example', -7_000, {});
  await note('full.example', 0, { freeBytes: 1024 ** 2 });
  await note('crowded.example', 0, { freeFiles: 50 });
  const [clocks, journals] = await checks();
  expect(clocks).toMatchObject({ state: 'warning', fix: expect.stringContaining('NTP') });
  expect(clocks?.found).toMatch(
    /^fast\.example:1 is 5\.\d s ahead of PostgreSQL; slow\.example:1 is [67]\.\d s behind/,
  );
  expect(journals).toMatchObject({
    state: 'warning',
    fix: expect.stringContaining('RUNBOOK_JOURNALS'),
  });
  expect(journals?.found).toContain(
    'full.example has 0.00 of 1024 GiB and 9000000 of 10000000 inodes free in /var/journals: no command can be started there',
  );
  expect(journals?.found).toContain(
    'crowded.example has 1024 of 1024 GiB and 50 of 10000000 inodes',
  );
}, 60_000);

test('a worker that has ended is not looked at', async () => {
  await engine.workers[0]?.stop();
  const workers = await recentWorkers(engine.pool, 60_000);
  expect(workers.map(({ worker }) => worker)).not.toContain(told.worker);
}, 60_000);
