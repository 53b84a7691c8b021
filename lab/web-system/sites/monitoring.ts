import { join } from 'node:path';
import { runningInstance, systemFolder } from '../instances.js';
import { compiledProgram } from '../programs.js';
import { backupIds, readBackup, type BackupFile } from './backup-file.js';
import { takeBackup } from './base-backup.js';
import { saveConfig } from './config-backup.js';
import { databaseState, databaseUrl, superuser, withDatabase } from './database.js';
import { startDetached } from './processes.js';
import { timelineOf } from './promote.js';
import { placesOf, Refused, type SiteConfig } from './site-config.js';
import { configFileOf } from './tiers.js';

/**
 * Starts to watch this site, saves its configuration, and has a base backup taken here unless the
 * vault has one of its present timeline: from then on it can be restored without what was before.
 */
export async function monitor(
  config: SiteConfig,
  say: (line: string) => void,
): Promise<{ watching: number; backup: string }> {
  if (config.isolated) throw new Refused('an isolated site is not watched: it is torn down');
  if ((await databaseState(config)) !== 'primary')
    throw new Refused('the database is no primary: promote it first');
  const timeline = await withDatabase(databaseUrl(config, superuser), timelineOf);
  saveConfig(config);
  const there = backupIds(config.vault)
    .map((id) => readBackup(config.vault, id))
    .find((backup) => backup?.site === config.site && backup.timeline === timeline);
  const backup: BackupFile = there ?? (await takeBackup(config, say));
  return { watching: (await startMonitor(config)).pid, backup: backup.id };
}

async function startMonitor(config: SiteConfig) {
  const { instances, logs } = placesOf(config);
  return (
    runningInstance(systemFolder(config.folder), 'monitor') ??
    startDetached({
      name: 'monitor',
      program: process.execPath,
      args: [compiledProgram('sites/monitor'), configFileOf(config)],
      file: join(instances, 'monitor.json'),
      log: join(logs, 'monitor.log'),
      ready: 'monitor ready',
    })
  );
}
