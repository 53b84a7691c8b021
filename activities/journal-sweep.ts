import { readdir, rmdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { Journal } from './journal.js';

/** How long the journal of an ended command is kept, and how much disk all of them may take. */
const journalLimits = { ageMs: 7 * 24 * 3_600_000, bytes: 2 * 1024 ** 3 };

interface Ended {
  folder: string;
  endedAt: number;
  bytes: number;
}

/**
 * Removes journals of ended commands that are too old, and the oldest while all together are too
 * large. A journal without an outcome stays: its command may still run.
 * @returns how many were removed
 */
export async function sweepJournals(
  root: string,
  limits = journalLimits,
  now = Date.now(),
): Promise<number> {
  const ended = (await endedJournals(root)).sort((a, b) => b.endedAt - a.endedAt);
  let bytes = 0;
  let removed = 0;
  for (const { folder, endedAt, bytes: size } of ended) {
    bytes += size;
    if (now - endedAt <= limits.ageMs && bytes <= limits.bytes) continue;
    new Journal(folder).remove();
    removed += 1;
  }
  // rmdir fails for a folder that still holds a journal.
  for (const step of await foldersIn(root)) await rmdir(step).catch(() => undefined);
  return removed;
}

async function endedJournals(root: string): Promise<Ended[]> {
  const found: Ended[] = [];
  for (const step of await foldersIn(root)) {
    for (const folder of await foldersIn(step)) {
      const outcome = await stat(join(folder, 'outcome.json')).catch(() => undefined);
      if (outcome) found.push({ folder, endedAt: outcome.mtimeMs, bytes: await sizeOf(folder) });
    }
  }
  return found;
}

async function foldersIn(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => []);
  return entries.filter((entry) => entry.isDirectory()).map((entry) => join(folder, entry.name));
}

async function sizeOf(folder: string): Promise<number> {
  const sizes = await Promise.all(
    (await readdir(folder).catch(() => [])).map((name) =>
      stat(join(folder, name)).then(
        ({ size }) => size,
        () => 0,
      ),
    ),
  );
  return sizes.reduce((sum, size) => sum + size, 0);
}
