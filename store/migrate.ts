import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import type pg from 'pg';
import { judgeSchema, type AppliedMigration, type SchemaStatus } from './schema-range.js';
import { inTransaction } from './transaction.js';

/** Any number, but the same in every release: the holder of this lock migrates. */
const lockNumber = 7_302_114_558;
/** Milliseconds that one migration, or the wait for another worker's, may take. */
const migrationMs = 600_000;

export interface Migration extends AppliedMigration {
  /** File name, such as `0001-the-record.sql`. */
  name: string;
  sql: string;
  /** Hex SHA-256 of the file. */
  checksum: string;
}

/** A migration in the database that is not the one this release ships under the same number. */
export class MigrationMismatch extends Error {}

/**
 * The migrations that this release ships, in order.
 * @throws Error when a file has no `-- breaking: yes|no` line or numbers are not 1, 2, 3…: a
 *   mistake of the release
 */
export function readMigrations(
  folder: URL = new URL('./migrations/', import.meta.url),
): Migration[] {
  const names = readdirSync(folder)
    .filter((name) => name.endsWith('.sql'))
    .sort();
  return names.map((name, index) => {
    const sql = readFileSync(new URL(name, folder), 'utf8');
    const breaking = /^-- breaking: (yes|no)$/m.exec(sql)?.[1];
    const version = Number(/^(\d{4})-/.exec(name)?.[1]);
    if (!breaking || version !== index + 1)
      throw new Error(
        `migration ${name} has no "-- breaking: yes|no" line, or a number out of order`,
      );
    return {
      name,
      version,
      breaking: breaking === 'yes',
      sql,
      checksum: createHash('sha256').update(sql).digest('hex'),
    };
  });
}

/**
 * Brings the record to this release's schema; safe when any number of workers start at once: one
 * migrates, all or nothing, the others wait and find it done. A newer schema is left as it is;
 * `checkSchema` says whether this release may work with it.
 * @returns the schema before and after
 * @throws MigrationMismatch
 */
export async function migrate(
  pool: pg.Pool,
  migrations: readonly Migration[] = readMigrations(),
): Promise<{ from: number; to: number }> {
  // Nearly every start finds nothing to do; it should not wait for a lock to learn that.
  const before = await readApplied(pool);
  if (missing(before, migrations).length === 0) return { from: newest(before), to: newest(before) };

  return inTransaction(pool, async (client) => {
    await client.query("SELECT set_config('statement_timeout', $1, true)", [String(migrationMs)]);
    await client.query(slowQuery('SELECT pg_advisory_xact_lock($1)', [lockNumber]));
    await prepare(client);
    const applied = await readApplied(client);
    for (const migration of missing(applied, migrations)) {
      await client.query(slowQuery(migration.sql));
      await client.query({
        name: 'migrations-insert',
        text:
          'INSERT INTO runbook.schema_migrations (version, name, checksum, breaking) ' +
          'VALUES ($1, $2, $3, $4)',
        values: [migration.version, migration.name, migration.checksum, migration.breaking],
      });
    }
    return { from: newest(applied), to: newest(await readApplied(client)) };
  });
}

/** Whether this release may work with the database as it is, and what to do when not. */
export async function checkSchema(pool: pg.Pool): Promise<SchemaStatus> {
  const applied = await readApplied(pool);
  const status = judgeSchema(applied);
  const foreign = foreignTo(readMigrations(), applied);
  return foreign === null ? status : { ...status, ok: false, message: foreign };
}

interface Applied extends AppliedMigration {
  name: string;
  checksum: string;
}

/** A query that may take longer than the pool allows others. */
function slowQuery(text: string, values?: unknown[]): pg.QueryConfig & { query_timeout: number } {
  return { text, ...(values ? { values } : {}), query_timeout: migrationMs };
}

async function prepare(client: pg.PoolClient): Promise<void> {
  // CREATE SCHEMA IF NOT EXISTS needs a privilege even when the schema already exists.
  const { rows } = await client.query<{ there: boolean }>(
    "SELECT to_regnamespace('runbook') IS NOT NULL AS there",
  );
  if (!rows[0]?.there) await client.query('CREATE SCHEMA runbook');
  await client.query(`CREATE TABLE IF NOT EXISTS runbook.schema_migrations (
    version    integer PRIMARY KEY,
    name       text NOT NULL,
    checksum   text NOT NULL,
    breaking   boolean NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now()
  )`);
}

async function readApplied(db: pg.Pool | pg.PoolClient): Promise<Applied[]> {
  const { rows } = await db.query<{ there: boolean }>(
    "SELECT to_regclass('runbook.schema_migrations') IS NOT NULL AS there",
  );
  if (!rows[0]?.there) return [];
  const applied = await db.query<Applied>(
    'SELECT version, name, checksum, breaking FROM runbook.schema_migrations ORDER BY version',
  );
  return applied.rows;
}

function missing(applied: readonly Applied[], migrations: readonly Migration[]): Migration[] {
  const foreign = foreignTo(migrations, applied);
  if (foreign !== null) throw new MigrationMismatch(foreign);
  return migrations.filter(
    (migration) => !applied.some((candidate) => candidate.version === migration.version),
  );
}

/** Says which applied migration is not the one that ships under its number; null: all are. */
function foreignTo(migrations: readonly Migration[], applied: readonly Applied[]): string | null {
  for (const mine of migrations) {
    const theirs = applied.find((candidate) => candidate.version === mine.version);
    if (theirs && theirs.checksum !== mine.checksum) {
      return (
        "The record's schema was made by another release: its " +
        `migration ${theirs.name} is not the ${mine.name} of ` +
        'this one. Use the release that made it or a later ' +
        'one, or give this release a database of its own.'
      );
    }
  }
  return null;
}

function newest(applied: readonly AppliedMigration[]): number {
  return Math.max(0, ...applied.map((migration) => migration.version));
}
