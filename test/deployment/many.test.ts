import { afterEach, expect, test } from '@jest/globals';
import { proxyMissing } from '../../lab/web-system/proxy.js';
import type { LoadReport } from '../../lab/web-system/load-report.js';
import { flaws } from '../../lab/web-system/app/release.js';
import { isLong, tell } from '../chaos/tell.js';
import { isRight, ship, shipments, type Delivered } from './many.js';
import { reload, reloadsOf } from './reloads.js';
import { DeploymentWorld } from './world.js';

/** The share of the traffic that a release gets first. */
const firstShare = 0.1;
const leastRequests = 100_000;
/**
 * So small a number of lost requests says nothing when it is larger in one half than in the other.
 */
const chance = 5;
const everySecond = { requests: 2_000_000, seconds: 3_600 };

let world: DeploymentWorld | undefined;
afterEach(async () => {
  await world?.stop();
  world = undefined;
});

test('50 releases, 10 of them bad in every way that there is, no two alike', () => {
  const all = shipments(50, 10);
  const bad = all.filter(({ flaw }) => flaw !== null);
  expect(bad).toHaveLength(10);
  expect(new Set(bad.map(({ flaw }) => flaw)).size).toBe(flaws.length);
  expect(new Set(all.map(({ version }) => version)).size).toBe(50);
});

const sum = (all: readonly Delivered[], count: (each: Delivered) => number): number =>
  all.reduce((total, each) => total + count(each), 0);

interface Judged {
  good: Delivered[];
  bad: Delivered[];
  wrong: Delivered[];
}

function judged(all: readonly Delivered[]): Judged {
  let serving = '1.0.0';
  const wrong: Delivered[] = [];
  for (const each of all) {
    if (!isRight(each, serving)) wrong.push(each);
    serving = each.serving.join();
  }
  return {
    good: all.filter(({ flaw }) => flaw === null),
    bad: all.filter(({ flaw }) => flaw !== null),
    wrong,
  };
}

/** Failures one by one, for whoever has to find out why. */
function explain({ failed }: LoadReport, good: readonly Delivered[]): void {
  const versions = new Set(['between', 'reloads', ...good.map(({ version }) => version)]);
  for (const each of failed.filter(({ phase }) => versions.has(phase)).slice(0, 20))
    process.stderr.write(`${JSON.stringify(each)}\n`);
}

const inWords = ({ good, bad, wrong }: Judged): string =>
  `${good.length} good and ${bad.length} bad releases deployed, ${wrong.length} ended otherwise than they should; ` +
  `good: ${sum(good, ({ users }) => users.failures)} of ${sum(good, ({ users }) => users.requests)} requests failed; ` +
  `bad: ${sum(bad, ({ users }) => users.failures)} of ${sum(bad, ({ users }) => users.requests)}, ` +
  `${(100 * Math.max(...bad.map(({ users }) => users.failures / users.requests))).toFixed(2)} % at most; ` +
  `people asked ${sum([...good, ...bad], ({ asked }) => asked)} times, ` +
  `${sum([...good, ...bad], ({ seconds }) => seconds)} s`;

function expectRight({ good, bad, wrong }: Judged): void {
  expect(wrong).toEqual([]);
  expect(good.filter(({ users }) => users.failures > 0)).toEqual([]);
  // No more of the users' requests than the release was given can have met it.
  expect(bad.filter(({ users }) => users.failures > firstShare * users.requests)).toEqual([]);
}

if (isLong && !proxyMissing('haproxy')) {
  test('50 deployments behind HAProxy: no request fails for a good release, 10 of 10 bad ones are rolled back', async () => {
    world = await DeploymentWorld.start('haproxy');
    const users = world.users(300, everySecond);
    try {
      const result = judged(await ship(world, shipments(50, 10), users));
      const report = await users.stop();
      const { requests, failures, phases, repeated } = report;
      explain(report, result.good);
      tell(`haproxy: ${inWords(result)}; ${requests} requests in all, ${repeated} sent twice`);
      expectRight(result);
      expect(requests).toBeGreaterThanOrEqual(leastRequests);
      expect(failures).toBe(sum(result.bad, ({ users: seen }) => seen.failures));
      expect(phases['between']?.failures).toBe(0);
    } finally {
      users.kill();
    }
  }, 3_600_000);
}

if (isLong) {
  test('10 deployments behind Caddy: what users send twice, beside reloads with nothing deployed', async () => {
    world = await DeploymentWorld.start('caddy');
    const { proxy } = world.system;
    const users = world.users(300, everySecond);
    try {
      const before = await reloadsOf(proxy);
      const began = performance.now();
      const result = judged(await ship(world, shipments(10, 2), users));
      const reloads = (await reloadsOf(proxy)) - before;
      const deployed = await users.report();
      users.phase('reloads');
      // At the same pace, in half of the time: a deployment does other things too.
      await reload(proxy, reloads, (performance.now() - began) / reloads / 2);
      const report = await users.stop();
      explain(report, result.good);
      const alone = report.phases['reloads'];
      tell(
        `caddy: ${inWords(result)}; ${deployed.repeated} of ${deployed.requests} requests were sent twice in ${reloads} reloads; ` +
          `in as many with nothing deployed ${alone?.repeated} of ${alone?.requests}, and ${alone?.failures} failed`,
      );
      expect(result.wrong).toEqual([]);
      // A new configuration costs Caddy's users something, whatever it is for: a deployment must
      // not cost more than that.
      const lost = sum(result.good, ({ users: seen }) => seen.failures);
      expect(deployed.repeated).toBeLessThanOrEqual(2 * (alone?.repeated ?? 0) + reloads);
      expect(lost).toBeLessThanOrEqual(2 * (alone?.failures ?? 0) + chance);
    } finally {
      users.kill();
    }
  }, 3_600_000);
}
