import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { parseJson } from '../../language/json.js';
import { tiers, type Request, type SiteConfig } from './config.js';
import type { Database, DatabaseState } from './database.js';
import { kubectlOf } from './kubectl.js';
import { readNote, writeNote } from './place.js';
import { Refused } from './refused.js';
import type { Store } from './store.js';
import { each } from './tools.js';
import { askWitness } from './witness.js';

const readySeconds = 20;
const answerMs = 15_000;
/** Of a percentile: below it nobody feels a difference. */
const unfeltMs = 50;

type Tenants = Record<string, Record<string, unknown>>;

export interface Site {
  config: SiteConfig;
  store: Store;
  database: Database;
}

const baselineFile = z.object({
  p50: z.number(),
  p95: z.number(),
  requests: z.number(),
  tenants: z.array(z.string()),
});

export const checks: Record<string, (site: Site) => Promise<object>> = {
  health,
  queries,
  tenants,
  login,
  speed,
};

/**
 * What each tenant has, and how the database stands; on a database that was restored it is kept,
 * for `verify tenants`.
 */
export async function inspect({
  config,
  database,
}: Site): Promise<{ tenants: Tenants } & DatabaseState> {
  const state = await database.state();
  const found = await tenantsOf(config, database);
  if (state.role === 'standby') await writeNote(config, 'inspected', found);
  return { tenants: found, ...state };
}

/** Speed and tenants in good days, for `verify` on a bad one. */
export async function baseline({ config, store, database }: Site): Promise<object> {
  store.mustWrite();
  const now = {
    ...(await measure(config)),
    tenants: Object.keys(await tenantsOf(config, database)),
  };
  await store.write('baseline.json', JSON.stringify(now));
  return now;
}

async function health({ config, database }: Site): Promise<object> {
  const told = await each(tiers, async (tier) => [
    tier,
    await kubectlOf(config).rolledOut(config.tiers[tier].workload, readySeconds),
  ]);
  const bad = told
    .filter(([, why]) => why !== '')
    .map(([tier, why]) => `${tier} is not well: ${why}`);
  if (bad.length > 0) throw new Refused(bad.join('; '));
  await expected(config.health);
  const { role } = await database.state();
  const holds = config.isolated || (await askWitness(config)).site === config.site;
  if (role !== 'primary') throw new Refused('the database takes no writes: it is a standby');
  if (!holds) throw new Refused(`site ${config.site} does not hold the epoch: it may not write`);
  return { tiers: Object.fromEntries(tiers.map((tier) => [tier, 'ready'])), writes: true };
}

async function queries({ config, database }: Site): Promise<object> {
  const told = [];
  for (const [at, { name, sql }] of config.database.queries.entries()) {
    const begun = performance.now();
    told.push({
      name,
      rows: await database.found(`query ${at + 1}`, sql),
      ms: Math.round(performance.now() - begun),
    });
  }
  const bad = told.filter(({ rows }) => rows > 0);
  if (bad.length > 0)
    throw new Refused(
      bad.map(({ name, rows }) => `${name}: ${rows} rows are not as they should be`).join('; '),
    );
  return { queries: told };
}

/** Nothing of what was restored may be less by now, and no tenant of good days may be missing. */
async function tenants({ config, store, database }: Site): Promise<object> {
  const now = await tenantsOf(config, database);
  const restored = (await readNote<Tenants>(config, 'inspected')) ?? {};
  const known = (await readBaseline(store))?.tenants ?? [];
  const problems: string[] = [];
  for (const tenant of new Set([...known, ...Object.keys(restored)])) {
    const found = now[tenant];
    if (!found) problems.push(`tenant ${tenant} is missing`);
    for (const [what, count] of Object.entries(restored[tenant] ?? {})) {
      const has = found?.[what];
      if (typeof count === 'number' && typeof has === 'number' && has < count)
        problems.push(`tenant ${tenant} has ${has} ${what}, and ${count} were restored`);
    }
  }
  if (Object.keys(now).length === 0) problems.push('there is no tenant');
  if (problems.length > 0) throw new Refused(problems.join('; '));
  return { tenants: now };
}

async function login({ config }: Site): Promise<object> {
  const told: Record<string, { status: number; ms: number }> = {};
  for (const request of config.login) {
    const begun = performance.now();
    told[request.name] = {
      status: await expected(request),
      ms: Math.round(performance.now() - begun),
    };
  }
  return { logins: told };
}

async function speed({ config, store }: Site): Promise<object> {
  const now = await measure(config);
  const before = await readBaseline(store);
  const factor = before ? now.p95 / Math.max(before.p95, 1) : null;
  if (before && now.p95 > Math.max(before.p95 * config.speed.factor, unfeltMs))
    throw new Refused(`95 % are answered within ${now.p95} ms, and were within ${before.p95} ms`);
  return { ...now, baseline: before ? { p50: before.p50, p95: before.p95 } : null, factor };
}

async function measure({
  speed: { url, requests },
}: SiteConfig): Promise<{ p50: number; p95: number; requests: number }> {
  const took: number[] = [];
  for (let count = 0; count < requests; count += 1) {
    const begun = performance.now();
    await expected({ name: 'speed', url, method: 'GET', status: 200 });
    took.push(performance.now() - begun);
  }
  took.sort((one, other) => one - other);
  const at = (share: number): number =>
    Math.round((took[Math.min(took.length - 1, Math.floor(share * took.length))] ?? 0) * 10) / 10;
  return { p50: at(0.5), p95: at(0.95), requests };
}

/**
 * @returns its status
 * @throws Refused when it is another one, or there is no answer. What was sent is never told.
 */
async function expected({ name, url, method, bodyFile, status }: Request): Promise<number> {
  let response: Response;
  try {
    response = await fetch(url, {
      method: bodyFile === undefined ? method : 'POST',
      redirect: 'manual',
      signal: AbortSignal.timeout(answerMs),
      ...(bodyFile === undefined
        ? {}
        : { body: readFileSync(bodyFile), headers: { 'content-type': 'application/json' } }),
    });
    await response.arrayBuffer();
  } catch {
    throw new Refused(`${name}: ${url} does not answer`);
  }
  if (response.status !== status)
    throw new Refused(`${name}: ${url} answers ${response.status} instead of ${status}`);
  return status;
}

async function readBaseline(store: Store): Promise<z.infer<typeof baselineFile> | undefined> {
  const text =
    (await store.list('baseline.json')).length > 0 ? await store.read('baseline.json') : undefined;
  return text === undefined ? undefined : baselineFile.parse(parseJson(text));
}

async function tenantsOf(
  { database: { tenants: sql } }: SiteConfig,
  database: Database,
): Promise<Tenants> {
  const rows = await database.rows<Record<string, unknown>>('tenants', sql);
  return Object.fromEntries(
    rows.map(({ tenant, ...counts }) => {
      if (typeof tenant !== 'string')
        throw new Refused(
          'database.tenants of the configuration answers without the column tenant',
        );
      return [tenant, counts];
    }),
  );
}
