import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';

const everyMs = 1_000;

/** What a library is made of; nothing else in its folders is read by a worker. */
const isRead = (name: string): boolean => /\.(ya?ml|json)$/.test(name);

/** Each such file below the folders, with what tells that it changed. */
function stampsOf(folders: readonly string[]): Map<string, string> {
  const stamps = new Map<string, string>();
  for (const folder of folders) {
    for (const name of namesBelow(folder).filter(isRead)) {
      const file = join(folder, name);
      const found = statSync(file, { throwIfNoEntry: false });
      if (found?.isFile()) stamps.set(file, `${found.ino} ${found.size} ${found.mtimeMs}`);
    }
  }
  return stamps;
}

/** A folder that cannot be read has no files: the worker says so. */
function namesBelow(folder: string): string[] {
  try {
    return readdirSync(folder, { recursive: true, encoding: 'utf8' });
  } catch {
    return [];
  }
}

/**
 * Looks every second whether a file in folders was written, added or removed. Not by the system's
 * notices: they do not come from every file system.
 * @param changed called with one of the files, once they have been as they are for a second
 * @returns stops looking
 */
export function watchFolders(
  folders: readonly string[],
  changed: (file: string) => void,
): () => void {
  if (folders.length === 0) return () => undefined;
  let known = stampsOf(folders);
  let before = known;
  const timer = setInterval(() => {
    const now = stampsOf(folders);
    const file = differing(known, now);
    // An editor or `git pull` may not be done.
    if (file !== undefined && differing(before, now) === undefined) {
      known = now;
      changed(file);
    }
    before = now;
  }, everyMs);
  return () => clearInterval(timer);
}

function differing(
  before: ReadonlyMap<string, string>,
  now: ReadonlyMap<string, string>,
): string | undefined {
  return [...new Set([...before.keys(), ...now.keys()])].find(
    (file) => before.get(file) !== now.get(file),
  );
}
