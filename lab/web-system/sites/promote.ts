import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type pg from 'pg';
import {
  databaseState,
  databaseUrl,
  startDatabase,
  stopDatabase,
  superuser,
  withDatabase,
} from './database.js';
import { placesOf, Refused, vaultPlaces, type SiteConfig } from './site-config.js';
import { holdsEpoch, startKeeper } from './tiers.js';

const limitMs = 60_000;

/**
 * Lets the restored database be written, on a timeline of its own; told again, it says which.
 * @throws Refused when the site does not hold the epoch
 */
export async function promote(
  config: SiteConfig,
  say: (line: string) => void,
): Promise<{ timeline: number; archived: boolean }> {
  const places = placesOf(config);
  if (!config.isolated) {
    if (!(await holdsEpoch(config)))
      throw new Refused(
        'this site does not hold the epoch, or the witness cannot be asked: it stays read-only',
      );
    const [writer] = readFileSync(vaultPlaces(config.vault).writer, 'utf8').split(' ');
    if (writer !== config.site)
      throw new Refused(`the vault takes the WAL of site ${writer}: fence it first`);
  }
  const state = await databaseState(config);
  if (state === 'absent' || state === 'stopped')
    throw new Refused(`the database is ${state}: restore or start it first`);
  await startKeeper(config);
  if (state === 'standby') {
    // The vault goes on filling while a drill is under way: a restart holds the recovery exactly
    // where it was checked.
    if (config.isolated && existsSync(places.recovery)) {
      await stopDatabase(config);
      await startDatabase(config, 'standby');
    }
    say('the database is promoted');
    await withDatabase(databaseUrl(config, superuser), (client) =>
      client.query('SELECT pg_promote(true, 60)'),
    );
  }
  rmSync(places.recovery, { force: true });
  const timeline = await withDatabase(databaseUrl(config, superuser), timelineOf);
  if (config.isolated) return { timeline, archived: false };
  const history = `${timeline.toString(16).toUpperCase().padStart(8, '0')}.history`;
  const { wal } = vaultPlaces(config.vault);
  const endAt = Date.now() + limitMs;
  // Timeline 1 has no history.
  while (timeline > 1 && !readdirSync(wal).includes(history)) {
    if (Date.now() > endAt)
      throw new Refused(
        `the new timeline ${timeline} has not come into the vault: look at ` +
          `${join(places.logs, 'database.log')}`,
      );
    await delay(50);
  }
  return { timeline, archived: true };
}

/** Of a primary. */
export async function timelineOf(client: pg.Client): Promise<number> {
  const { rows } = await client.query<{ name: string }>(
    'SELECT pg_walfile_name(pg_current_wal_lsn()) AS name',
  );
  return parseInt((rows[0]?.name ?? '1').slice(0, 8), 16);
}
