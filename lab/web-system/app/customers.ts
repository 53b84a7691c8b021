import { createHash } from 'node:crypto';
import type pg from 'pg';
import type { Release } from './release.js';

export interface Customer {
  id: string;
  name: string;
  revision: number;
}

/** Where one generation of the code keeps customers. */
export interface Customers {
  read(db: pg.Pool | pg.ClientBase, tenant: string, id: string): Promise<Customer | undefined>;
  /**
   * Creates or replaces; the caller counts the revisions, so that the same request twice is the
   * same as once.
   */
  write(db: pg.Pool | pg.ClientBase, tenant: string, customer: Customer): Promise<void>;
}

/** What a client can compute by itself to know that an answer is right. */
export function checksumOf(tenant: string, { id, name, revision }: Customer): string {
  return createHash('sha256')
    .update(`${tenant}/${id}/${name}/${revision}`)
    .digest('hex')
    .slice(0, 16);
}

/**
 * The first word is the given name, the rest the family name; the database's trigger splits in the
 * same way.
 */
export function splitName(name: string): [given: string, family: string] {
  const space = name.indexOf(' ');
  return space < 0 ? [name, ''] : [name.slice(0, space), name.slice(space + 1)];
}

const joinedName = `rtrim(given_name || ' ' || family_name)`;

const readName = (name: string): string =>
  `SELECT id, ${name} AS name, revision FROM customers WHERE tenant = $1 AND id = $2`;
const readFullName = readName('full_name');
const readNames = readName(joinedName);
const readBroken = readName('display_name');

const writeFullName = `INSERT INTO customers (tenant, id, full_name, revision) VALUES ($1, $2, $3, $4)
  ON CONFLICT (tenant, id) DO UPDATE SET full_name = excluded.full_name, revision = excluded.revision`;
const writeBoth = `INSERT INTO customers (tenant, id, full_name, given_name, family_name, revision) VALUES ($1, $2, $3, $4, $5, $6)
  ON CONFLICT (tenant, id) DO UPDATE SET full_name = excluded.full_name, given_name = excluded.given_name,
    family_name = excluded.family_name, revision = excluded.revision`;
const writeNames = `INSERT INTO customers (tenant, id, given_name, family_name, revision) VALUES ($1, $2, $3, $4, $5)
  ON CONFLICT (tenant, id) DO UPDATE SET given_name = excluded.given_name, family_name = excluded.family_name, revision = excluded.revision`;

/** How this release reads and writes customers. */
export function customersOf({ generation, flaw }: Release): Customers {
  const reading =
    flaw === 'needs-schema' ? readBroken : generation === 1 ? readFullName : readNames;
  return {
    async read(db, tenant, id) {
      return (await db.query<Customer>(reading, [tenant, id])).rows[0];
    },
    async write(db, tenant, { id, name, revision }) {
      const [given, family] = splitName(name);
      if (generation === 1) await db.query(writeFullName, [tenant, id, name, revision]);
      else if (generation === 2)
        await db.query(writeBoth, [tenant, id, name, given, family, revision]);
      else await db.query(writeNames, [tenant, id, given, family, revision]);
    },
  };
}
