import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { execa } from 'execa';
import { readJson } from '../../../embedded/files.js';
import { asServer, programsVersion, systemIdentifierOf } from './database.js';
import { vaultPlaces, type SiteConfig } from './site-config.js';
import { leadsToNewest, lsnOf } from './wal.js';

/** `backup.json` beside the data of a base backup. */
export interface BackupFile {
  id: string;
  site: string;
  begun: string;
  /** Nothing that was committed later is in it. */
  ended: string;
  systemIdentifier: string;
  version: string;
  timeline: number;
  startLsn: string;
  endLsn: string;
  bytes: number;
  /** SHA-256 of the manifest, which has a digest of each file. */
  digest: string;
  /** Milliseconds that it took, and that its verification took. */
  tookMs: number;
  verifiedMs: number;
}

export interface JudgedBackup {
  id: string;
  takenAt: string | null;
  bytes: number;
  systemIdentifier: string | null;
  version: string | null;
  timeline: number | null;
  good: boolean;
  problem: string | null;
}

export function backupFolder(vault: string, id: string): string {
  return join(vaultPlaces(vault).base, id);
}

/** Newest first; what is half done has another name. */
export function backupIds(vault: string): string[] {
  return readdirSync(vaultPlaces(vault).base)
    .filter((name) => !name.startsWith('.'))
    .sort()
    .reverse();
}

export function readBackup(vault: string, id: string): BackupFile | undefined {
  return readJson<BackupFile>(join(backupFolder(vault, id), 'backup.json'));
}

export function digestOfManifest(data: string): string {
  return createHash('sha256')
    .update(readFileSync(join(data, 'backup_manifest')))
    .digest('hex');
}

/**
 * Reads a base backup from its first byte to its last. Nothing of it is believed before it is
 * checked.
 */
export async function judgeBackup(
  config: SiteConfig,
  id: string,
  maxAgeSeconds = config.maxAgeSeconds,
): Promise<JudgedBackup> {
  const backup = readBackup(config.vault, id);
  const problem = await problemOf(config, id, backup, maxAgeSeconds);
  return {
    id,
    takenAt: backup?.ended ?? null,
    bytes: backup?.bytes ?? 0,
    systemIdentifier: backup?.systemIdentifier ?? null,
    version: backup?.version ?? null,
    timeline: backup?.timeline ?? null,
    good: problem === null,
    problem,
  };
}

async function problemOf(
  config: SiteConfig,
  id: string,
  backup: BackupFile | undefined,
  maxAgeSeconds: number,
): Promise<string | null> {
  const data = join(backupFolder(config.vault, id), 'data');
  if (!existsSync(data) || readdirSync(data).length === 0) return 'it is empty';
  if (!backup) return 'it has no backup.json that can be read: it was never finished';
  const major = (version: string): string => version.split('.')[0] ?? '';
  const onDisk = existsSync(join(data, 'PG_VERSION'))
    ? readFileSync(join(data, 'PG_VERSION'), 'utf8').trim()
    : backup.version;
  const here = programsVersion(config);
  for (const version of [backup.version, onDisk])
    if (major(version) !== major(here))
      return `it is of PostgreSQL ${major(version)}, here is ${major(here)}`;
  const ageSeconds = Math.round((Date.now() - Date.parse(backup.ended)) / 1_000);
  if (ageSeconds > maxAgeSeconds)
    return `it is too old: taken ${ageSeconds} s ago, at most ${maxAgeSeconds} s are allowed`;
  if (!existsSync(join(data, 'backup_manifest'))) return 'its manifest is missing';
  if (digestOfManifest(data) !== backup.digest) return 'its manifest is not what backup.json says';
  const { exitCode, stderr } = await execa(
    join(config.programs, 'pg_verifybackup'),
    ['--quiet', data],
    {
      reject: false,
      env: { LC_ALL: 'C' },
      ...asServer(),
    },
  );
  if (exitCode !== 0) return `pg_verifybackup: ${sentence(stderr)}`;
  if ((await systemIdentifierOf(config, data)) !== backup.systemIdentifier)
    return 'it is of another database system';
  if (!leadsToNewest(config.vault, backup.timeline, lsnOf(backup.endLsn)))
    return 'it is on a timeline that was left';
  return null;
}

function sentence(stderr: string): string {
  const [first = 'it failed'] = stderr.trim().split('\n');
  return first.replace(/^pg_verifybackup: (error: )?/, '');
}
