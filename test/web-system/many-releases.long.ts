import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { drain, type WantedServer } from '../../activities/delivery/traffic/switch.js';
import { fetchHaproxy } from '../../embedded/binaries.js';
import { cacheFolder } from '../../embedded/home.js';
import { stopInstance } from '../../lab/web-system/instances.js';
import { Load } from '../../lab/web-system/load-client.js';
import type { LoadReport } from '../../lab/web-system/load-report.js';
import { Proxy, proxyMissing, type ProxyKind } from '../../lab/web-system/proxy.js';
import { tell } from '../chaos/tell.js';
import { until } from '../../lab/until.js';
import { World } from './world.js';

/*
 * What releases do to a proxy, many times over: the new version is started in the free slot, gets
 * 10, 50 and 100 % of the traffic, and the old one is drained and stopped. Users count what failed,
 * what was sent again as RFC 9110 allows, and what nobody answered; one request in ten may not be
 * sent twice.
 */
const releases = 200;
const leastRequests = 100_000;
/** Enough for what loses one request in some reloads to lose several. */
const releasesWithoutGuard = 20;
const slots = ['blue', 'green'] as const;
const shares = [10, 50, 100];
const rate = 400;

let world: World;
beforeAll(async () => {
  world = await World.make('web_many');
  await world.migrated('2.0.0', 'expand');
}, 120_000);
afterAll(() => world?.end());

/** Releases so many times, one after the other, under load. */
async function released(kind: ProxyKind, times: number): Promise<LoadReport> {
  const folder = join(world.system.folder, kind);
  mkdirSync(folder);
  const proxy = await Proxy.start(kind, folder);
  const { traffic } = proxy;
  let old: WantedServer | undefined;
  let users: Load | undefined;
  try {
    for (let release = 0; release <= times; release += 1) {
      const name = slots[release % slots.length] ?? '';
      const { port } = await world.start(release % 2 === 0 ? '1.0.0' : '2.0.0', name);
      const next = { name, address: `127.0.0.1:${port}` };
      if (!old || !users) {
        await traffic.apply([{ ...next, weight: 100 }]);
        users = Load.start({
          url: proxy.url,
          rate,
          requests: 2_000_000,
          seconds: 3_600,
          retryOnce: true,
        });
      } else {
        for (const share of shares) {
          await traffic.apply([
            { ...next, weight: share },
            { ...old, weight: 100 - share },
          ]);
          await more(users, leastRequests / releases / shares.length);
        }
        await drain(traffic, old.name, { limitMs: 30_000 });
        await stopInstance(world.system, old.name);
        await traffic.apply([{ name: old.name, address: null, weight: 0 }]);
      }
      old = { ...next, weight: 100 };
    }
    if (!users) throw new Error('nothing was released');
    return await users.stop();
  } finally {
    users?.kill();
    await proxy.stop();
    for (const name of slots) await stopInstance(world.system, name, 2_000);
  }
}

async function more(users: Load, count: number): Promise<void> {
  const { requests } = await users.report();
  await until(
    `${count} requests`,
    async () => {
      await delay(50);
      return (await users.report()).requests >= requests + count;
    },
    120_000,
  );
}

function inWords(what: string, times: number, report: LoadReport): string {
  const { requests, failures, repeated, lost } = report;
  return (
    `${what}, ${times} releases: ${requests} requests, ${failures - lost} failed, ` +
    `${repeated} repeated, ${lost} lost`
  );
}

/** Left out where no HAProxy can be had: the default is Caddy then, and promises less. */
const behindHaproxy = proxyMissing('haproxy') === undefined;

if (behindHaproxy) {
  test('200 good releases behind the embedded default cost its users no request', async () => {
    const own = process.env['RUNBOOK_HAPROXY_BIN'];
    // What a newcomer gets, also where another HAProxy is installed.
    process.env['RUNBOOK_HAPROXY_BIN'] = await fetchHaproxy(cacheFolder());
    try {
      const report = await released('haproxy', releases);
      tell(inWords('haproxy, embedded', releases, report));
      expect(report).toMatchObject({ failures: 0, repeated: 0, lost: 0, failed: [] });
      expect(report.requests).toBeGreaterThanOrEqual(leastRequests);
    } finally {
      if (own === undefined) delete process.env['RUNBOOK_HAPROXY_BIN'];
      else process.env['RUNBOOK_HAPROXY_BIN'] = own;
    }
  }, 3_600_000);
}

test('the same releases behind a proxy that takes a new configuration for each change', async () => {
  const report = await released('caddy', releasesWithoutGuard);
  tell(inWords('caddy', releasesWithoutGuard, report));
  // What is answered is right: it only closes connections, and answers 502 by itself.
  expect(report.failed.filter(({ instance }) => instance !== null)).toEqual([]);
  expect(report.repeated + report.lost).toBeGreaterThan(0);
}, 1_800_000);
