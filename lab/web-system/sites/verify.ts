import { readJson } from '../../../embedded/files.js';
import { checksumOf } from '../app/customers.js';
import { sha256Of } from '../app/uploads.js';
import { runningInstance, systemFolder } from '../instances.js';
import { databaseState, databaseUrl, superuser, withDatabase } from './database.js';
import { filesNotThere } from './file-vault.js';
import { inspect } from './inspect.js';
import { Refused, vaultPlaces, type SiteConfig } from './site-config.js';
import { askTier, probe } from './tiers.js';

/*
 * Checks of a site, through its own API and beside it. Each says its numbers, or why it is not
 * well.
 */

const measured = 200;
/** A site is fast enough within this factor of the baseline, or within these milliseconds of it. */
const slowestFactor = 5;
const slowestBesideMs = 25;
/** Files of each tenant that are asked of the API; all are compared on disk. */
const filesAsked = 5;

export interface Speed {
  p50: number;
  p95: number;
  requests: number;
}

type Check = (config: SiteConfig) => Promise<object>;

export const checks: Readonly<Record<string, Check>> = { health, queries, tenants, login, speed };

async function health(config: SiteConfig): Promise<object> {
  const database = await databaseState(config);
  const found: Record<string, string> = { database };
  let writes = false;
  for (const tier of ['api', 'worker', 'frontend'] as const) {
    if (!runningInstance(systemFolder(config.folder), tier)) {
      found[tier] = 'stopped';
      continue;
    }
    for (const path of ['/health', '/ready']) {
      const silent = (error: unknown): { status: number; json: Record<string, unknown> } => ({
        status: 0,
        json: { error: (error as Error).message },
      });
      const { status, json } = await askTier(config, tier, path).catch(silent);
      found[tier] = status === 200 ? 'up' : `${path} says ${status} ${JSON.stringify(json)}`;
      if (status !== 200) break;
      if (tier === 'api' && path === '/ready') writes = json['writes'] === true;
    }
  }
  const up =
    ['primary', 'standby'].includes(database) &&
    [found['api'], found['worker'], found['frontend']].every((each) => each === 'up');
  if (!up) throw new Refused(`not healthy: ${JSON.stringify(found)}`);
  if (database === 'primary' && !writes)
    throw new Refused(
      'the database is a primary, and the API acknowledges ' +
        'no writes: it has no lease, or is drained',
    );
  return { tiers: found, writes };
}

const critical: readonly [name: string, sql: string][] = [
  [
    'orders of known customers',
    'SELECT 1 FROM orders LEFT JOIN customers ON customers.tenant = orders.tenant ' +
      'AND customers.id = orders.customer WHERE customers.id IS NULL',
  ],
  [
    'customers of known tenants',
    'SELECT 1 FROM customers LEFT JOIN tenants ON tenants.id = customers.tenant ' +
      'WHERE tenants.id IS NULL',
  ],
  ['files with a digest', `SELECT 1 FROM files WHERE sha256 !~ '^[0-9a-f]{64}$' OR size < 0`],
  [
    'tenants without customers',
    'SELECT 1 FROM tenants WHERE NOT EXISTS (SELECT 1 FROM customers ' +
      'WHERE customers.tenant = tenants.id)',
  ],
  [
    'tenants without users',
    'SELECT 1 FROM tenants WHERE NOT EXISTS (SELECT 1 FROM users WHERE users.tenant = tenants.id)',
  ],
];

/** Each of them finds nothing in a database that is well. */
async function queries(config: SiteConfig): Promise<object> {
  return withDatabase(databaseUrl(config, superuser), async (client) => {
    const told: { name: string; rows: number; ms: number }[] = [];
    for (const [name, sql] of critical) {
      const begun = performance.now();
      const { rowCount } = await client.query(sql);
      told.push({ name, rows: rowCount ?? 0, ms: rounded(performance.now() - begun) });
    }
    const bad = told.filter(({ rows }) => rows > 0);
    if (bad.length > 0)
      throw new Refused(
        bad.map(({ name, rows }) => `${name}: ${rows} rows are not as they should be`).join('; '),
      );
    return { queries: told };
  });
}

async function tenants(config: SiteConfig): Promise<object> {
  const content = await inspect(config);
  // Which these are, `restore-files` has told; whether to go on without them is not for this
  // program to say.
  const lost = (await filesNotThere(config)).map(({ sha256 }) => sha256);
  if (!content.sequencesOk)
    throw new Refused('a sequence is behind its table: new rows would collide');
  const told: Record<string, object> = {};
  for (const [tenant, { customers, orders, uploads }] of Object.entries(content.tenants)) {
    const token = await tokenOf(config, tenant);
    const asked = await askSample(config, tenant, token, lost);
    told[tenant] = { customers, orders, uploads, asked };
  }
  return { tenants: told, filesLost: lost.length };
}

/** The newest of each kind, through the API, against the database. */
async function askSample(
  config: SiteConfig,
  tenant: string,
  token: string,
  lost: readonly string[],
): Promise<number> {
  const rows = await withDatabase(databaseUrl(config), async (client) => ({
    customers: (
      await client.query<{ id: string }>(
        'SELECT id FROM customers WHERE tenant = $1 ORDER BY changed_at DESC, id LIMIT 5',
        [tenant],
      )
    ).rows,
    orders: (
      await client.query<{ reference: string; amount: number }>(
        'SELECT reference, amount FROM orders WHERE tenant = $1 ' +
          'ORDER BY placed_at DESC, reference LIMIT 5',
        [tenant],
      )
    ).rows,
    files: (
      await client.query<{ name: string; sha256: string }>(
        'SELECT name, sha256 FROM files WHERE tenant = $1 AND sha256 <> ALL ($3) ' +
          'ORDER BY uploaded_at DESC, name LIMIT $2',
        [tenant, filesAsked, lost],
      )
    ).rows,
  }));
  for (const { id } of rows.customers) {
    const customer = (await ask(config, token, `/tenants/${tenant}/customers/${id}`)).json as {
      name: string;
      revision: number;
      checksum: string;
    };
    if (
      customer.checksum !==
      checksumOf(tenant, { id, name: customer.name, revision: customer.revision })
    )
      throw new Refused(`customer ${id} of ${tenant} is not answered as it should be`);
  }
  for (const { reference, amount } of rows.orders) {
    const order = (await ask(config, token, `/tenants/${tenant}/orders/${reference}`)).json as {
      amount?: number;
    };
    if (order.amount !== amount)
      throw new Refused(`order ${reference} of ${tenant} is not answered as it should be`);
  }
  for (const { name, sha256 } of rows.files) {
    const { bytes } = await ask(config, token, `/tenants/${tenant}/files/${name}`);
    if (sha256Of(bytes) !== sha256)
      throw new Refused(`file ${name} of ${tenant} is not answered as it should be`);
  }
  return rows.customers.length + rows.orders.length + rows.files.length;
}

async function login(config: SiteConfig): Promise<object> {
  const { tenants: all } = await inspect(config);
  const names = Object.keys(all);
  const { user, password } = probe(config);
  const told: Record<string, { tokenMs: number }> = {};
  for (const [index, tenant] of names.entries()) {
    const begun = performance.now();
    const token = await tokenOf(config, tenant);
    told[tenant] = { tokenMs: rounded(performance.now() - begun) };
    const wrong = await logIn(config, tenant, user, `${password}x`);
    if (wrong.status !== 401)
      throw new Refused(`${tenant} lets a wrong password in: ${wrong.status}`);
    const other = names[(index + 1) % names.length] ?? tenant;
    const foreign = await request(config, token, `/tenants/${other}/customers/s1`);
    if (other !== tenant && foreign.status !== 403)
      throw new Refused(`a token of ${tenant} is good for ${other}: ${foreign.status}`);
  }
  return { tenants: told };
}

async function speed(config: SiteConfig): Promise<object> {
  const baseline = readJson<Speed>(vaultPlaces(config.vault).baseline);
  if (!baseline) throw new Refused('there is no baseline in the vault: take one while all is well');
  const now = await measureSpeed(config);
  const factor = rounded(now.p50 / Math.max(baseline.p50, 0.001));
  if (factor > slowestFactor && now.p50 > baseline.p50 + slowestBesideMs)
    throw new Refused(
      `it takes ${now.p50} ms, ${factor} times as long as the baseline of ${baseline.p50} ms`,
    );
  return { ...now, baseline: { p50: baseline.p50, p95: baseline.p95 }, factor };
}

/** Reads through the API, one after the other. */
export async function measureSpeed(config: SiteConfig): Promise<Speed> {
  const [tenant = ''] = Object.keys((await inspect(config)).tenants);
  const token = await tokenOf(config, tenant);
  const times: number[] = [];
  for (let count = 0; count < measured; count += 1) {
    const begun = performance.now();
    await ask(config, token, `/tenants/${tenant}/customers/s${1 + (count % 100)}`);
    times.push(performance.now() - begun);
  }
  times.sort((one, other) => one - other);
  const quantile = (share: number): number =>
    rounded(times[Math.floor(share * (times.length - 1))] ?? 0);
  return { p50: quantile(0.5), p95: quantile(0.95), requests: measured };
}

async function tokenOf(config: SiteConfig, tenant: string): Promise<string> {
  const { user, password } = probe(config);
  const { status, json } = await logIn(config, tenant, user, password);
  if (status === 200 && typeof json['token'] === 'string') return json['token'];
  throw new Refused(`${user} of ${tenant} cannot log in: ${status} ${JSON.stringify(json)}`);
}

async function logIn(config: SiteConfig, tenant: string, user: string, password: string) {
  const body = JSON.stringify({ user, password });
  const response = await askApi(config, `/tenants/${tenant}/login`, { method: 'POST', body });
  return { status: response.status, json: (await response.json()) as Record<string, unknown> };
}

async function ask(
  config: SiteConfig,
  token: string,
  path: string,
): Promise<{ bytes: Buffer; json: unknown }> {
  const { status, bytes } = await request(config, token, path);
  if (status !== 200) throw new Refused(`${path} is answered with ${status}`);
  return { bytes, json: path.includes('/files/') ? null : JSON.parse(bytes.toString('utf8')) };
}

async function request(
  config: SiteConfig,
  token: string,
  path: string,
): Promise<{ status: number; bytes: Buffer }> {
  const response = await askApi(config, path, { headers: { authorization: `Bearer ${token}` } });
  return { status: response.status, bytes: Buffer.from(await response.arrayBuffer()) };
}

async function askApi(config: SiteConfig, path: string, init: RequestInit): Promise<Response> {
  try {
    return await fetch(`http://127.0.0.1:${config.ports.api}${path}`, {
      ...init,
      signal: AbortSignal.timeout(10_000),
    });
  } catch (error) {
    throw new Refused(
      'the API does not answer: ' +
        `${((error as Error).cause as Error | undefined)?.message ?? (error as Error).message}`,
    );
  }
}

function rounded(value: number): number {
  return Math.round(value * 1_000) / 1_000;
}
