import { existsSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));

/** The compiled folder of this system, also for code that runs from its sources (tests). */
export const compiledFolder = existsSync(resolve(here, 'programs.js'))
  ? here
  : resolve(here, '../../dist/lab/web-system');

/** A program of this system. */
export function compiledProgram(name: string): string {
  return resolve(compiledFolder, `${name}.js`);
}
