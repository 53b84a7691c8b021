import { appendFileSync, closeSync, fsyncSync, openSync, readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import { refusal, send } from './api.js';
import { whenOwnerEnds } from './owner.js';
import { thisRelease } from './release.js';
import { contentPath, keepContent, sha256Of, type Upload } from './uploads.js';

/*
 * The worker of a site: node worker.js. Takes jobs from their table; for each upload it checks the
 * content against its digest and ships it to the vault. Settings by environment: WEB_DATABASE_URL,
 * WEB_INSTANCE, WEB_PORT, WEB_OWNER, WEB_FILES, WEB_SITE, and WEB_VAULT unless nothing is to be
 * shipped. Prints `web ready http://…`.
 */
const env = process.env;
const release = thisRelease();
const files = env['WEB_FILES'] ?? '';
const vault = env['WEB_VAULT'];
const batchSize = 50;
const idleMs = 150;

interface Job extends Upload {
  id: string;
  tenant: string;
}

const pool = new pg.Pool({
  connectionString: env['WEB_DATABASE_URL'],
  application_name: `web worker ${release.version}`,
  max: 2,
  connectionTimeoutMillis: 5_000,
  statement_timeout: 10_000,
});
pool.on('error', () => undefined);

let done = 0;
let problem: string | null = null;
let stopping = false;

/**
 * Takes some jobs and does them; who dies in between has done nothing, and shipping twice is the
 * same as once.
 */
async function work(): Promise<number> {
  const client = await pool.connect();
  try {
    await client.query('BEGIN');
    const { rows: jobs } = await client.query<Job>(
      'SELECT id, tenant, name, sha256, size FROM jobs WHERE done_at IS NULL ' +
        'ORDER BY id LIMIT $1 FOR UPDATE SKIP LOCKED',
      [batchSize],
    );
    const found: (string | null)[] = [];
    for (const job of jobs) found.push(await ship(job));
    if (vault !== undefined && jobs.length > 0)
      note(
        vault,
        jobs.filter((_, index) => found[index] === null),
      );
    await client.query(
      `UPDATE jobs SET done_at = clock_timestamp(), problem = done.problem
       FROM unnest($1::bigint[], $2::text[]) AS done (id, problem) WHERE jobs.id = done.id`,
      [jobs.map(({ id }) => id), found],
    );
    await client.query('COMMIT');
    done += jobs.length;
    return jobs.length;
  } catch (error) {
    await client.query('ROLLBACK').catch(() => undefined);
    throw error;
  } finally {
    client.release();
  }
}

/** @returns what is wrong with the content; null when it is as it should be, and in the vault */
async function ship({ tenant, name, sha256 }: Job): Promise<string | null> {
  const bytes = await readFile(contentPath(files, sha256)).catch(() => undefined);
  if (!bytes) return `the content of ${tenant}/${name} is not there`;
  if (sha256Of(bytes) !== sha256)
    return `the content of ${tenant}/${name} is not what its row says`;
  if (vault === undefined) return null;
  const [writer] = readFileSync(join(vault, 'writer'), 'utf8').split(' ');
  if (writer !== env['WEB_SITE']) throw new Error(`the vault takes files of site ${writer} now`);
  await keepContent(join(vault, 'files'), sha256, bytes);
  return null;
}

/** One line of the vault's manifest for each file, on disk when this returns. */
function note(folder: string, jobs: readonly Job[]): void {
  const at = new Date().toISOString();
  const file = openSync(join(folder, 'files', 'manifest.jsonl'), 'a', 0o644);
  try {
    const lines = jobs.map(
      ({ tenant, name, sha256, size }) => `${JSON.stringify({ at, tenant, name, sha256, size })}\n`,
    );
    appendFileSync(file, lines.join(''));
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}

async function loop(): Promise<void> {
  while (!stopping) {
    try {
      if ((await work()) === 0) await delay(idleMs);
      problem = null;
    } catch (error) {
      problem = error instanceof Error ? error.message : String(error);
      await delay(2 * idleMs);
    }
  }
  process.exit(0);
}

const server = createServer((request, response) => {
  const { pathname } = new URL(request.url ?? '/', 'http://worker');
  if (pathname === '/health')
    send(response, { status: 200, json: { status: 'up', done, problem } });
  else if (pathname === '/ready')
    pool
      .query<{ waiting: number }>('SELECT count(*)::int AS waiting FROM jobs WHERE done_at IS NULL')
      .then(
        ({ rows }) =>
          send(response, {
            status: 200,
            json: { status: 'ready', waiting: rows[0]?.waiting ?? 0, done, problem },
          }),
        () => send(response, refusal(503, 'the database does not answer')),
      );
  else if (pathname === '/version')
    send(response, { status: 200, json: { version: release.version, pid: process.pid } });
  else send(response, refusal(404, `there is no ${pathname}`));
});
for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => (stopping = true));
whenOwnerEnds(env['WEB_OWNER'], () => process.exit(0));
server.listen(Number(env['WEB_PORT'] ?? 0), '127.0.0.1', () => {
  process.stdout.write(`web ready http://127.0.0.1:${(server.address() as AddressInfo).port}\n`);
});
await loop();
