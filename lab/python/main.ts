import { execa } from 'execa';
import { join } from 'node:path';
import { environmentOf, programs, type Program } from './program.js';

/*
 * `npm run airflow` and `npm run dbt`: the program from PyPI in a virtual environment of its own,
 * once. No test does that by itself: Airflow alone is 130 packages.
 */

const python = process.env['PYTHON'] ?? 'python3';
const show = { stdio: 'inherit' } as const;

const names = Object.keys(programs) as Program[];
const program = names.find((name) => name === process.argv[2]);
if (!program) {
  process.stderr.write(`Name what is to be installed: ${names.join(' or ')}.\n`);
  process.exit(2);
}
const folder = environmentOf(program);
const requirements = join('lab', program, 'requirements.txt');
try {
  await execa(python, ['-m', 'venv', folder], show);
  await execa(join(folder, 'bin', 'pip'), ['install', '--quiet', '-r', requirements], show);
  await execa(join(folder, 'bin', program), [programs[program]], show);
} catch {
  process.stderr.write(
    `${program} was not installed into ${folder}: the lines above say why. ` +
      'It needs Python 3.10 to 3.13 with venv; PYTHON names another one.\n',
  );
  process.exit(1);
}
