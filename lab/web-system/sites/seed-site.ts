import { createHash } from 'node:crypto';
import type pg from 'pg';
import { hashed } from '../app/sessions.js';
import { keepContent } from '../app/uploads.js';
import { seed, tenants } from '../seed.js';

/** Each tenant has these, beside the customers of `seed`. */
const ordersPerTenant = 100;
const filesPerTenant = 10;
const documentBytes = 8_192;

export interface Login {
  user: string;
  password: string;
}

/**
 * First content of a site: customers, orders, log-ins and files of several tenants. The guard is
 * not there yet.
 */
export async function seedSite(
  client: pg.Client,
  filesFolder: string,
  logins: readonly Login[],
): Promise<void> {
  await seed(client);
  for (const tenant of tenants) {
    for (const { user, password } of logins) {
      const { salt, hash } = await hashed(password);
      await client.query('INSERT INTO users (tenant, name, salt, hash) VALUES ($1, $2, $3, $4)', [
        tenant,
        user,
        salt,
        hash,
      ]);
    }
    await client.query(
      `INSERT INTO orders (tenant, reference, customer, amount)
       SELECT $1, 'seed-' || n, 's' || n, n FROM generate_series(1, $2::int) n`,
      [tenant, ordersPerTenant],
    );
    for (let number = 1; number <= filesPerTenant; number += 1) {
      const bytes = Buffer.from(`${tenant} ${number}\n`.repeat(200));
      const sha256 = createHash('sha256').update(bytes).digest('hex');
      await keepContent(filesFolder, sha256, bytes);
      for (const table of ['files', 'jobs'])
        await client.query(
          `INSERT INTO ${client.escapeIdentifier(table)} (tenant, name, sha256, size) ` +
            'VALUES ($1, $2, $3, $4)',
          [tenant, `seed-${number}.txt`, sha256, bytes.length],
        );
    }
  }
}

/** Documents that do not compress, so that the database is about as large as asked for. */
export async function seedDocuments(client: pg.Client, megabytes: number): Promise<void> {
  await client.query('CREATE TABLE documents (id bigint PRIMARY KEY, body text NOT NULL)');
  await client.query('ALTER TABLE documents ALTER COLUMN body SET STORAGE EXTERNAL');
  await client.query(
    'INSERT INTO documents SELECT n, repeat(md5(n::text), $2::int / 32) ' +
      'FROM generate_series(1, $1::bigint * 1024 * 1024 / $2) n',
    [megabytes, documentBytes],
  );
}
