import { existsSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { readJson, writeJson } from '../files.js';

/*
 * What a backup folder holds: one folder to each base backup, named by when it began, with the base
 * backup itself, all WAL since then as it is streamed, and what is known of both.
 */

/**
 * Who a backup is of. A server that was restored has its predecessor's identifier, and a timeline
 * of its own.
 */
export interface Origin {
  systemIdentifier: string;
  timeline: number;
  /** Major version of PostgreSQL. */
  version: number;
}

export interface Backup extends Origin {
  id: string;
  /** ISO time from which on it could be restored. */
  takenAt: string;
}

export interface Places {
  data: string;
  wal: string;
  /** Written last: without it the base backup is not whole. */
  description: string;
  /** Exists while the record goes on without waiting for the backup; holds since when. */
  behind: string;
}

export function placesOf(folder: string, id: string): Places {
  const own = join(folder, id);
  return {
    data: join(own, 'data'),
    wal: join(own, 'wal'),
    description: join(own, 'backup.json'),
    behind: join(own, 'behind.json'),
  };
}

/** Whole backups, newest first. */
export function backupsIn(folder: string): Backup[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .sort()
    .reverse()
    .map((id) => readJson<Backup>(placesOf(folder, id).description))
    .filter((backup): backup is Backup => backup !== undefined);
}

export function describeBackup(folder: string, backup: Backup): void {
  writeJson(placesOf(folder, backup.id).description, backup);
}

/** Leaves the newest whole backup, one before it, and nothing that is half done. */
export function removeOld(folder: string): void {
  const kept = backupsIn(folder)
    .slice(0, 2)
    .map(({ id }) => id);
  for (const id of readdirSync(folder)) {
    // What was half removed when somebody stopped it.
    if (/^\.\d{8}T\d{9}Z$/.test(id)) rmSync(join(folder, id), { recursive: true, force: true });
    if (!/^\d{8}T\d{9}Z$/.test(id) || kept.includes(id)) continue;
    // Renamed first: what is half removed is never taken for a backup.
    const gone = join(folder, `.${id}`);
    renameSync(join(folder, id), gone);
    rmSync(gone, { recursive: true, force: true });
  }
}
