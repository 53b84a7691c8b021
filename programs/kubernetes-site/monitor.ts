import { untilArchived } from './archive.js';
import { backupIds, judgeBackup } from './backups.js';
import { saveConfiguration } from './configuration.js';
import { saveFiles } from './files.js';
import { runJob } from './jobs.js';
import { kubectlOf } from './kubectl.js';
import { Refused } from './refused.js';
import type { Site } from './verify.js';
import { askWitness, mustHoldEpoch } from './witness.js';

/**
 * A base backup by the CronJob's own means.
 * @param name of the Job: told again with it, none is taken again
 * @returns the newest one, read whole
 */
export async function takeBackup(
  { config, store, database }: Site,
  name: string,
  say: (line: string) => void,
): Promise<{
  id: string;
  takenAt: string | null;
  bytes: number;
  systemIdentifier: string | null;
  timeline: number | null;
}> {
  store.mustWrite();
  await mustHoldEpoch(config);
  const { backupCronJob, backupSeconds } = config.database;
  await runJob(
    config,
    name,
    backupSeconds,
    () => kubectlOf(config).createJob(name, backupCronJob),
    say,
  );
  const [id] = await backupIds(store);
  if (id === undefined)
    throw new Refused(`job ${name} is complete, and there is no backup in the store`);
  const { judged } = await judgeBackup(store, config, id, Number.MAX_SAFE_INTEGER);
  if (!judged.good) throw new Refused(`backup ${id} is not good: ${judged.problem}`);
  const { systemIdentifier, timeline } = await database.state();
  if (judged.systemIdentifier !== systemIdentifier || judged.timeline !== timeline)
    throw new Refused(
      `the newest backup, ${id}, is of another database or ` +
        `timeline (${judged.systemIdentifier}, ${judged.timeline}) ` +
        `than this one (${systemIdentifier}, ${timeline})`,
    );
  const { takenAt, bytes } = judged;
  return { id, takenAt, bytes, systemIdentifier, timeline };
}

/**
 * Makes a site safe that has come up: its keeper renews the lease, configuration and files are
 * saved, and a first base backup is taken on its timeline.
 */
export async function monitor(
  site: Site,
  say: (line: string) => void,
): Promise<{ watching: string; backup: string }> {
  const { config, store, database } = site;
  await mustHoldEpoch(config);
  const { renewedAt, epoch } = await askWitness(config);
  const age = renewedAt === null ? Infinity : Date.now() - Date.parse(renewedAt);
  if (!(age < (config.witness?.leaseSeconds ?? 0) * 1_000))
    throw new Refused(
      `no keeper renews the lease of site ${config.site}: ` +
        'run the verb `keep` beside its database',
    );
  await saveConfiguration(store, config);
  await saveFiles(store, database, config);
  const { id } = await takeBackup(site, `backup-of-epoch-${epoch}`, say);
  return { watching: renewedAt ?? '', backup: id };
}

/**
 * The database takes writes, and its new timeline is in the store.
 * @throws Refused without the epoch
 */
export async function promote({
  config,
  store,
  database,
}: Site): Promise<{ timeline: number; archived: boolean }> {
  await mustHoldEpoch(config);
  await database.promote();
  const { timeline } = await database.state();
  if (config.isolated) return { timeline, archived: false };
  if (timeline > 1) await untilArchived(store, `wal/${historyOf(timeline)}`);
  return { timeline, archived: true };
}

function historyOf(timeline: number): string {
  return `${timeline.toString(16).toUpperCase().padStart(8, '0')}.history`;
}
