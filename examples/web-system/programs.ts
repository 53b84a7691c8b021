import { existsSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));

/** The compiled folder of this example, also for code that runs from its sources (tests). */
export const compiledFolder = existsSync(resolve(here, 'programs.js'))
  ? here
  : resolve(here, '../../dist/examples/web-system');

/** A program of this example. */
export function compiledProgram(name: string): string {
  return resolve(compiledFolder, `${name}.js`);
}
