import { existsSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));

/** Starts a server and ends it with its owner; also for tests, which run from their sources. */
export const guard = existsSync(resolve(here, 'guard.js'))
  ? resolve(here, 'guard.js')
  : resolve(here, '../../dist/lab/airflow/guard.js');
