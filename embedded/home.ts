import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join, resolve, sep } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The folder that holds package.json, whether this runs compiled or from its sources. */
export const projectRoot = rootAbove(dirname(fileURLToPath(import.meta.url)));

/**
 * Where data and downloads live: `RUNBOOK_HOME`, else `.runbook` in a clone, else the user's data
 * folder when the program is installed inside somebody's node_modules.
 */
export function runbookHome(env: NodeJS.ProcessEnv = process.env): string {
  if (env['RUNBOOK_HOME']) return resolve(env['RUNBOOK_HOME']);
  if (!projectRoot.split(sep).includes('node_modules')) return join(projectRoot, '.runbook');
  return join(env['XDG_DATA_HOME'] ?? join(homedir(), '.local', 'share'), 'durable-runbooks');
}

/** Downloaded programs; one place for all homes of a clone, so that nothing is fetched twice. */
export function cacheFolder(env: NodeJS.ProcessEnv = process.env): string {
  return env['RUNBOOK_CACHE']
    ? resolve(env['RUNBOOK_CACHE'])
    : join(runbookHome({ ...env, RUNBOOK_HOME: undefined }), 'cache');
}

export interface HomePaths {
  home: string;
  dev: string;
  /** Where the running `dev` says how to reach it. */
  connection: string;
  processes: string;
  /** What the record was brought back from, where it was. */
  restored: string;
  ports: string;
}

export function homePaths(home: string): HomePaths {
  const dev = join(home, 'dev');
  return {
    home,
    dev,
    connection: join(dev, 'connection.json'),
    processes: join(dev, 'processes.json'),
    restored: join(dev, 'restored.json'),
    ports: join(dev, 'ports.json'),
  };
}

/** A short name for a folder, the same every time. */
export function folderKey(folder: string): string {
  return createHash('sha256').update(folder).digest('hex').slice(0, 12);
}

function rootAbove(start: string): string {
  for (let folder = start; ; folder = dirname(folder)) {
    if (existsSync(join(folder, 'package.json'))) return folder;
    if (folder === dirname(folder)) return start;
  }
}
