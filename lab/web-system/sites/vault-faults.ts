import {
  existsSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { execa } from 'execa';
import { contentPath } from '../app/uploads.js';
import { backupFolder, readBackup } from './backup-file.js';
import { jsonLines, writeJsonDurably } from './durable-files.js';
import { vaultPlaces } from './site-config.js';

/*
 * What can become of a vault, for tests and demonstrations: each of it without a word.
 */

export const backupFaults = [
  'one byte changed',
  'truncated',
  'empty',
  'of another version',
  'too old',
] as const;
export type BackupFault = (typeof backupFaults)[number];

/** A second backup like the first, readable by the same account. */
export async function copyBackup(vault: string, id: string, copy: string): Promise<void> {
  await execa('cp', ['-a', backupFolder(vault, id), backupFolder(vault, copy)]);
}

/** Breaks a base backup. */
export function breakBackup(vault: string, id: string, fault: BackupFault): void {
  const folder = backupFolder(vault, id);
  const data = join(folder, 'data');
  const backup = readBackup(vault, id);
  if (!backup) throw new Error(`there is no backup ${id}`);
  switch (fault) {
    case 'one byte changed':
      return flipByte(largestBelow(data));
    case 'truncated': {
      const file = largestBelow(data);
      return truncateSync(file, statSync(file).size >> 1);
    }
    case 'empty':
      for (const name of readdirSync(data)) rmSync(join(data, name), { recursive: true });
      return undefined;
    case 'of another version': {
      const other = String(Number(backup.version.split('.')[0]) - 1);
      writeFileSync(join(data, 'PG_VERSION'), `${other}\n`);
      return writeJsonDurably(join(folder, 'backup.json'), { ...backup, version: `${other}.1` });
    }
    case 'too old': {
      const past = (time: string): string =>
        new Date(Date.parse(time) - 40 * 86_400_000).toISOString();
      const aged = { ...backup, begun: past(backup.begun), ended: past(backup.ended) };
      return writeJsonDurably(join(folder, 'backup.json'), aged);
    }
  }
}

function flipByte(file: string): void {
  const bytes = readFileSync(file);
  const middle = bytes.length >> 1;
  bytes.writeUInt8(bytes.readUInt8(middle) ^ 1, middle);
  writeFileSync(file, bytes);
}

function largestBelow(folder: string): string {
  const files = readdirSync(join(folder, 'base'), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
  const [largest] = files.sort((one, other) => statSync(other).size - statSync(one).size);
  if (largest === undefined) throw new Error(`there is no file below ${folder}`);
  return largest;
}

/** The segments of the vault, oldest first. */
export function walSegments(vault: string): string[] {
  return readdirSync(vaultPlaces(vault).wal)
    .filter((name) => /^[0-9A-F]{24}$/.test(name))
    .sort();
}

export function dropSegment(vault: string, name: string): void {
  for (const each of [name, `${name}.sha256`]) rmSync(join(vaultPlaces(vault).wal, each));
}

/** One byte of a segment is another one. */
export function damageSegment(vault: string, name: string): void {
  flipByte(join(vaultPlaces(vault).wal, name));
}

/**
 * @returns tenant, name and digest of the file whose content is gone now: the one that was shipped
 *   last
 */
export function dropFile(vault: string): { tenant: string; name: string; sha256: string } {
  const { manifest, files } = vaultPlaces(vault);
  const newest = jsonLines<{ tenant: string; name: string; sha256: string }>(manifest)
    .reverse()
    .find(({ sha256 }) => existsSync(contentPath(files, sha256)));
  if (!newest) throw new Error('there is no file in the vault');
  rmSync(contentPath(files, newest.sha256));
  const { tenant, name, sha256 } = newest;
  return { tenant, name, sha256 };
}
