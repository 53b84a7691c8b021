import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import { analysis as analyse } from '../../activities/delivery/analysis.js';
import type { AttemptContext } from '../../activities/handler.js';
import { filledPromql } from '../../activities/delivery/metrics/placeholders.js';
import { sql } from '../../activities/sql.js';
import { compare, type Analysis } from '../../common/delivery/analysis.js';
import { freePort } from '../../embedded/ports.js';
import { stopInstance, type Instance } from '../../lab/web-system/instances.js';
import { Proxy } from '../../lab/web-system/proxy.js';
import type { JsonObject } from '../../language/json.js';
import type { AnalysisAction } from '../../language/kinds/delivery/analysis.js';
import { createTestDatabase, type TestDatabase } from '../helpers/database.js';
import { until } from '../../lab/until.js';
import { failureOf, hostile, json, Service, World as Kinds } from '../kinds/world.js';
import { Prometheus, prometheusMissing } from './prometheus.js';
import { World } from './world.js';

/*
 * Where the numbers of an analysis come from besides the proxy: a real Prometheus that looks at
 * real instances, and an access log in a real PostgreSQL.
 */

const analysis = (action: AnalysisAction, context: AttemptContext) =>
  analyse(action, context, { sql });

/** Server → what runs there. Nobody asks `idle`. */
const versions = {
  old: '1.0.0',
  good: '2.0.0',
  fails: '3.0.1-fails',
  slow: '3.0.1-slow',
  idle: '2.0.0',
};
const busy = ['old', 'good', 'fails', 'slow'];

let world: World;
let instances: Record<string, Instance>;
let log: TestDatabase;
let prometheus: Prometheus | undefined;
let users: Users;
let kinds: Kinds;

/** Asks every busy server all the time, and keeps what came back as an access log. */
class Users {
  private going = true;
  private readonly loops: Promise<void>[];
  private readonly pool: pg.Pool;

  constructor(addresses: Readonly<Record<string, string>>, logUrl: string) {
    this.pool = new pg.Pool({ connectionString: logUrl, max: 4 });
    this.loops = Object.entries(addresses).map(([server, address]) => this.ask(server, address));
  }

  private async ask(server: string, address: string): Promise<void> {
    while (this.going) {
      const begun = performance.now();
      const response = await fetch(`http://${address}/tenants/acme/customers/s1`);
      await response.text();
      const row = [
        server,
        response.headers.get('x-release'),
        response.status,
        performance.now() - begun,
      ];
      await this.pool.query(
        'INSERT INTO served (server, release, status, ms) VALUES ($1, $2, $3, $4)',
        row,
      );
      await delay(10);
    }
  }

  async stop(): Promise<void> {
    this.going = false;
    await Promise.all(this.loops);
    await this.pool.end();
  }
}

const total = 'http_requests_total{server=~$servers}[$window]';
const promql = {
  requests: `sum(increase(${total}))`,
  error_ratio: `(sum(increase(http_requests_total{server=~$servers,status=~"5.."}[$window])) or vector(0)) / sum(increase(${total}))`,
  p95: 'histogram_quantile(0.95, sum by (le) (rate(http_request_duration_seconds_bucket{server=~$servers}[$window])))',
  memory: 'max(process_resident_memory_bytes{server=~$servers})',
};
const byVersion = (query: string): string =>
  query.replaceAll('server=~$servers', 'release=$version');

const select = `SELECT count(*) AS requests, count(*) FILTER (WHERE status >= 500) AS errors,
    percentile_cont(0.95) WITHIN GROUP (ORDER BY ms) AS p95_ms
  FROM served WHERE at >= $from AND at < $until`;
const onServers = `${select} AND server = ANY($servers)`;

function targets(logUrl: string, prometheusUrl: string, deadPort: number): JsonObject {
  const web = (facts: JsonObject): JsonObject => ({
    kind: 'web-service',
    environment: 'test',
    facts,
  });
  const asked = (query: string, target = 'log'): JsonObject =>
    web({ metrics_sql: { target, query } });
  const told = (facts: JsonObject): JsonObject =>
    web({ prometheus: { url: prometheusUrl, ...facts } });
  const address = new URL(logUrl);
  const password = address.password;
  address.password = '';
  return {
    log: {
      kind: 'database',
      environment: 'test',
      postgres: { address: address.href, ...(password ? { password: 'log-password' } : {}) },
    },
    nowhere: {
      kind: 'database',
      environment: 'test',
      postgres: { address: `postgres://nobody@127.0.0.1:${deadPort}/log` },
    },
    sql: asked(onServers),
    'sql-by-version': asked(`${select} AND release = $version`),
    'sql-away': asked(onServers, 'nowhere'),
    'sql-slow': asked(`${onServers} AND pg_sleep(60) IS NOT NULL`),
    'sql-writes': asked(
      `WITH gone AS (DELETE FROM served WHERE at < $from RETURNING 1) SELECT count(*) AS requests, 0 AS errors FROM gone`,
    ),
    'sql-ends': asked(`${onServers}; COMMIT; DELETE FROM served`),
    'sql-timeless': asked('SELECT count(*) AS requests, 0 AS errors FROM served'),
    'sql-many': asked(onServers.replace('SELECT', 'SELECT server,') + ' GROUP BY server'),
    'sql-hostile': asked(
      'SELECT length($version) AS requests, 0 AS errors, 1 AS p95_ms WHERE $from < $until',
    ),
    prometheus: told(promql),
    'prometheus-by-version': told(
      Object.fromEntries(Object.entries(promql).map(([name, query]) => [name, byVersion(query)])),
    ),
    'prometheus-away': web({ prometheus: { url: `http://127.0.0.1:${deadPort}`, ...promql } }),
    'prometheus-warns': told({
      ...promql,
      requests: `${promql.requests} + (sum(up{partial="yes"}) or vector(0))`,
    }),
    'prometheus-many': told({ ...promql, requests: `increase(${total})` }),
    'prometheus-wrong': told({ ...promql, p95: 'histogram_quantile(' }),
    'prometheus-no-ratio': told({ ...promql, error_ratio: 'vector(37)' }),
    both: web({ prometheus: { url: prometheusUrl, ...promql }, metrics_sql: { query: onServers } }),
  };
}

beforeAll(async () => {
  [world, log] = await Promise.all([World.make('web_metrics'), createTestDatabase('web_log')]);
  await world.migrated('2.0.0', 'expand');
  const started = Object.entries(versions).map(
    async ([name, version]) => [name, await world.start(version, name)] as const,
  );
  instances = Object.fromEntries(await Promise.all(started));
  const addresses = Object.fromEntries(
    Object.entries(instances).map(([name, { port }]) => [name, `127.0.0.1:${port}`]),
  );
  const admin = new pg.Client(log.url);
  await admin.connect();
  await admin.query(
    'CREATE TABLE served (at timestamptz NOT NULL DEFAULT now(), server text, release text, status int, ms float8)',
  );
  await admin.end();
  users = new Users(Object.fromEntries(busy.map((name) => [name, addresses[name] ?? ''])), log.url);
  if (!prometheusMissing) prometheus = await Prometheus.start(addresses);
  kinds = new Kinds(targets(log.url, prometheus?.url ?? 'http://127.0.0.1:1', await freePort()), {
    'log-password': { from: 'file:log-password', targets: ['log'] },
  });
  kinds.secret('log-password', decodeURIComponent(new URL(log.url).password) || 'unused');
}, 60_000);

afterAll(async () => {
  await users?.stop();
  await prometheus?.stop();
  kinds?.remove();
  await log?.drop();
  await world?.end();
});

// Machines that run tests are noisy, and users here measure their own noise too: both releases have
// it.
const limits = { minRequests: 20, errorRate: 0.02, latency: 4 };

type Server = keyof typeof versions;

async function measure(
  target: string,
  candidate: string,
  change: Partial<AnalysisAction> = {},
): Promise<Analysis> {
  const action: AnalysisAction = {
    kind: 'analysis',
    target,
    candidate,
    baseline: 'old',
    versions: { candidate: versions[candidate as Server] ?? candidate, baseline: versions.old },
    windowMs: 2_000,
    patienceMs: 2_000,
    limits,
    ...change,
  };
  return (await analysis(action, kinds.context({ effect: 'read' }))) as unknown as Analysis;
}

const sources: [name: string, missing: string | undefined][] = [
  ['sql', undefined],
  ['prometheus', prometheusMissing],
];

describe.each(sources)('%s: numbers', (source, missing) => {
  const here = missing ? test.skip : test;

  here(
    'a good release passes, by server and by version',
    async () => {
      const [byServer, byRelease] = await Promise.all([
        measure(source, 'good'),
        measure(`${source}-by-version`, 'good'),
      ]);
      for (const found of [byServer, byRelease]) {
        expect(found).toMatchObject({ verdict: 'pass', candidate: { errors: 0 } });
        expect(found.candidate.requests).toBeGreaterThan(20);
        expect(found.candidate.p95Ms).toBeGreaterThan(0);
      }
      if (source === 'prometheus')
        expect(byServer.candidate.memoryBytes).toBeGreaterThan(10_000_000);
    },
    30_000,
  );

  here(
    'several servers are measured as one',
    async () => {
      const found = await measure(source, 'old', { candidate: ['old', 'good'], baseline: ['old'] });
      expect(found.verdict).toBe('pass');
      expect(found.candidate.requests).toBeGreaterThan(1.3 * (found.baseline?.requests ?? 0));
    },
    30_000,
  );

  here(
    'a bad release is found: it fails, it is slow',
    async () => {
      const [failing, slow] = await Promise.all([
        measure(source, 'fails', { limits: { ...limits, minRequests: 60 }, patienceMs: 10_000 }),
        measure(source, 'slow', {
          windowMs: 3_000,
          patienceMs: 10_000,
          limits: { ...limits, latency: 1.2 },
        }),
      ]);
      expect(failing).toMatchObject({
        verdict: 'fail',
        why: expect.stringMatching(/\d+ of \d+ requests failed/) as unknown,
      });
      expect(slow).toMatchObject({
        verdict: 'fail',
        why: expect.stringMatching(/its p95 is/) as unknown,
      });
    },
    30_000,
  );

  here(
    'too few requests, and a server that nobody asked, are inconclusive',
    async () => {
      const [few, idle, unknown] = await Promise.all([
        failureOf(
          measure(source, 'good', { limits: { ...limits, minRequests: 100_000 }, patienceMs: 0 }),
        ),
        failureOf(measure(source, 'idle', { patienceMs: 0 })),
        failureOf(measure(source, 'nobody', { patienceMs: 0 })),
      ]);
      expect(few).toMatchObject({
        type: 'Inconclusive',
        message: expect.stringMatching(/and 100000 are needed/) as unknown,
      });
      expect(idle.type).toBe('Inconclusive');
      expect(unknown.type).toBe('Inconclusive');
      if (source === 'prometheus') {
        expect(idle.message).toMatch(/has no data on .*p95 of idle/);
        expect(unknown.message).toMatch(/has no data on requests, errors, p95, memory of nobody/);
      }
    },
    30_000,
  );

  here(
    'a source that is away is asked to the end, and then people are',
    async () => {
      const begun = Date.now();
      const failure = await failureOf(
        measure(`${source}-away`, 'good', { windowMs: 600, patienceMs: 600 }),
      );
      expect(failure).toMatchObject({
        type: 'Inconclusive',
        message: expect.stringMatching(/ECONNREFUSED/) as unknown,
      });
      expect(Date.now() - begun).toBeGreaterThanOrEqual(1_200);
    },
    30_000,
  );
});

describe('the access log in a database', () => {
  test.each([
    ['sql-writes', 'SqlRejected', /read-only transaction/],
    ['sql-ends', 'SqlRejected', /multiple commands/],
    ['sql-timeless', 'Configuration', /must use \$from/],
    ['sql-many', 'Configuration', /returns \d+ rows/],
    ['both', 'Configuration', /declares both/],
  ])(
    '%s is refused, in words',
    async (target, type, message) => {
      const failure = await failureOf(
        measure(target, 'good', { candidate: ['good', 'old'], windowMs: 600 }),
      );
      expect(failure).toMatchObject({ type, message: expect.stringMatching(message) as unknown });
    },
    30_000,
  );

  test('a query that takes too long is ended in the server, and nothing passes', async () => {
    const failure = await failureOf(measure('sql-slow', 'good', { windowMs: 100, patienceMs: 0 }));
    expect(failure).toMatchObject({
      type: 'Inconclusive',
      message: expect.stringMatching(/statement timeout/) as unknown,
    });
  }, 30_000);

  test.each(hostile)('values are parameters, whatever they hold: %j', async (text) => {
    const limits = { minRequests: 1, errorRate: 0.5, latency: 4 };
    const found = await measure('sql-hostile', 'good', {
      versions: { candidate: text, baseline: text },
      windowMs: 1,
      limits,
    });
    // PostgreSQL counts characters, not the halves of them.
    expect(found.candidate.requests).toBe([...text].length);
  });
});

describe('prometheus: answers', () => {
  const here = prometheusMissing ? test.skip : test;

  here(
    'an answer that is not whole says so',
    async () => {
      const found = await measure('prometheus-warns', 'good');
      expect(found).toMatchObject({
        verdict: 'pass',
        why: expect.stringMatching(/Prometheus at .* warns: .*remote_read/) as unknown,
      });
      expect(found.warnings).toHaveLength(1);
    },
    30_000,
  );

  here.each([
    ['prometheus-many', /requests of target .* answers 2 series/],
    ['prometheus-wrong', /p95 of target .* is refused: .*parse error/],
    ['prometheus-no-ratio', /error_ratio of target .* answers 37/],
  ])(
    '%s is refused, in words',
    async (target, message) => {
      const failure = await failureOf(measure(target, 'good', { candidate: ['good', 'old'] }));
      expect(failure).toMatchObject({
        type: 'Configuration',
        message: expect.stringMatching(message) as unknown,
      });
    },
    30_000,
  );

  here('values become quoted strings, whatever they hold', async () => {
    const now = new Date();
    for (const text of [...hostile, 'a"} or vector(1) #', '\u0000\u001b', '']) {
      const group = { servers: [text, 'web-1.example'], addresses: [], version: text };
      const span = { from: now, until: now };
      expect(await prometheus?.ask(filledPromql('$version', group, span))).toMatchObject({
        data: { resultType: 'string', result: [expect.anything(), text] },
      });
      const { data } = (await prometheus?.ask(filledPromql('$servers', group, span))) as {
        data: { result: [number, string] };
      };
      const pattern = new RegExp(`^(?:${data.result[1]})$`);
      expect(
        [text, 'web-1.example', `${text}x`, 'web-1-example'].map((each) => pattern.test(each)),
      ).toEqual([true, true, false, false]);
    }
  });
});

test('a source that comes back is asked again', async () => {
  let asked = 0;
  const facts = { requests: 'a', error_ratio: 'b' };
  const service = await Service.start((_, response) => {
    asked += 1;
    const value = { resultType: 'scalar', result: [0, asked % 2 === 0 ? '0' : '100'] };
    if (asked < 6)
      json(response, 503, { status: 'error', errorType: 'unavailable', error: 'starting up' });
    else json(response, 200, { status: 'success', data: value });
  });
  const own = new Kinds({
    shop: {
      kind: 'web-service',
      environment: 'test',
      facts: { prometheus: { url: service.address, ...facts } },
    },
  });
  const limits = { minRequests: 1, errorRate: 1, latency: 4 };
  const action: AnalysisAction = {
    kind: 'analysis',
    target: 'shop',
    candidate: 'a',
    windowMs: 100,
    patienceMs: 20_000,
    limits,
  };
  try {
    expect(await analysis(action, own.context())).toMatchObject({ verdict: 'pass' });
    expect(asked).toBeGreaterThan(6);
  } finally {
    own.remove();
    await service.stop();
  }
}, 30_000);

test('what the proxy counts is believed too: the failures of a server that is dead', async () => {
  const proxy = await Proxy.start('caddy', `${world.system.folder}/proxy`);
  const liar = await Service.start((request, response) => {
    const asked = new URL(request.url, 'http://x').searchParams.get('query');
    json(response, 200, {
      status: 'success',
      data: { resultType: 'scalar', result: [0, asked === 'errors' ? '0' : '1000'] },
    });
  });
  const facts = {
    ...proxy.facts,
    prometheus: { url: liar.address, requests: 'requests', error_ratio: 'errors' },
  };
  const own = new Kinds({ shop: { kind: 'web-service', environment: 'test', facts } });
  try {
    const doomed = await world.start('2.0.0', 'doomed');
    await proxy.traffic.apply([{ name: 'green', address: `127.0.0.1:${doomed.port}`, weight: 1 }]);
    await until('it to answer', () => fetch(`${proxy.url}/health`).then(({ ok }) => ok));
    await stopInstance(world.system, 'doomed');
    const limits = { minRequests: 1, errorRate: 0.5, latency: 4 };
    const measured = analysis(
      { kind: 'analysis', target: 'shop', candidate: 'green', windowMs: 20_000, limits },
      own.context(),
    );
    let going = true;
    measured.catch(() => undefined).finally(() => (going = false));
    while (going) await fetch(`${proxy.url}/health`).then((response) => response.text());
    expect(await measured).toMatchObject({
      verdict: 'fail',
      why: expect.stringMatching(/^the proxy counts: /) as unknown,
    });
  } finally {
    own.remove();
    await Promise.all([liar.stop(), proxy.stop()]);
  }
}, 30_000);

test('without times to compare nothing passes as fast, and gaps never pass', () => {
  const limits = { minRequests: 10, errorRate: 0.01, latency: 2 };
  const numbers = { requests: 100, errors: 0, p95Ms: 5, memoryBytes: null };
  expect(compare(numbers, numbers, limits)).toMatchObject({ is: 'pass' });
  expect(compare(numbers, numbers, limits, ['no data on p95'])).toEqual({
    is: 'inconclusive',
    why: 'no data on p95',
  });
  expect(compare({ ...numbers, p95Ms: null }, numbers, limits)).toMatchObject({
    is: 'inconclusive',
  });
  expect(compare({ ...numbers, errors: 50 }, numbers, limits, ['no data on p95'])).toMatchObject({
    is: 'fail',
  });
});
