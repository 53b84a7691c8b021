import type pg from 'pg';

export const tenants = ['acme', 'globex', 'initech'] as const;
export const seededPerTenant = 400;

/** The name of a seeded customer, for whoever checks an answer. */
export function seededName(index: number): string {
  return `Given${index} van Family${index % 97}`;
}

/**
 * Tenants and their first customers `s1`, `s2`, …, on the schema of release 1. Told again, it
 * changes nothing.
 */
export async function seed(client: pg.Client): Promise<void> {
  for (const tenant of tenants) {
    await client.query(
      `INSERT INTO tenants (id, name) VALUES ($1, initcap($1)) ON CONFLICT DO NOTHING`,
      [tenant],
    );
    await client.query(
      `INSERT INTO customers (tenant, id, full_name, revision)
       SELECT $1, 's' || n, 'Given' || n || ' van Family' || (n % 97), 0 FROM generate_series(1, $2::int) n ON CONFLICT DO NOTHING`,
      [tenant, seededPerTenant],
    );
  }
}
