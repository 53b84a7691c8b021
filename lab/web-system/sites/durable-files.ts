import { closeSync, fsyncSync, openSync, readFileSync, renameSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';

let written = 0;

/**
 * Replaces a file for good: readers see the old or the new, and the new is on disk when this
 * returns.
 * @param mode 0o644 unless said otherwise
 */
export function writeDurably(file: string, content: string | Buffer, mode = 0o644): void {
  written += 1;
  const half = `${file}.${process.pid}.${written}`;
  const handle = openSync(half, 'w', mode);
  try {
    writeSync(handle, typeof content === 'string' ? Buffer.from(content) : content);
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
  renameSync(half, file);
  syncFolderNow(dirname(file));
}

export function writeJsonDurably(file: string, value: unknown, mode?: number): void {
  writeDurably(file, `${JSON.stringify(value, null, 2)}\n`, mode);
}

export function syncFolderNow(folder: string): void {
  const handle = openSync(folder, 'r');
  try {
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
}

/** The lines of a file that only grows; one that was broken off at its end is left out. */
export function jsonLines<T>(file: string): T[] {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch {
    return [];
  }
  return text
    .slice(0, text.lastIndexOf('\n') + 1)
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as T);
}
