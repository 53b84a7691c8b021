import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { sql } from '../../activities/sql.js';
import { findPostgres } from '../../embedded/binaries.js';
import { cacheFolder } from '../../embedded/home.js';
import { startPostgres, type Postgres } from '../../embedded/postgres.js';
import { failureOf, World } from './world.js';

/*
 * A target on a server of its own, which crashes while the record goes on.
 */
let folder: string;
let server: Postgres;
let world: World;

const start = async (port?: number): Promise<Postgres> =>
  startPostgres({ programs: await findPostgres(cacheFolder()), folder: join(folder, 'postgres'), port, databases: ['target'] });

async function asked<T extends pg.QueryResultRow>(text: string, times = 1): Promise<T[]> {
  const client = new pg.Client(server.url('target'));
  await client.connect();
  try {
    for (let time = 1; time < times; time += 1) await client.query(text);
    return (await client.query<T>(text)).rows;
  } finally {
    await client.end();
  }
}

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'runbook-crash-'));
  // A server that root starts runs as another user.
  chmodSync(folder, 0o755);
  server = await start();
  await asked('CREATE TABLE t (id integer)');
  await asked('CREATE TABLE other (id integer)');
  const url = new URL(server.url('target'));
  const password = decodeURIComponent(url.password);
  url.password = '';
  world = new World(
    { db: { kind: 'x', environment: 'test', postgres: { address: url.href, password: 'password' } } },
    { password: { from: 'file:password', targets: ['db'] } },
  );
  world.secret('password', password);
}, 60_000);
afterAll(async () => {
  world?.remove();
  await server?.stop();
  rmSync(folder, { recursive: true, force: true });
});

test('it crashes between the evidence and COMMIT: what it says later of other transactions is not taken for ours', async () => {
  const context = world.context({
    keepEvidence: async () => {
      await server.server.stop('SIGQUIT');
      server = await start(server.port);
      // Transactions of others, which are committed under the next ids.
      await asked('INSERT INTO other VALUES (1)', 50);
      return true;
    },
  });
  const failure = await failureOf(
    sql({ kind: 'sql', target: 'db', statements: [{ text: 'INSERT INTO t VALUES (1)' }] }, context),
  );
  expect(failure).toMatchObject({ type: 'SqlTransient', message: expect.stringContaining('rolled back') });
  expect(await asked('SELECT id FROM t')).toEqual([]);
}, 60_000);
