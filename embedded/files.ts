import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';

/** Reads JSON that we wrote; undefined when there is none, or only half of one. */
export function readJson<T>(file: string): T | undefined {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as T;
  } catch {
    return undefined;
  }
}

/** Writes JSON for our own eyes only; readers see the old or the new, never half. */
export function writeJson(file: string, value: unknown): void {
  const half = `${file}.${process.pid}`;
  writeFileSync(half, `${JSON.stringify(value, null, 2)}\n`, { mode: 0o600 });
  renameSync(half, file);
}

export function removeFile(file: string): void {
  rmSync(file, { force: true });
}
