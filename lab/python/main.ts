import { execa } from 'execa';
import { join } from 'node:path';
import { builtIn } from './program.js';

/*
 * `npm run airflow`: Airflow from PyPI in a virtual environment of its own, once. No test does that
 * by itself: it fetches 130 packages.
 */

const python = process.env['PYTHON'] ?? 'python3';
const requirements = join('lab', 'airflow', 'requirements.txt');
const show = { stdio: 'inherit' } as const;

try {
  await execa(python, ['-m', 'venv', builtIn], show);
  await execa(join(builtIn, 'bin', 'pip'), ['install', '--quiet', '-r', requirements], show);
  await execa(join(builtIn, 'bin', 'airflow'), ['version'], show);
} catch {
  process.stderr.write(
    `Airflow was not installed into ${builtIn}: the lines above say why. It needs Python 3.10 to 3.13 with venv; PYTHON names another one.\n`,
  );
  process.exit(1);
}
