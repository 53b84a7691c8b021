import { timingSafeEqual } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import pg from 'pg';
import { z } from 'zod';
import { dieAtOnce, faultsSchema } from './faults.js';
import { Jobs, Refusal, type Checkpoint } from './jobs.js';
import { schema } from './schema.js';
import { readSource, truthOf } from './source.js';
import { differences, summarise } from './summary.js';

/*
 * The pipeline's HTTP API, a process of its own: node server.js. Prints `pipeline ready http://…`
 * when it listens.
 */

const env = process.env;
const token = required('PIPELINE_TOKEN');
const name = env['PIPELINE_NAME'] ?? 'flights';
const dataset = name;
const records = readSource(Number(env['PIPELINE_ROWS'] ?? Infinity));

const pool = new pg.Pool({
  connectionString: required('PIPELINE_DATABASE_URL'),
  application_name: 'pipeline api',
  max: 10,
});
pool.on('error', () => undefined);
await createSchema();
const jobs = new Jobs(pool, name, dataset);
await jobs.adoptOrphans();
const orphans = jobs.watchOrphans(1_000);

type Route = (
  request: IncomingMessage,
  parts: string[],
  body: Record<string, unknown>,
) => Promise<{ status?: number; json?: unknown; text?: string }>;

const routes: [string, RegExp, Route][] = [
  [
    'GET',
    /^\/api\/v1\/pipelines\/status$/,
    async () => ({ json: { pipelines: [await jobs.overview()] } }),
  ],
  [
    'POST',
    /^\/api\/v1\/jobs$/,
    async (_, __, body) => ({ status: 202, json: await jobs.start(body['reset'] === true) }),
  ],
  [
    'GET',
    /^\/api\/v1\/jobs\/([^/]+)\/status$/,
    async (_, [id = '']) => ({ json: await jobs.status(id) }),
  ],
  [
    'GET',
    /^\/api\/v1\/jobs\/([^/]+)\/log$/,
    async (_, [id = '']) => ({ text: await jobs.log(id) }),
  ],
  [
    'POST',
    /^\/api\/v1\/jobs\/([^/]+)\/restart$/,
    async (request, [id = ''], body) => {
      const key = request.headers['idempotency-key'];
      const { job, repeated } = await jobs.restart(
        id,
        body['checkpoint'] as Checkpoint | null | undefined,
        typeof key === 'string' ? key : undefined,
      );
      return { status: repeated ? 200 : 202, json: { ...job, repeated } };
    },
  ],
  [
    'POST',
    /^\/api\/v1\/jobs\/([^/]+)\/stop$/,
    async (_, [id = '']) => ({ json: await jobs.stop(id) }),
  ],
  [
    'POST',
    /^\/api\/v1\/restarts\/([^/]+)\/stop$/,
    async (_, [key = '']) => ({ json: await jobs.stopRestarted(key) }),
  ],
  [
    'GET',
    /^\/api\/v1\/datasets\/([^/]+)\/validate$/,
    async (_, [id = '']) => ({ json: await validate(id) }),
  ],
  [
    'POST',
    /^\/api\/v1\/faults$/,
    (_, __, body) => {
      if (env['PIPELINE_FAULTS'] !== '1')
        throw new Refusal(404, 'not-found', 'faults are switched off');
      const faults = faultsSchema.safeParse(body);
      if (!faults.success) throw new Refusal(422, 'no-such-fault', z.prettifyError(faults.error));
      jobs.faults = faults.data;
      return Promise.resolve({ json: jobs.faults });
    },
  ],
];

const server = createServer((request, response) => {
  answer(request, response).catch((error: unknown) => {
    const refusal =
      error instanceof Refusal
        ? error
        : new Refusal(500, 'internal', 'the service could not do it; its database may be away');
    send(response, refusal.status, { error: { code: refusal.code, message: refusal.message } });
  });
});
server.listen(Number(env['PIPELINE_PORT'] ?? 0), '127.0.0.1', () => {
  process.stdout.write(
    `pipeline ready http://127.0.0.1:${(server.address() as AddressInfo).port}\n`,
  );
});
process.once('SIGTERM', () => {
  clearInterval(orphans);
  server.close();
  server.closeAllConnections();
  const exit = (): void => process.exit(0);
  jobs.endAll().then(exit, exit);
});

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const path = new URL(request.url ?? '/', 'http://pipeline').pathname;
  if (path === '/health') return send(response, 200, { status: 'up' });
  if (!authorised(request))
    throw new Refusal(401, 'unauthorised', 'the bearer token is missing or wrong');
  for (const [method, pattern, route] of routes) {
    const match = pattern.exec(path);
    if (!match || request.method !== method) continue;
    const { diesOn } = jobs.faults;
    const isDeadly = diesOn !== undefined && path.includes(diesOn.path);
    if (isDeadly && diesOn.when === 'asked') dieAtOnce();
    const {
      status = 200,
      json,
      text,
    } = await route(request, match.slice(1).map(decodeURIComponent), await bodyOf(request));
    if (isDeadly) dieAtOnce();
    if (text !== undefined)
      response.writeHead(status, { 'content-type': 'text/plain; charset=utf-8' }).end(text);
    else send(response, status, json);
    return;
  }
  throw new Refusal(404, 'not-found', `there is no ${request.method} ${path}`);
}

async function validate(id: string): Promise<object> {
  if (id !== dataset) throw new Refusal(404, 'not-found', `there is no dataset ${id}`);
  const letters = await pool.query<{ seq: number }>(
    'SELECT seq FROM dead_letters WHERE dataset_id = $1',
    [dataset],
  );
  const truth = truthOf(records, new Set(letters.rows.map((row) => row.seq)));
  const found = await summarise(pool, dataset, truth);
  const problems = differences(found, truth);
  return {
    valid: problems.length === 0,
    ...found,
    expectedRows: truth.rows,
    expectedChecksum: truth.checksum,
    problems,
  };
}

function authorised(request: IncomingMessage): boolean {
  const given = Buffer.from(request.headers.authorization ?? '');
  const wanted = Buffer.from(`Bearer ${token}`);
  return given.length === wanted.length && timingSafeEqual(given, wanted);
}

async function bodyOf(request: IncomingMessage): Promise<Record<string, unknown>> {
  let text = '';
  for await (const chunk of request) {
    text += String(chunk);
    if (text.length > 100_000) throw new Refusal(413, 'too-large', 'the request is too large');
  }
  if (text === '') return {};
  try {
    return JSON.parse(text) as Record<string, unknown>;
  } catch {
    throw new Refusal(400, 'no-json', 'the request is no JSON');
  }
}

function send(response: ServerResponse, status: number, json: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(json));
}

/** Two services at once would trip over each other's CREATE TABLE. */
async function createSchema(): Promise<void> {
  const client = await pool.connect();
  try {
    await client.query('BEGIN');
    await client.query(`SELECT pg_advisory_xact_lock(hashtext('pipeline schema'))`);
    await client.query(schema);
    await client.query('COMMIT');
  } finally {
    client.release();
  }
}

function required(setting: string): string {
  const value = env[setting];
  if (value) return value;
  process.stderr.write(`The pipeline cannot start: ${setting} is not set.\n`);
  process.exit(2);
}
