import { afterAll, beforeAll, expect, test } from '@jest/globals';
import pg from 'pg';
import { sql } from '../../activities/sql.js';
import { OwnPostgres } from '../helpers/own-postgres.js';
import { failureOf, World } from '../kinds/world.js';

/*
 * A target on a server of its own, which crashes while the record goes on.
 */
let server: OwnPostgres;
let world: World;

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
  server = await OwnPostgres.start('target');
  await asked('CREATE TABLE t (id integer)');
  await asked('CREATE TABLE other (id integer)');
  const url = new URL(server.url('target'));
  const password = decodeURIComponent(url.password);
  url.password = '';
  world = new World(
    {
      db: { kind: 'x', environment: 'test', postgres: { address: url.href, password: 'password' } },
    },
    { password: { from: 'file:password', targets: ['db'] } },
  );
  world.secret('password', password);
}, 60_000);
afterAll(async () => {
  world?.remove();
  await server?.stop();
});

test('it crashes between the evidence and COMMIT: what it says later of other transactions is not taken for ours', async () => {
  const context = world.context({
    keepEvidence: async () => {
      await server.restart('SIGQUIT');
      // Transactions of others, which are committed under the next ids.
      await asked('INSERT INTO other VALUES (1)', 50);
      return true;
    },
  });
  const failure = await failureOf(
    sql({ kind: 'sql', target: 'db', statements: [{ text: 'INSERT INTO t VALUES (1)' }] }, context),
  );
  expect(failure).toMatchObject({
    type: 'SqlTransient',
    message: expect.stringContaining('rolled back'),
  });
  expect(await asked('SELECT id FROM t')).toEqual([]);
}, 60_000);
