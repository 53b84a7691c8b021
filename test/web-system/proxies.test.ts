import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { get, type IncomingMessage } from 'node:http';
import { join } from 'node:path';
import { analysis } from '../../activities/delivery/analysis.js';
import type { StepFailure } from '../../activities/failure.js';
import type { AttemptContext } from '../../activities/handler.js';
import {
  bucketsOf,
  parseSamples,
  quantile,
  since,
} from '../../activities/delivery/traffic/prometheus.js';
import { drain, shares, type TrafficSwitch } from '../../activities/delivery/traffic/switch.js';
import { stopInstance, type Instance } from '../../lab/web-system/instances.js';
import { Load } from '../../lab/web-system/load-client.js';
import type { LoadReport } from '../../lab/web-system/load-report.js';
import {
  Proxy,
  proxyKinds,
  proxyMissing,
  type ProxyKind,
  type ProxyOptions,
} from '../../lab/web-system/proxy.js';
import { noticedOf } from '../../workflows/zero-downtime-deployment/pool.js';
import { until } from '../../lab/until.js';
import { reloadsOf } from '../deployment/reloads.js';
import { ask, World } from './world.js';

/*
 * The switches against real proxies in front of real instances. What counts is what the proxy
 * itself says, and what the users saw.
 */
let world: World;
let one: Instance;
let two: Instance;
beforeAll(async () => {
  world = await World.make('web_proxies');
  await world.migrated('2.0.0', 'expand');
  [one, two] = await Promise.all([world.start('1.0.0', 'blue'), world.start('2.0.0', 'green')]);
});
afterAll(() => world?.end());

const address = ({ port }: Instance): string => `127.0.0.1:${port}`;
const split = (blue: number, green: number) => [
  { name: 'blue', address: address(one), weight: blue },
  { name: 'green', address: address(two), weight: green },
];

let proxies: Proxy[] = [];
let folders = 0;
async function start(kind: ProxyKind, options: ProxyOptions = {}): Promise<Proxy> {
  const proxy = await Proxy.start(
    kind,
    join(world.system.folder, `proxy-${(folders += 1)}`),
    options,
  );
  proxies.push(proxy);
  return proxy;
}
afterEach(async () => {
  await Promise.all(proxies.map((proxy) => proxy.stop()));
  proxies = [];
});

/** Asks without a pause, and keeps what went wrong. */
function failuresOfAsking(traffic: TrafficSwitch): { stop(): Promise<StepFailure[]> } {
  const failures: StepFailure[] = [];
  let over = false;
  const asking = (async () => {
    while (!over) await traffic.observe().catch((error: StepFailure) => failures.push(error));
  })();
  const stop = async (): Promise<StepFailure[]> => {
    over = true;
    await asking;
    return failures;
  };
  return { stop };
}

const said = async (traffic: TrafficSwitch) =>
  (await traffic.observe()).servers.map(({ name, address: at, weight }) => ({
    name,
    address: at,
    weight,
  }));

describe.each(proxyKinds)('%s', (kind) => {
  const here = proxyMissing(kind) ? test.skip : test;

  here(
    'says what it was told, is told nothing that it does already, and can be undone',
    async () => {
      const { traffic, url } = await start(kind);
      const empty = ['blue', 'green'].map((name) => ({ name, address: null, weight: 0 }));
      expect(await said(traffic)).toEqual(empty);
      expect([502, 503]).toContain((await ask(url, '/health')).status);

      expect(await traffic.apply(split(90, 10))).toMatchObject({
        before: empty,
        after: split(90, 10),
        changed: ['blue', 'green'],
      });
      expect(await said(traffic)).toEqual(split(90, 10));
      expect(shares((await traffic.observe()).servers)).toEqual({ blue: 0.9, green: 0.1 });
      const { epoch } = await traffic.observe();
      expect(await traffic.apply(split(90, 10))).toMatchObject({ changed: [] });
      expect((await traffic.observe()).epoch).toBe(epoch);

      const change = await traffic.apply([split(90, 20)[1]!]);
      expect(change.changed).toEqual(['green']);
      expect(await said(traffic)).toEqual(split(90, 20));
      await traffic.apply(change.before);
      expect(await said(traffic)).toEqual(split(90, 10));
      await traffic.apply([{ ...split(0, 10)[0]! }]);
      await traffic.apply([{ name: 'blue', address: null, weight: 0 }]);
      expect(await said(traffic)).toEqual([empty[0], split(0, 10)[1]]);
    },
  );

  here.each([
    [
      'a server that it does not have',
      [{ name: 'red', address: '127.0.0.1:1', weight: 1 }],
      'no server "red" in web',
    ],
    [
      'a weight that is none',
      [{ name: 'blue', address: '127.0.0.1:1', weight: 0.5 }],
      'cannot have weight 0.5',
    ],
    ['a weight for nobody', [{ name: 'blue', address: null, weight: 1 }], 'cannot have weight 1'],
    [
      'an address that is none',
      [{ name: 'blue', address: '127.0.0.1:1; disable server web/green', weight: 1 }],
      'no address',
    ],
  ])('refuses %s, in words', async (_, wanted, message) => {
    await expect((await start(kind)).traffic.apply(wanted)).rejects.toThrow(message);
  });

  here('counts by server, and does not leave its users alone', async () => {
    const { traffic, url } = await start(kind);
    await traffic.apply(split(75, 25));
    const statuses = new Map<string, number>();
    for (let index = 0; index < 100; index += 1) {
      const { headers } = await ask(url, '/tenants/acme/customers/s1');
      const instance = headers.get('x-instance') ?? 'none';
      statuses.set(instance, (statuses.get(instance) ?? 0) + 1);
    }
    expect(Object.fromEntries(statuses)).toEqual({ blue: 75, green: 25 });
    const [blue, green] = await until('all of them to be counted', async () => {
      const { servers } = await traffic.observe();
      return servers.reduce((sum, { counters }) => sum + counters.requests, 0) >= 100 && servers;
    });
    expect(blue?.counters).toMatchObject({ requests: 75, errors: 0, latency: expect.anything() });
    expect(green?.counters).toMatchObject({ requests: 25, errors: 0 });
    await expect(traffic.apply(split(0, 0))).rejects.toThrow('without a server for its users');
    expect(await said(traffic)).toEqual(split(75, 25));
  });

  here('counts the errors of a server that breaks', async () => {
    const { traffic, url } = await start(kind);
    const bad = await world.start('3.0.1-fails', 'bad');
    await traffic.apply([{ name: 'green', address: address(bad), weight: 1 }]);
    const answers = [];
    for (let index = 0; index < 30; index += 1) {
      const { status, headers } = await ask(url, '/tenants/acme/customers/s1');
      answers.push(`${status} ${headers.get('x-instance')}`);
    }
    expect(answers.filter((answer) => answer === '500 bad')).toHaveLength(3);
    expect(answers.filter((answer) => answer === '200 bad')).toHaveLength(27);
    process.kill(bad.pid, 'SIGKILL');
    // On a connection of its own: on one that was used before, HAProxy only closes it, and leaves
    // repeating to the user.
    const [answer] = (await once(get(`${url}/health`, { agent: false }), 'response')) as [
      IncomingMessage,
    ];
    answer.resume();
    expect(answer.statusCode).toBeGreaterThanOrEqual(502);
    const { requests = 0, errors = 0 } = (await traffic.observe()).servers[1]?.counters ?? {};
    // A try that broke off and the one after it that was refused are two to HAProxy: never fewer
    // than users saw, one more at most.
    expect([4, 5]).toContain(errors);
    expect(requests - errors).toBe(27);
    await stopInstance(world.system, 'bad');
  });

  here('drains a server: what is under way there ends, and nothing new comes', async () => {
    const { traffic, url } = await start(kind);
    const draining = await world.start('2.0.0', 'draining');
    await traffic.apply([{ name: 'blue', address: address(draining), weight: 1 }, split(0, 0)[1]!]);
    await ask(url, '/tenants/acme/customers/held', 'PUT', { name: 'Held', revision: 1 });
    // Held at the database for a second, so that it is under way while the server is drained.
    const held = await world.query(async (client) => {
      await client.query('BEGIN');
      await client.query(
        `SELECT * FROM customers WHERE tenant = 'acme' AND id = 'held' FOR UPDATE`,
      );
      const answer = ask(url, '/tenants/acme/customers/held', 'PUT', {
        name: 'Held Up',
        revision: 2,
      });
      await until(
        'the request to be under way',
        async () => (await traffic.observe()).servers[0]?.active === 1,
      );
      await traffic.apply([split(0, 1)[1]!]);
      expect(await drain(traffic, 'blue', { limitMs: 200 })).toMatchObject({
        drained: false,
        active: 1,
      });
      expect((await ask(url, '/tenants/acme/customers/s1')).headers.get('x-instance')).toBe(
        'green',
      );
      const drained = drain(traffic, 'blue', { limitMs: 10_000 });
      await client.query('ROLLBACK');
      expect(await drained).toMatchObject({ drained: true, active: 0 });
      return answer;
    });
    expect(held).toMatchObject({ status: 200, json: { name: 'Held Up' } });
    await stopInstance(world.system, 'draining');
  });

  // nginx finds what it was told in its configuration.
  here.each<[string, boolean]>([
    ...(kind === 'nginx' ? [] : [['forgets', false] as [string, boolean]]),
    ['remembers', true],
  ])(
    'killed and started again it %s its weights; applied again they are right',
    async (_, remembers) => {
      const proxy = await start(kind, { remembers });
      await proxy.traffic.apply(split(30, 70));
      // Whoever asks when it dies is told so, and nothing that it did not say.
      const asking = failuresOfAsking(proxy.traffic);
      await proxy.kill9();
      await expect(proxy.traffic.observe()).rejects.toThrow('does not answer');
      await proxy.restart();
      expect(new Set((await asking.stop()).map(({ type }) => type))).toEqual(
        new Set(['Unreachable']),
      );
      if (remembers) expect(await said(proxy.traffic)).toEqual(split(30, 70));
      else expect(await said(proxy.traffic)).not.toEqual(split(30, 70));
      expect((await proxy.traffic.apply(split(30, 70))).changed).toEqual(
        remembers ? [] : ['blue', 'green'],
      );
      expect(await said(proxy.traffic)).toEqual(split(30, 70));
      expect((await ask(proxy.url, '/health')).status).toBe(200);
    },
  );

  here(
    'a measurement tells a proxy that was restarted and forgot its weights from somebody who changed them',
    async () => {
      const proxy = await start(kind, { remembers: false });
      const { started } = await proxy.traffic.apply(split(50, 50));
      const expected = { servers: split(50, 50), started };
      const limits = { minRequests: 1, errorRate: 0.01, latency: 2 };
      const action = {
        kind: 'analysis',
        target: 'shop',
        candidate: 'green',
        windowMs: 100,
        limits,
        expected,
      } as const;
      const context = {
        targets: { get: (name: string) => ({ name, facts: proxy.facts }) },
        signal: new AbortController().signal,
        progress: () => undefined,
      } as unknown as AttemptContext;
      const measured = () =>
        analysis(action, context, { sql: () => Promise.reject(new Error('there is no database')) });
      for (let index = 0; index < 4; index += 1) await ask(proxy.url, '/health');
      await expect(measured()).rejects.toMatchObject({
        type: 'Inconclusive',
        message: expect.stringMatching(/^0 requests/),
      });
      await proxy.traffic.apply(split(90, 10));
      await expect(measured()).rejects.toMatchObject({
        type: 'Inconclusive',
        message: expect.stringMatching(
          /^somebody else has changed the weights: .* weight 10, and was told .* weight 50$/,
        ),
      });
      // nginx finds what it was told in its configuration.
      if (kind === 'nginx') return;
      await proxy.kill9();
      await proxy.restart();
      expect(await measured()).toEqual({
        forgotten: expect.stringMatching(/^it was restarted: .* empty weight 0/),
      });
      await proxy.traffic.apply(split(50, 50));
      await expect(measured()).rejects.toThrow('0 requests');
    },
  );

  here('release 1 goes and release 2 comes, under load', async () => {
    const proxy = await start(kind);
    const { traffic, url } = proxy;
    await traffic.apply(split(100, 0));
    const load = Load.start({
      url,
      connections: 6,
      rate: 150,
      seconds: 60,
      retryOnce: kind !== 'haproxy',
      orders: kind === 'haproxy' ? 0.1 : 0,
    });
    await until('a beginning', async () => (await load.report()).requests >= 100);
    for (const green of [10, 50, 100, 50, 0, 100]) {
      load.phase(`green-${green}`);
      await traffic.apply(split(100 - green, green));
      const before = (await load.report()).requests;
      await until(
        'requests at this weight',
        async () => (await load.report()).requests >= before + 80,
      );
    }
    expect(await drain(traffic, 'blue', { limitMs: 10_000 })).toMatchObject({ drained: true });
    const report = await load.stop();
    tell(kind, report);
    if (kind === 'caddy') {
      // Each change costs each connection one request at most, and what is answered is right.
      expect(report.failed.filter(({ instance }) => instance !== null)).toEqual([]);
      expect(report.lost).toBeLessThanOrEqual(report.connections * (await reloadsOf(proxy)));
    } else expect(report.failed).toEqual([]);
    expect(report.requests).toBeGreaterThan(500);
    const lost = report.lost > 0 ? ['none'] : [];
    expect(Object.keys(report.byRelease)).toEqual(['1.0.0', '2.0.0', ...lost]);
    // Without a reload no connection is touched: nothing had to be sent twice, and no connection
    // was opened anew.
    if (kind === 'haproxy') expect(report).toMatchObject({ repeated: 0, opened: 6 });
  });
});

function tell(
  kind: ProxyKind,
  { requests, failures, lost, repeated, opened, p50, p95, p99 }: LoadReport,
): void {
  process.stderr.write(
    `${kind}: ${requests} requests, ${failures - lost} failed, ${repeated} repeated, ${lost} lost, ${opened} connections; p50 ${p50} p95 ${p95} p99 ${p99} ms\n`,
  );
}

(proxyMissing('nginx') ? test.skip : test)(
  'nginx: what it would not load is reversed in the file, and users notice nothing',
  async () => {
    const { traffic, facts, url } = await start('nginx');
    await traffic.apply(split(100, 0));
    const { upstream, config } = facts as { upstream: string; config: string };
    const [pool, whole] = [readFileSync(upstream, 'utf8'), readFileSync(config, 'utf8')];
    writeFileSync(config, whole.replace('http {', 'http { no_such_directive on;'));
    await expect(traffic.apply(split(0, 100))).rejects.toThrow(
      /nginx would not load the new pool: .*no_such_directive/,
    );
    expect(readFileSync(upstream, 'utf8')).toBe(pool);
    expect(await said(traffic)).toEqual(split(100, 0));
    expect((await ask(url, '/health')).headers.get('x-instance')).toBe('blue');
    writeFileSync(config, whole);
    expect((await traffic.apply(split(0, 100))).changed).toEqual(['blue', 'green']);
    expect((await ask(url, '/health')).headers.get('x-instance')).toBe('green');
  },
);

(proxyMissing('nginx') ? test.skip : test)(
  'nginx: reloads alone, as often as a deployment makes them: what users send twice',
  async () => {
    const { traffic, url } = await start('nginx');
    await traffic.apply(split(100, 0));
    const load = Load.start({
      url,
      connections: 6,
      rate: 150,
      seconds: 60,
      retryOnce: true,
      orders: 0,
    });
    await until('a beginning', async () => (await load.report()).requests >= 100);
    // One server has all requests whatever its weight: nothing changes but that nginx reloads.
    for (const weight of [90, 80, 70, 60, 50, 100]) {
      await traffic.apply(split(weight, 0));
      const before = (await load.report()).requests;
      await until(
        'requests after this reload',
        async () => (await load.report()).requests >= before + 80,
      );
    }
    const report = await load.stop();
    process.stderr.write(
      `nginx, reloads alone: ${report.requests} requests, ${report.failures} failed, ${report.repeated} sent twice\n`,
    );
    expect(report.failed).toEqual([]);
  },
);

test('only HAProxy promises that nobody notices; for the others whoever approves is told', () => {
  const told = proxyKinds.filter(
    (proxy) => Object.keys(noticedOf({ proxy, pool: 'web', servers: [] })).length > 0,
  );
  expect(told).toEqual(proxyKinds.filter((kind) => kind !== 'haproxy'));
});

describe('Prometheus text', () => {
  const page = `# TYPE d histogram
d_bucket{a="x \\"y\\"",le="0.1"} 10
d_bucket{a="x \\"y\\"",le="0.2"} 20
d_bucket{a="x \\"y\\"",le="+Inf"} 20
d_bucket{a="z",le="0.1"} 0
d_bucket{a="z",le="0.2"} 80
d_bucket{a="z",le="+Inf"} 100
plain 1.5e3 1700000000
`;

  test('samples, with their labels as they were', () => {
    const samples = parseSamples(page);
    expect(samples).toHaveLength(7);
    expect(samples[0]).toEqual({ name: 'd_bucket', labels: { a: 'x "y"', le: '0.1' }, value: 10 });
    expect(samples[6]).toEqual({ name: 'plain', labels: {}, value: 1_500 });
  });

  test('quantiles as Prometheus computes them; of several histograms, and of what came in between', () => {
    const samples = parseSamples(page);
    const x = bucketsOf(samples, 'd', ({ a }) => a !== 'z');
    expect(quantile(x, 0.5)).toBeCloseTo(0.1);
    expect(quantile(x, 0.75)).toBeCloseTo(0.15);
    const all = bucketsOf(samples, 'd');
    expect(all).toEqual([
      [0.1, 10],
      [0.2, 100],
      [Infinity, 120],
    ]);
    expect(quantile(all, 0.99)).toBe(0.2);
    expect(quantile(since(all, x), 0.5)).toBeCloseTo(0.1 + 0.1 * (50 / 80));
    expect(quantile([], 0.5)).toBeNull();
    expect(quantile(since(all, all), 0.5)).toBeNull();
  });
});
