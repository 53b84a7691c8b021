import type { SiteConfig } from './config.js';
import { instantForm, microsOf, readInstant } from '../../language/instant.js';
import { judgeBackup } from './backups.js';
import { waitFor, type Database, type Replay } from './database.js';
import { jobFrom, runJob } from './jobs.js';
import { kubectlOf } from './kubectl.js';
import { digestOf, mustBeOf, readNote, writeNote } from './place.js';
import { Refused } from './refused.js';
import { install } from './releases.js';
import type { Store } from './store.js';

interface Wanted {
  backup: string;
  point: string;
}

interface RestoredDatabase {
  backup: string;
  systemIdentifier: string;
  timeline: number;
  recoveredTo: { lsn: string; time: string | null };
  lastCommit: string | null;
  tookMs: number;
}

/** Where a WAL segment that was asked for may be late: so many times as long as usual is waited. */
const patience = 6;

/**
 * Restores a base backup by a Job, starts the database on it as a standby, and holds it where it
 * has come to.
 * @param point `latest`, or an ISO time
 * @throws Refused before anything is touched when the backup is not good, or another one is there
 */
export async function restoreDatabase(
  { config, store, database }: { config: SiteConfig; store: Store; database: Database },
  { backup, point, run, maxAgeSeconds }: Wanted & { run: string | null; maxAgeSeconds: number },
  say: (line: string) => void,
): Promise<RestoredDatabase> {
  const begun = performance.now();
  if (!/^[\w.-]+$/.test(backup))
    throw new Refused('say which backup: restore-database BACKUP latest|AT');
  const target = targetOf(point);
  await mustBeOf(config, run);
  const same = (other: Wanted): boolean => other.backup === backup && other.point === point;
  const done = await readNote<Wanted & { result: RestoredDatabase }>(config, 'restored');
  if (done && same(done)) {
    await install(config, config.tiers.database, say);
    return done.result;
  }
  const half = done ?? (await readNote<Wanted>(config, 'restoring'));
  if (half && !same(half))
    throw new Refused(
      `backup ${half.backup} was restored here, up to ${half.point}: nothing is done`,
    );
  say(`backup ${backup} is verified`);
  const { judged } = await judgeBackup(store, config, backup, maxAgeSeconds);
  if (!judged.good) throw new Refused(`backup ${backup} is not restored: ${judged.problem}`);
  if (target !== '' && microsOf(target) < microsOf(judged.takenAt ?? ''))
    throw new Refused(
      `backup ${backup} was taken at ${judged.takenAt}, after ${target}: it does not lead there`,
    );
  await writeNote(config, 'restoring', { backup, point } satisfies Wanted);

  const name = `restore-${digestOf([backup, point])}`;
  const { bucket, prefix } = config.store;
  const env = {
    RESTORE_BACKUP: backup,
    RESTORE_TARGET: target,
    RESTORE_STORE: `s3://${bucket}/${prefix}`,
  };
  const { restoreJob, restoreSeconds } = config.database;
  await runJob(
    config,
    name,
    restoreSeconds,
    () => kubectlOf(config).create(jobFrom(restoreJob, name, env)),
    say,
  );
  await install(config, config.tiers.database, say);
  const held = await replayed(config, database, say);
  const { systemIdentifier } = await database.state();
  const result = {
    backup,
    systemIdentifier,
    timeline: held.timeline,
    recoveredTo: { lsn: held.lsn ?? '', time: held.lastCommit },
    lastCommit: held.lastCommit,
    tookMs: Math.round(performance.now() - begun),
  };
  await writeNote(config, 'restored', { backup, point, result });
  return result;
}

/**
 * Waits until it is paused at its point, or until nothing is replayed any more; then it is held
 * there.
 */
async function replayed(
  config: SiteConfig,
  database: Database,
  say: (line: string) => void,
): Promise<Replay> {
  const { settleSeconds, restoreSeconds } = config.database;
  let last: Replay | undefined;
  let since = performance.now();
  let asked = false;
  await waitFor('the database to replay its WAL', restoreSeconds, async () => {
    const now = await database.replay();
    const moved = now.lsn !== last?.lsn;
    if (moved) {
      since = performance.now();
      say(`replayed to ${now.lsn ?? 'nothing yet'}`);
    }
    last = now;
    const settledMs = settleSeconds * 1_000 * (now.lastCommit === null ? patience : 1);
    if (!now.paused && !asked && performance.now() - since >= settledMs) {
      await database.pause();
      asked = true;
    }
    return now.paused;
  });
  // It may have gone on between the last look and the pause.
  return database.replay();
}

/** @returns '' for as far as possible */
function targetOf(point: string): string {
  if (point === 'latest') return '';
  const read = readInstant(point);
  if ('wrong' in read)
    throw new Refused(`${point} ${read.wrong}: say latest, or an ISO time such as ${instantForm}`);
  return point;
}
