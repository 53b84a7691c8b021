import { existsSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { execa } from 'execa';
import type pg from 'pg';
import { instantForm, microsOf, readInstant } from '../../../language/instant.js';
import { readJson, writeJson } from '../../../embedded/files.js';
import { backupFolder, judgeBackup, readBackup } from './backup-file.js';
import {
  asServer,
  databaseState,
  databaseUrl,
  lastCommitOf,
  makeWalRun,
  startDatabase,
  stopDatabase,
  superuser,
  systemIdentifierOf,
  withDatabase,
  type Recovery,
} from './database.js';
import { bytesBelow, mustBeOf } from './place.js';
import { placesOf, Refused, type SiteConfig } from './site-config.js';

/** How often progress is told, in milliseconds. */
const sayEveryMs = 2_000;
const pollMs = 50;

export interface RestoredDatabase {
  backup: string;
  systemIdentifier: string | null;
  timeline: number;
  recoveredTo: { lsn: string; time: string | null };
  lastCommit: string | null;
  tookMs: number;
}

/** `restoring.json` and, with its result, `restored.json`. */
interface Wanted {
  backup: string;
  point: string;
}

/**
 * Restores a base backup and recovers it to a point. The database can be read then, and not
 * written; it replays nothing more.
 * @param point `latest`, or an ISO time
 * @param run whose place it must be
 * @throws Refused before anything is touched when the backup is not good, or the place is not empty
 */
export async function restoreDatabase(
  config: SiteConfig,
  wanted: Wanted & { run: string | null; maxAgeSeconds: number },
  say: (line: string) => void,
): Promise<RestoredDatabase> {
  const begun = performance.now();
  const { backup: id, point, run, maxAgeSeconds } = wanted;
  const places = placesOf(config);
  mustBeOf(config, run);
  if (!existsSync(join(places.secrets, 'superuser-password')))
    throw new Refused('the secrets are not there: restore the configuration first');
  const done = readJson<Wanted & { result: RestoredDatabase }>(places.restored);
  const same = (other: Wanted | undefined): boolean =>
    other?.backup === id && other.point === point;
  if (done && same(done) && (await databaseState(config)) !== 'absent') {
    if ((await databaseState(config)) === 'stopped') await startDatabase(config, 'standby');
    return done.result;
  }
  if (existsSync(places.data) && !same(readJson<Wanted>(places.restoring)))
    throw new Refused(
      `${places.data} is not empty, and was not begun by this restore: nothing is done`,
    );
  const time = timeOf(point);
  say(`backup ${id} is verified`);
  const judged = await judgeBackup(config, id, maxAgeSeconds);
  if (!judged.good) throw new Refused(`backup ${id} is not restored: ${judged.problem}`);
  if (time !== null && microsOf(time) < microsOf(judged.takenAt ?? ''))
    throw new Refused(
      `backup ${id} was taken at ${judged.takenAt}, after ${time}: it does not lead there`,
    );
  await stopDatabase(config, 'immediate');
  writeJson(places.restoring, { backup: id, point } satisfies Wanted);
  await unpack(config, id, judged.bytes, say);
  writeJson(places.recovery, { time, lsn: null } satisfies Recovery);
  say('PostgreSQL recovers');
  await startDatabase(config, 'standby');
  const result = await withDatabase(databaseUrl(config, superuser), async (client) => {
    await recovered(config, client, say);
    return {
      backup: id,
      systemIdentifier: await systemIdentifierOf(config, places.data),
      ...(await reached(client)),
    };
  });
  // A restart of the server ends at the same place.
  writeJson(places.recovery, { time: null, lsn: result.recoveredTo.lsn } satisfies Recovery);
  const restored = { ...result, tookMs: Math.round(performance.now() - begun) };
  writeJson(places.restored, { backup: id, point, result: restored });
  rmSync(places.restoring);
  return restored;
}

function timeOf(point: string): string | null {
  if (point === 'latest') return null;
  const read = readInstant(point);
  if ('wrong' in read)
    throw new Refused(`${point} ${read.wrong}: say latest, or an ISO time such as ${instantForm}`);
  return point;
}

/** Beside and renamed into place: half a copy is never taken for the database. */
async function unpack(
  config: SiteConfig,
  id: string,
  bytes: number,
  say: (line: string) => void,
): Promise<void> {
  const places = placesOf(config);
  const half = `${places.data}.new`;
  for (const old of [half, places.data]) rmSync(old, { recursive: true, force: true });
  makeWalRun(config);
  rmSync(join(places.walRun, 'absent'), { force: true });
  const timer = setInterval(() => {
    if (existsSync(half))
      say(`unpacked ${Math.floor(bytesBelow(half) / 2 ** 20)} of ${Math.ceil(bytes / 2 ** 20)} MB`);
  }, sayEveryMs);
  try {
    await execa('cp', ['-a', join(backupFolder(config.vault, id), 'data'), half], {
      cwd: places.database,
      ...asServer(),
    });
  } finally {
    clearInterval(timer);
  }
  // Of the site that the backup is from.
  for (const name of ['site.lease', 'site.drained']) rmSync(join(half, name), { force: true });
  renameSync(half, places.data);
}

/**
 * Waits until recovery has come to its point, or to the end of the WAL in the vault, and holds it
 * there.
 */
async function recovered(
  config: SiteConfig,
  client: pg.Client,
  say: (line: string) => void,
): Promise<void> {
  const absent = join(placesOf(config).walRun, 'absent');
  let before = { lsn: '', asked: '', times: 0 };
  let saidAt = performance.now();
  for (;;) {
    const { rows } = await client.query<{ paused: boolean; lsn: string }>(
      `SELECT pg_get_wal_replay_pause_state() = 'paused' AS paused, pg_last_wal_replay_lsn()::text AS lsn`,
    );
    const { paused = false, lsn = '' } = rows[0] ?? {};
    if (paused) return;
    const asked = segmentsAsked(absent);
    // Asked for the same segment again and again while nothing is replayed any more: this is the
    // end.
    const times = lsn === before.lsn && asked.last === before.asked ? before.times : asked.count;
    if (asked.last !== '' && asked.count >= times + 3) {
      await client.query('SELECT pg_wal_replay_pause()');
      return;
    }
    before = { lsn, asked: asked.last, times };
    if (performance.now() - saidAt > sayEveryMs) {
      say(`recovered to ${lsn}`);
      saidAt = performance.now();
    }
    await delay(pollMs);
  }
}

function segmentsAsked(file: string): { last: string; count: number } {
  if (!existsSync(file)) return { last: '', count: 0 };
  const names = readFileSync(file, 'utf8')
    .split('\n')
    .filter((name) => /^[0-9A-F]{24}$/.test(name));
  return { last: names.at(-1) ?? '', count: names.length };
}

async function reached(
  client: pg.Client,
): Promise<Omit<RestoredDatabase, 'backup' | 'systemIdentifier' | 'tookMs'>> {
  const { rows } = await client.query<{ lsn: string; timeline: number }>(
    'SELECT pg_last_wal_replay_lsn()::text AS lsn, min_recovery_end_timeline AS timeline ' +
      'FROM pg_control_recovery()',
  );
  const lastCommit = await lastCommitOf(client);
  return {
    timeline: rows[0]?.timeline ?? 1,
    recoveredTo: { lsn: rows[0]?.lsn ?? '', time: lastCommit },
    lastCommit,
  };
}

/** The backup that this site was restored from; undefined when it was not. */
export function restoredFrom(config: SiteConfig): ReturnType<typeof readBackup> {
  const done = readJson<Wanted>(placesOf(config).restored);
  return done && readBackup(config.vault, done.backup);
}
