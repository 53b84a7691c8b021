import { resolve } from 'node:path';
import type { RunbookSpec } from '../language/runbook.js';

/**
 * The runbooks of this release and those of RUNBOOK_LIBRARY, as a worker with the same settings
 * carries them.
 * @throws ConfigError that names every file of the library that cannot be used
 */
export async function knownRunbooks(env: NodeJS.ProcessEnv): Promise<readonly RunbookSpec[]> {
  const { catalogue } = await import('../workflows/catalogue.js');
  const folder = env['RUNBOOK_LIBRARY'];
  if (!folder) return catalogue;
  const { readLibrary } = await import('../worker/library.js');
  return [...catalogue, ...readLibrary(resolve(folder), catalogue)];
}
