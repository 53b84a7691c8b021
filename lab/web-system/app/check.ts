import { randomUUID } from 'node:crypto';
import pg from 'pg';
import { customersOf } from './customers.js';
import { placeOrder, readOrder } from './orders.js';
import { thisRelease } from './release.js';

/*
 * Does this release work on the schema of WEB_DATABASE_URL? node check.js: does what the release
 * does, in a transaction that is rolled back. Prints one line of JSON; exit code 0 when it works, 1
 * when it does not.
 */
const release = thisRelease();
const customers = customersOf(release);

async function check(client: pg.Client): Promise<void> {
  const tenant = `check-${randomUUID()}`;
  const customer = { id: 'check', name: 'Ada King Lovelace', revision: 1 };
  await client.query('BEGIN');
  await client.query(`SET LOCAL lock_timeout = '2s'`);
  await client.query(`INSERT INTO tenants (id, name) VALUES ($1, 'check')`, [tenant]);
  await customers.write(client, tenant, customer);
  await customers.write(client, tenant, { ...customer, name: 'Ada Lovelace', revision: 2 });
  const found = await customers.read(client, tenant, customer.id);
  if (found?.name !== 'Ada Lovelace' || found.revision !== 2)
    throw new Error('it reads other than what it wrote');
  await placeOrder(client, tenant, { reference: 'check', customer: customer.id, amount: 1 });
  if ((await readOrder(client, tenant, 'check'))?.amount !== 1)
    throw new Error('it reads other than what it wrote');
  await client.query('ROLLBACK');
}

const client = new pg.Client({
  connectionString: process.env['WEB_DATABASE_URL'],
  application_name: `web check ${release.version}`,
  statement_timeout: 10_000,
});
client.on('error', () => undefined);
let problem: string | null = null;
try {
  await client.connect();
  await check(client);
} catch (error) {
  problem = error instanceof Error ? error.message : String(error);
} finally {
  await client.end().catch(() => undefined);
}
process.stdout.write(
  `${JSON.stringify({ version: release.version, works: problem === null, problem })}\n`,
);
process.exitCode = problem === null ? 0 : 1;
