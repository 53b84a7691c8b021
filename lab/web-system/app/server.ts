import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import pg from 'pg';
import { Api, refusal, send } from './api.js';
import { customersOf } from './customers.js';
import { Flawed } from './flawed.js';
import { Metrics } from './metrics.js';
import { whenOwnerEnds } from './owner.js';
import { thisRelease } from './release.js';
import { siteSide } from './site.js';

/*
 * One instance of the application: node server.js. Settings by environment: WEB_DATABASE_URL,
 * WEB_INSTANCE (its name), WEB_PORT, WEB_OWNER (a process; the instance ends when that one has
 * ended), WEB_LINGER_MS; at a site those of site.ts. Prints `web ready http://…`.
 */
const env = process.env;
const release = thisRelease();
const instance = env['WEB_INSTANCE'] ?? 'web';
/**
 * How long it still takes requests after it said that it is not ready, so that whoever looks at
 * /ready has seen it.
 */
const lingerMs = Number(env['WEB_LINGER_MS'] ?? 500);
/** Requests that take longer than this are not waited for. */
const graceMs = 10_000;
const startedAt = new Date().toISOString();

if (release.flaw === 'crashes') {
  process.stderr.write(
    `release ${release.version} cannot start: setting PAYMENTS_URL is missing\n`,
  );
  process.exit(1);
}

const pool = new pg.Pool({
  connectionString: env['WEB_DATABASE_URL'],
  application_name: `web ${release.version} ${instance}`,
  max: Number(env['WEB_POOL'] ?? 6),
  connectionTimeoutMillis: 5_000,
  // Whoever waits for its first users has its connections ready when they come.
  idleTimeoutMillis: 300_000,
  statement_timeout: 5_000,
});
pool.on('error', () => undefined);

const site = siteSide(env);
const api = new Api(pool, customersOf(release), release.version, site);
const metrics = new Metrics(release, instance);
const flawed = new Flawed(release);
let stopping = false;

const server = createServer((request, response) => {
  response.setHeader('x-release', release.version);
  response.setHeader('x-instance', instance);
  // The client opens a new connection for its next request, to whoever takes requests then.
  if (stopping) response.setHeader('connection', 'close');
  const path = new URL(request.url ?? '/', 'http://web').pathname;
  const known = around[path];
  if (known) known(response);
  else business(request, response, path).catch(() => response.destroy());
});
// Longer than any proxy keeps its idle connections: the side that asks must be the one that closes.
server.keepAliveTimeout = 75_000;

const around: Record<string, (response: ServerResponse) => void> = {
  '/health': (response) => send(response, { status: 200, json: { status: 'up' } }),
  '/ready': (response) => {
    ready().then(
      (answer) => send(response, answer),
      () => response.destroy(),
    );
  },
  '/version': (response) =>
    send(response, {
      status: 200,
      json: { version: release.version, instance, pid: process.pid, startedAt },
    }),
  '/metrics': (response) =>
    void response
      .writeHead(200, { 'content-type': 'text/plain; version=0.0.4' })
      .end(metrics.text()),
};

async function ready() {
  if (stopping) return refusal(503, 'stopping');
  if (release.flaw === 'never-ready') return refusal(503, 'the cache is being warmed up');
  try {
    const { rows } = await pool.query<{ standby: boolean }>(
      'SELECT pg_is_in_recovery() AS standby',
    );
    const writes = rows[0]?.standby === false && site.writes.problem() === undefined;
    return { status: 200, json: { status: 'ready', writes, writesUnderWay: site.writes.underWay } };
  } catch {
    return refusal(503, 'the database does not answer');
  }
}

async function business(
  request: IncomingMessage,
  response: ServerResponse,
  path: string,
): Promise<void> {
  const begun = performance.now();
  metrics.inFlight += 1;
  try {
    const fails = flawed.before();
    const answer = fails
      ? refusal(500, 'the service could not do it')
      : await api.answer(request, path);
    await flawed.after(performance.now() - begun);
    const unproven = answer.acknowledges ? site.writes.unproven() : undefined;
    send(
      response,
      unproven === undefined
        ? answer
        : refusal(503, `${unproven}; whether this was written is unknown`),
    );
  } catch {
    send(response, refusal(500, 'the service could not do it'));
  } finally {
    metrics.inFlight -= 1;
    metrics.count(response.statusCode, (performance.now() - begun) / 1000);
  }
}

function stop(): void {
  if (stopping) return;
  stopping = true;
  setTimeout(() => {
    server.close(() => process.exit(0));
    server.closeIdleConnections();
    setTimeout(() => process.exit(0), graceMs).unref();
  }, lingerMs);
}
process.once('SIGTERM', stop);
process.once('SIGINT', stop);
whenOwnerEnds(env['WEB_OWNER'], () => process.exit(0));

server.listen(Number(env['WEB_PORT'] ?? 0), '127.0.0.1', () => {
  process.stdout.write(`web ready http://127.0.0.1:${(server.address() as AddressInfo).port}\n`);
});
