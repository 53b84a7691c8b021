import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { RunView } from '../../common/view.js';
import type { LoadReport } from '../../lab/web-system/load-report.js';
import { proxyMissing } from '../../lab/web-system/proxy.js';
import type { JsonObject } from '../../language/json.js';
import { isLong, tell } from '../chaos/tell.js';
import { until } from '../../lab/until.js';
import { DeploymentWorld } from './world.js';

/*
 * A pool of three servers that get another version in their places, under load. How many servers
 * carry the users is asked of the proxy itself, all the time.
 */
const slots = ['web-1', 'web-2', 'web-3'];
const proxies = ['haproxy'] as const;
/** Left out of the short form; a test that is skipped would want a reason. */
const unasked = (_name: string, _run: () => Promise<void>, _limitMs: number): void => undefined;

describe.each(proxies)('%s: server by server', (proxy) => {
  const here = proxyMissing(proxy) ? test.skip : test;
  let world: DeploymentWorld;
  beforeAll(async () => {
    if (!proxyMissing(proxy))
      world = await DeploymentWorld.start(proxy, { slots, everywhere: true });
  }, 60_000);
  afterAll(() => world?.stop());

  interface Deployed {
    view: RunView;
    users: LoadReport;
    /** The fewest servers that had a share at any time. */
    fewest: number;
  }

  async function deployed(version: string, inputs: JsonObject = {}): Promise<Deployed> {
    const users = world.users();
    const carrying = world.fewestCarrying();
    try {
      const run = await world.deploy(version, { strategy: 'rolling', ...inputs });
      await world.approve(run);
      return {
        view: await world.engine.ended(run),
        users: await users.stop(),
        fewest: await carrying.stop(),
      };
    } finally {
      await carrying.stop();
      users.kill();
    }
  }

  /** Steps by what became of them, in their order. */
  const steps = ({ steps: rows }: RunView, state: string): string[] =>
    rows
      .filter((row) => row.state === state && row.id.startsWith('roll/'))
      .map(({ id, title }) => `${id}: ${title}`);

  here(
    'a pool that is not of one version, or too small for the batch, is refused in words',
    async () => {
      const run = await world.deploy('2.0.0', { strategy: 'rolling', batch: 3 });
      expect(await world.engine.ended(run)).toMatchObject({
        state: 'failed',
        problem: {
          message: expect.stringMatching(
            /^3 servers of web have traffic, and 3 at a time/,
          ) as unknown,
        },
      });
      const { traffic } = world.system.proxy;
      const [first] = (await traffic.observe()).servers;
      const { before } = await traffic.apply([
        { name: 'web-1', address: first?.address ?? '', weight: 50 },
      ]);
      const uneven = await world.deploy('2.0.0', { strategy: 'rolling' });
      expect((await world.engine.ended(uneven)).problem?.message).toMatch(
        /^the servers of web have different shares/,
      );
      await traffic.apply(before);
    },
    60_000,
  );

  (isLong ? here : unasked)(
    'a source of numbers that is away lets nothing pass: people are asked before a server is touched',
    async () => {
      const users = world.users();
      try {
        const run = await world.deploy('2.0.0', { strategy: 'rolling', service: 'blind' });
        await world.approve(run);
        const asked = await until('people to be asked', async () => {
          const { waitingFor } = await world.engine.status(run);
          return waitingFor.find(({ kind }) => kind !== 'approval');
        });
        expect(asked.id).toBe('roll/baseline');
        expect(JSON.stringify(asked.evidence)).toMatch(
          /Prometheus at .* does not answer \(ECONNREFUSED\)/,
        );
        await world.takeBack(run);
        expect((await world.engine.ended(run)).state).toBe('rolled-back');
        expect(await users.stop()).toMatchObject({ failures: 0 });
      } finally {
        users.kill();
      }
    },
    240_000,
  );

  here(
    'a good release takes every server in turn: nobody notices, and never less than two carry the users',
    async () => {
      const { view, users, fewest } = await deployed('2.0.0');
      tell(
        `rolling behind ${proxy}: ${users.failures} of ${users.requests} requests failed, ${fewest} of 3 servers at the fewest`,
      );
      expect(view).toMatchObject({
        state: 'succeeded',
        problem: null,
        outputs: { servers: slots, before: '1.0.0' },
      });
      expect(users).toMatchObject({ failures: 0, failed: [] });
      expect(fewest).toBe(2);
      expect(await world.serving()).toEqual(['2.0.0', '2.0.0', '2.0.0']);
      expect(steps(view, 'succeeded')).toEqual(
        expect.arrayContaining([
          'roll/leave: Give it no new requests: web-1',
          'roll/leave.3: Give it no new requests: web-3',
          'roll/judge.3: Judge the new version: web-3',
        ]),
      );
    },
    240_000,
  );

  here(
    'a release that fails one request in ten is found on the first server, and rolled back',
    async () => {
      const { view, users, fewest } = await deployed('3.0.1-fails');
      tell(
        `3.0.1-fails, rolling: ${users.failures} of ${users.requests} requests failed; ${view.problem?.message}`,
      );
      expect(view.state).toBe('rolled-back');
      expect(view.problem?.message).toMatch(/bad on web-1: .*\d+ of \d+ requests failed/);
      // One request in ten on one server in three.
      expect(users.failures / users.requests).toBeLessThanOrEqual(0.034);
      expect(users.failed.every(({ release }) => release === '3.0.1-fails')).toBe(true);
      expect(fewest).toBe(2);
      expect(await world.serving()).toEqual(['2.0.0', '2.0.0', '2.0.0']);
      expect(
        view.steps.filter(({ id }) => id.endsWith('.2') && id.startsWith('roll/leave')),
      ).toEqual([]);
    },
    240_000,
  );

  (isLong ? here : unasked)(
    'rolled back half-way, by a person: two servers go back in turn, and two carry the users all the time',
    async () => {
      const users = world.users();
      const carrying = world.fewestCarrying();
      try {
        const run = await world.deploy('3.0.0', { strategy: 'rolling' });
        await world.approve(run);
        await until('the second server to have the new version', async () => {
          const { steps: rows } = await world.engine.status(run);
          return rows.some(({ id, state }) => id === 'roll/return.2' && state === 'succeeded');
        });
        await world.takeBack(run);
        const view = await world.engine.ended(run);
        expect(view.state).toBe('rolled-back');
        expect(await users.stop()).toMatchObject({ failures: 0, failed: [] });
        expect(await carrying.stop()).toBe(2);
        expect(await world.serving()).toEqual(['2.0.0', '2.0.0', '2.0.0']);
      } finally {
        await carrying.stop();
        users.kill();
      }
    },
    240_000,
  );

  here(
    'with the guard off, a server that is ended with requests under way is noticed by users',
    async () => {
      const users = world.users();
      try {
        // Not every death meets a request: at least five, and as many as it takes to meet one.
        let kills = 0;
        for (let met = 0; kills < 5 || (met === 0 && kills < 30); kills += 1) {
          const { requests } = await users.report();
          await until('requests', async () => (await users.report()).requests >= requests + 100);
          await world.breakServer('web-1');
          met = (await users.report()).failures;
        }
        const { failures, requests } = await users.stop();
        tell(
          `rolling, servers ended ${kills} times without leaving the pool first: ${failures} of ${requests} requests failed`,
        );
        expect(failures).toBeGreaterThan(0);
      } finally {
        users.kill();
      }
    },
    120_000,
  );
});
