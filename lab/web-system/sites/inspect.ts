import type pg from 'pg';
import { databaseUrl, lastCommitOf, superuser, withDatabase } from './database.js';
import type { SiteConfig } from './site-config.js';

export interface TenantContent {
  customers: number;
  orders: number;
  uploads: number;
  rows: number;
  /** Over all rows, in whatever order they come. */
  checksum: string;
}

export interface Inspection {
  tenants: Record<string, TenantContent>;
  lastCommit: string | null;
  sequencesOk: boolean;
  role: 'primary' | 'standby';
}

const perTenant = `
  SELECT tenants.id AS tenant, kinds.kind, count(digest)::int AS rows, coalesce(sum(digest), 0)::text AS digest FROM tenants
  CROSS JOIN (VALUES ('users'), ('customers'), ('orders'), ('files')) AS kinds (kind)
  LEFT JOIN (
    SELECT tenant, 'users' AS kind, hashtextextended(users::text, 0)::numeric AS digest FROM users
    UNION ALL SELECT tenant, 'customers', hashtextextended(customers::text, 0)::numeric FROM customers
    UNION ALL SELECT tenant, 'orders', hashtextextended(orders::text, 0)::numeric FROM orders
    UNION ALL SELECT tenant, 'files', hashtextextended(files::text, 0)::numeric FROM files
  ) AS contents ON contents.tenant = tenants.id AND contents.kind = kinds.kind
  GROUP BY tenants.id, kinds.kind ORDER BY tenants.id, kinds.kind`;

/** What each tenant has in the database of this site; changes nothing. */
export function inspect(config: SiteConfig): Promise<Inspection> {
  return withDatabase(databaseUrl(config, superuser), async (client) => {
    await client.query('BEGIN TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY');
    const { rows } = await client.query<{
      tenant: string;
      kind: string;
      rows: number;
      digest: string;
    }>(perTenant);
    const tenants: Record<string, TenantContent> = {};
    for (const { tenant, kind, rows: count, digest } of rows) {
      const content = (tenants[tenant] ??= {
        customers: 0,
        orders: 0,
        uploads: 0,
        rows: 0,
        checksum: '',
      });
      if (kind === 'customers' || kind === 'orders') content[kind] = count;
      if (kind === 'files') content.uploads = count;
      content.rows += count;
      content.checksum += `${content.checksum === '' ? '' : '.'}${digest}`;
    }
    return { tenants, lastCommit: await lastCommitOf(client), ...(await rest(client)) };
  });
}

async function rest(client: pg.Client): Promise<Pick<Inspection, 'sequencesOk' | 'role'>> {
  const { rows } = await client.query<{ ok: boolean; standby: boolean }>(
    'SELECT coalesce((SELECT last_value FROM jobs_id_seq) >= (SELECT max(id) ' +
      'FROM jobs), true) AS ok, pg_is_in_recovery() AS standby',
  );
  return {
    sequencesOk: rows[0]?.ok ?? false,
    role: rows[0]?.standby === false ? 'primary' : 'standby',
  };
}
