import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import pg from 'pg';
import { programFolder } from '../../worker/config.js';
import { createTestDatabase, type TestDatabase } from '../helpers/database.js';
import { Engine } from '../helpers/engine.js';

/* The example as it is copied from, on two real databases. */

const library = join(import.meta.dirname, '..', '..', 'examples', 'runbooks');
const procedures = join(programFolder, 'workflows', 'index.js');

let engine: Engine;
let shop: TestDatabase;
let scratch: TestDatabase;
let folder: string;
beforeAll(async () => {
  [shop, scratch] = [await createTestDatabase('shop'), await createTestDatabase('scratch')];
  folder = await mkdtemp(join(tmpdir(), 'runbook-backup-'));
  await on(shop, 'CREATE TABLE orders AS SELECT n FROM generate_series(1, 5000) AS n');
  await on(shop, 'CREATE TABLE "odd ""name" (id bigint)');
  const { password } = new URL(shop.url);
  await writeFile(join(folder, 'password'), decodeURIComponent(password), { mode: 0o600 });
  engine = await Engine.start({
    procedures,
    targets: `targets: { shop: ${targetOf(shop)}, scratch: ${targetOf(scratch)} }\n`,
    secrets: `secrets: { db: { from: 'file:${join(folder, 'password')}', targets: [shop, scratch] } }\n`,
    settings: { RUNBOOK_LIBRARY: library },
  });
}, 60_000);
afterAll(async () => {
  await engine?.stop();
  await Promise.all([shop?.drop(), scratch?.drop()]);
  await rm(folder, { recursive: true, force: true });
});

function targetOf({ url }: TestDatabase): string {
  const address = new URL(url);
  address.password = '';
  const postgres = `{ address: '${address.href}', password: db }`;
  return `{ kind: postgres, environment: test, postgres: ${postgres} }`;
}

async function on({ url }: TestDatabase, sql: string): Promise<pg.QueryResult> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return await client.query(sql);
  } finally {
    await client.end();
  }
}

async function start() {
  const inputs = { database: 'shop', scratch: 'scratch', folder };
  const { workflowId } = await engine.run('postgres-backup', inputs);
  return engine.client.workflow.getHandle(workflowId);
}

async function dumps(): Promise<string[]> {
  return (await readdir(folder)).filter((name) => name.endsWith('.dump'));
}

test('a backup counts when its rows are there again, in another database', async () => {
  const run = await start();
  expect(await engine.asksOrEnds(run)).toMatchObject({ state: 'succeeded' });
  expect(await dumps()).toEqual([`${run.workflowId}.dump`]);
  expect((await on(scratch, 'SELECT count(*) FROM orders')).rows).toEqual([{ count: '5000' }]);
}, 90_000);

test('one that cannot be restored is found out, and a rollback removes it', async () => {
  const before = await dumps();
  // Somebody else's view stands in the way of the restore.
  await on(scratch, 'CREATE VIEW theirs AS SELECT n FROM orders');
  const run = await start();
  expect(await engine.asksOrEnds(run)).toMatchObject({
    waitingFor: [{ kind: 'failure', id: 'restore' }],
  });
  expect(await dumps()).toHaveLength(before.length + 1);
  const decision = await engine.decision(run, { verb: 'rollback' });
  expect(await engine.send(run, decision)).toMatchObject({ accepted: true });
  await engine.ended(run);
  expect(await dumps()).toEqual(before);
}, 90_000);
