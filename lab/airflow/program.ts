import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';

/** Where `npm run airflow -- build` puts it. */
export const builtIn = join('.runbook', 'cache', 'airflow');

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
