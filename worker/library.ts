import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseRunbook } from '../language/runbook-schema.js';
import type { RunbookSpec } from '../language/runbook.js';
import { FileError } from '../language/strict-file.js';
import { ConfigError } from './config.js';

/**
 * Runbooks that are data: each `*.json` file of the folder holds one.
 * @param folder null: none
 * @throws ConfigError that names every file with every mistake
 */
export function readLibrary(folder: string | null, shipped: readonly RunbookSpec[]): RunbookSpec[] {
  if (folder === null) return [];
  const taken = new Set(shipped.map(({ id }) => id));
  const found: RunbookSpec[] = [];
  const problems: string[] = [];
  for (const file of filesOf(folder)) {
    try {
      const runbook = parseRunbook(readFileSync(join(folder, file), 'utf8'), file);
      if (taken.has(runbook.id))
        throw new FileError(`${file}: there is a runbook ${runbook.id} already`);
      taken.add(runbook.id);
      found.push(runbook);
    } catch (error) {
      problems.push(
        ...(error instanceof FileError
          ? error.message
          : `${file}: ${(error as Error).message}`
        ).split('\n'),
      );
    }
  }
  if (problems.length > 0)
    throw new ConfigError(`The runbooks in ${folder} cannot be used:\n  ${problems.join('\n  ')}`);
  return found;
}

function filesOf(folder: string): string[] {
  try {
    return readdirSync(folder)
      .filter((name) => name.endsWith('.json'))
      .sort();
  } catch (error) {
    throw new ConfigError(
      `RUNBOOK_LIBRARY names ${folder}, which cannot be read: ${(error as Error).message}`,
    );
  }
}
