import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { spawn } from 'node:child_process';
import {
  bucketsOf,
  parseSamples,
  quantile,
  total,
} from '../../activities/delivery/traffic/prometheus.js';
import { livesStill } from '../../lab/web-system/app/owner.js';
import { makeSystemFolder, programEnv, stopInstance } from '../../lab/web-system/instances.js';
import { Load } from '../../lab/web-system/load-client.js';
import { checkSchema } from '../../lab/web-system/migrations.js';
import { until } from '../../lab/until.js';
import { ask, World } from './world.js';

/*
 * Each bad release is bad in the way it says, and in no other: what a deployment finds must be
 * there to be found. A good release goes through the same.
 */
let world: World;
beforeAll(async () => {
  world = await World.make('web_bad');
  await world.migrated('2.0.0', 'expand');
  await world.migrated('3.0.0', 'expand');
});
afterAll(() => world?.end());

const requests = 100;
let instances = 0;

/** The same requests to a release, and what it says of itself afterwards. */
async function under(version: string) {
  const name = `i${(instances += 1)}`;
  const { url } = await world.start(version, name);
  const measure = async () => parseSamples((await ask(url, '/metrics')).text);
  const before = total(await measure(), 'process_resident_memory_bytes');
  const load = Load.start({ url, connections: 2, rate: 200, requests, seconds: 20 });
  const report = await load.finish();
  const after = await measure();
  const result = {
    healthy: (await ask(url, '/health')).status,
    ready: (await ask(url, '/ready')).status,
    version: (await ask(url, '/version')).json['version'],
    failedByItsOwnCount: total(after, 'http_requests_total', ({ status = '' }) => status >= '500'),
    counted: total(after, 'http_requests_total'),
    p50: quantile(bucketsOf(after, 'http_request_duration_seconds'), 0.5) ?? 0,
    p95: quantile(bucketsOf(after, 'http_request_duration_seconds'), 0.95) ?? 0,
    grownBytes: total(after, 'process_resident_memory_bytes') - before,
    report,
  };
  await stopInstance(world.system, name, 2_000);
  return result;
}

const fine = { healthy: 200, ready: 200, counted: requests };

describe('a release that', () => {
  let good: Awaited<ReturnType<typeof under>>;

  test('is good answers everything', async () => {
    good = await under('3.0.0');
    expect(good).toMatchObject({
      ...fine,
      version: '3.0.0',
      failedByItsOwnCount: 0,
      report: { failures: 0, requests },
    });
    expect((await checkSchema(world.system, '3.0.0')).json).toMatchObject({ works: true });
  });

  test('crashes at its start ends and says why', async () => {
    await expect(world.start('3.0.1-crashes', 'crashes')).rejects.toThrow(
      'PAYMENTS_URL is missing',
    );
    expect(await stopInstance(world.system, 'crashes')).toBe('gone');
  });

  test('fails passes health and fails every tenth request', async () => {
    const bad = await under('3.0.1-fails');
    expect(bad).toMatchObject({ ...fine, failedByItsOwnCount: 10, report: { failures: 10 } });
    expect(
      bad.report.failed.every(({ status, release }) => status === 500 && release === '3.0.1-fails'),
    ).toBe(true);
  });

  test('is slow takes five times as long as the good one', async () => {
    const [beside, bad] = await Promise.all([under('3.0.0'), under('3.0.1-slow')]);
    expect(bad).toMatchObject({ ...fine, report: { failures: 0 } });
    // Measured at the same time, and by the median: the slowest few of a busy machine say something
    // of the machine.
    expect(bad.p50 / beside.p50).toBeGreaterThan(5);
  });

  test('leaks grows with each request, the good one does not', async () => {
    const bad = await under('3.0.1-leaks');
    expect(bad).toMatchObject({ ...fine, report: { failures: 0 } });
    expect(bad.grownBytes - good.grownBytes).toBeGreaterThan(requests * 40_000);
  });

  test('needs another schema is told by its own check, passes health, and fails what reads', async () => {
    const bad = await under('3.0.1-needs-schema');
    expect(bad).toMatchObject({ ...fine });
    expect(bad.report.failures).toBeGreaterThan(requests / 2);
    expect((await checkSchema(world.system, '3.0.1-needs-schema')).json).toMatchObject({
      works: false,
      problem: expect.stringContaining('display_name'),
    });
  });

  test('never becomes ready lives, and says so', async () => {
    const { url } = await world.start('3.0.1-never-ready', 'warming');
    expect((await ask(url, '/health')).status).toBe(200);
    expect((await ask(url, '/ready')).json).toEqual({ error: 'the cache is being warmed up' });
    await stopInstance(world.system, 'warming', 2_000);
  });
});

test('an instance ends when the process that holds its system has ended', async () => {
  const owner = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { stdio: 'ignore' });
  makeSystemFolder(world.system.folder, programEnv(world.system)['WEB_DATABASE_URL']!, owner.pid);
  const instance = await world.start('3.0.0', 'owned');
  owner.kill('SIGKILL');
  await until(
    'the instance to end',
    () => Promise.resolve(!livesStill(instance.process)),
    10_000,
    50,
  );
});
