import { randomBytes } from 'node:crypto';
import pg from 'pg';

/** A copy of a database. */
export interface KeptContent {
  /** Puts the copy back, whoever is connected to the database. */
  restore: () => Promise<void>;
  /** Drops the copy. */
  forget: () => Promise<void>;
}

export interface TestDatabase {
  /** Address of a database of its own. */
  url: string;
  /** Drops the database, whoever is still connected to it. */
  drop(): Promise<void>;
  /** Copies the database, to which nobody may be connected. */
  keep(): Promise<KeptContent>;
}

/**
 * Creates an empty database for one test file on the server of RUNBOOK_TEST_DATABASE_URL.
 * @param name what uses it; part of the database's name
 * @throws Error when no server is given
 */
export async function createTestDatabase(name: string): Promise<TestDatabase> {
  const admin = adminUrl();
  const database = `test_${name
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '_')
    .slice(0, 30)}_${randomBytes(4).toString('hex')}`;
  const kept = `${database}_kept`;
  await asAdmin((client) => client.query(`CREATE DATABASE ${pg.escapeIdentifier(database)}`));
  const url = new URL(admin);
  url.pathname = `/${database}`;
  return {
    url: url.href,
    drop: () => drop(database),
    async keep() {
      await copy(database, kept);
      return { restore: () => copy(kept, database), forget: () => drop(kept) };
    },
  };
}

function drop(database: string): Promise<void> {
  const name = pg.escapeIdentifier(database);
  return asAdmin((client) => client.query(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`));
}

/** Replaces a database by a copy of another one, to which nobody may be connected. */
async function copy(from: string, to: string): Promise<void> {
  await drop(to);
  const [template, name] = [from, to].map((each) => pg.escapeIdentifier(each));
  await asAdmin((client) => client.query(`CREATE DATABASE ${name} TEMPLATE ${template}`));
}

/** Runs statements on the test server as the user of RUNBOOK_TEST_DATABASE_URL. */
export async function asAdmin(work: (client: pg.Client) => Promise<unknown>): Promise<void> {
  const client = new pg.Client({ connectionString: adminUrl() });
  await client.connect();
  try {
    await work(client);
  } finally {
    await client.end();
  }
}

function adminUrl(): string {
  const url = process.env['RUNBOOK_TEST_DATABASE_URL'];
  if (!url) {
    throw new Error(
      'RUNBOOK_TEST_DATABASE_URL is not set. These tests need a PostgreSQL server: run them with "npm test", or give the address of a ' +
        'server on which databases may be created, such as postgres://postgres@127.0.0.1:5432/postgres',
    );
  }
  return url;
}
