import { readFileSync } from 'node:fs';
import { StepFailure } from './failure.js';

/**
 * A file that a target names for its encryption.
 * @throws StepFailure Configuration when it cannot be read
 */
export function certificatesIn(path: string, target: string): Buffer {
  try {
    return readFileSync(path);
  } catch (error) {
    const { code = '' } = error as NodeJS.ErrnoException;
    throw new StepFailure(
      'Configuration',
      `the certificate file ${path} of target ${target} cannot be read on the worker (${code})`,
      { next: 'Correct `ca` in targets.yaml, or put the file there on every worker.' },
    );
  }
}
