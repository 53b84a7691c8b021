import { existsSync } from 'node:fs';
import { delimiter, dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Where `npm run airflow -- build` puts it. */
export const builtIn = join('.runbook', 'cache', 'airflow');

const here = dirname(fileURLToPath(import.meta.url));

/** Starts a server and ends it with its owner; also for tests, which run from their sources. */
export const guard = existsSync(resolve(here, 'guard.js'))
  ? resolve(here, 'guard.js')
  : resolve(here, '../../dist/lab/airflow/guard.js');

/** The Airflow of this machine; null when there is none. */
export function airflowProgram(): string | null {
  const named = process.env['RUNBOOK_AIRFLOW_BIN'];
  if (named === 'none') return null;
  const folders = (process.env['PATH'] ?? '').split(delimiter);
  const all = [
    ...(named ? [named] : []),
    join(process.cwd(), builtIn, 'bin', 'airflow'),
    ...folders.map((folder) => join(folder, 'airflow')),
  ];
  return all.find((file) => existsSync(file)) ?? null;
}
