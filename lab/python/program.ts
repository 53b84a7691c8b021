import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';

/** What the labs run from PyPI, and the argument that makes it tell its version. */
export const programs = { airflow: 'version', dbt: '--version' } as const;
export type Program = keyof typeof programs;

/** The virtual environment that `npm run airflow` or `npm run dbt` makes. */
export function environmentOf(program: Program): string {
  return join('.runbook', 'cache', program);
}

/** The program of this machine; null when there is none, or when its variable says `none`. */
export function pythonProgram(program: Program): string | null {
  const named = process.env[`RUNBOOK_${program.toUpperCase()}_BIN`];
  if (named === 'none') return null;
  const folders = (process.env['PATH'] ?? '').split(delimiter);
  const all = [
    ...(named ? [named] : []),
    join(process.cwd(), environmentOf(program), 'bin', program),
    ...folders.map((folder) => join(folder, program)),
  ];
  return all.find((file) => existsSync(file)) ?? null;
}
