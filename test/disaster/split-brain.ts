import { writeFileSync } from 'node:fs';
import { runningInstance, systemFolder } from '../../lab/web-system/instances.js';
import { monotonicMs, type LeaseFile } from '../../lab/web-system/app/writes.js';
import { databaseState, handOver, withDatabase } from '../../lab/web-system/sites/database.js';
import { end } from '../../lab/web-system/sites/processes.js';
import { placesOf } from '../../lab/web-system/sites/site-config.js';
import type { SiteName, SiteSystem } from '../../lab/web-system/sites/system.js';
import { writeJson } from '../../embedded/files.js';
import { until } from '../../lab/until.js';
import { Intruder } from '../web-system/two-sites.js';
import { cutOff } from './programs.js';
import type { DisasterWorld } from './world.js';

/*
 * A site that nobody reaches is not gone: it stands still, or it runs on, and is back while another
 * one takes its place.
 */

/** Steps after the fence, in one of which the old site is back. */
export const returns = [
  'page',
  'provision/place',
  'configuration',
  'database/restore',
  'files',
  'tiers/promote',
  'tiers/api/start',
  'verify/files',
  'switch/traffic',
  'after/monitor',
] as const;

export interface Returned {
  /**
   * Writes that the old site accepted, of those that were begun after it was cut off or fenced, as
   * those say who wrote.
   */
  accepted: number;
  /**
   * Rows that were committed there after the fence, as its database says; nobody was told so of
   * those that were under way.
   */
  committed: number;
  refused: number;
}

export interface Split {
  from: SiteName;
  to: SiteName;
  /**
   * `frozen`: its processes stand still until it is back; `alive`: it goes on all the time, and
   * only we do not reach it.
   */
  how: 'frozen' | 'alive';
  /** Step in which it is back. */
  step: (typeof returns)[number] | 'fence/epoch';
}

/** Who writes to the old site all the time, and the site, cut off. */
export async function cut({ system }: DisasterWorld, { from, how }: Pick<Split, 'from' | 'how'>) {
  const intruder = await Intruder.start(system, from);
  await until('writes past the entrance', () => Promise.resolve(intruder.accepted > 20));
  const reconnect = cutOff(system, from);
  if (how === 'frozen') system.pauseSite(from);
  return {
    intruder,
    cutAt: Date.now(),
    /** The site is back. */
    back: () => {
      reconnect();
      if (how === 'frozen') system.resumeSite(from);
    },
  };
}

/**
 * What the old site, back again, has accepted since; once it has refused much.
 * @param since milliseconds since 1970
 */
export async function afterFence(
  system: SiteSystem,
  from: SiteName,
  intruder: Intruder,
  { since, fencedAt }: { since: number; fencedAt: string },
): Promise<Returned> {
  const { refused } = intruder;
  await until('attempts at the site that is back', () =>
    Promise.resolve(intruder.refused > refused + 40),
  );
  await until(
    'its database to be a standby',
    async () => (await databaseState(system.config(from))) === 'standby',
  );
  return {
    accepted: intruder.acceptedSince(since),
    committed: await committedAfter(system, from, fencedAt),
    refused: intruder.refused,
  };
}

/** Rows at a site of transactions that were committed after a time. */
export function committedAfter(system: SiteSystem, site: SiteName, time: string): Promise<number> {
  return withDatabase(system.databaseUrl(site), async (client) => {
    const { rows } = await client.query<{ count: number }>(
      `SELECT count(*)::int AS count FROM (
         SELECT xmin FROM customers UNION ALL SELECT xmin FROM orders UNION ALL SELECT xmin FROM files UNION ALL SELECT xmin FROM jobs
       ) AS written (xmin) WHERE pg_xact_commit_timestamp(xmin) > $1`,
      [time],
    );
    return rows[0]?.count ?? 0;
  });
}

/**
 * The guard is off: the site believes that it has the right to write, whatever the witness says.
 */
export async function believeInLease(system: SiteSystem, site: SiteName): Promise<void> {
  const config = system.config(site);
  const keeper = runningInstance(systemFolder(config.folder), 'keeper');
  if (keeper) await end(keeper, 'SIGKILL', 2_000);
  const places = placesOf(config);
  const hour = 3_600_000;
  const { epoch } = await system.witness();
  const lease: LeaseFile = {
    site,
    epoch,
    wallUntil: Date.now() + hour,
    monotonicUntil: monotonicMs() + hour,
  };
  writeJson(places.lease, lease);
  writeFileSync(places.databaseLease, String(lease.wallUntil));
  handOver(places.databaseLease);
}
