import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { checkRunbook } from '../language/runbook-schema.js';
import type { RunbookSpec } from '../language/runbook.js';
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
    const checked = checkFile(join(folder, file));
    if (!checked.ok) problems.push(...checked.problems.map((problem) => `${file}: ${problem}`));
    else if (taken.has(checked.runbook.id)) problems.push(`${file}: there is a runbook ${checked.runbook.id} already`);
    else {
      taken.add(checked.runbook.id);
      found.push(checked.runbook);
    }
  }
  if (problems.length > 0) throw new ConfigError(`The runbooks in ${folder} cannot be used:\n  ${problems.join('\n  ')}`);
  return found;
}

function filesOf(folder: string): string[] {
  try {
    return readdirSync(folder)
      .filter((name) => name.endsWith('.json'))
      .sort();
  } catch (error) {
    throw new ConfigError(`RUNBOOK_LIBRARY names ${folder}, which cannot be read: ${(error as Error).message}`);
  }
}

function checkFile(file: string): ReturnType<typeof checkRunbook> {
  try {
    return checkRunbook(JSON.parse(readFileSync(file, 'utf8')));
  } catch (error) {
    return { ok: false, problems: [(error as Error).message] };
  }
}
