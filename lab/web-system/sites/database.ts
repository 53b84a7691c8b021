import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { execa } from 'execa';
import type pg from 'pg';
import { mayEnter, serverAccount } from '../../../embedded/account.js';
import { withClient } from '../../../embedded/client.js';
import { readJson } from '../../../embedded/files.js';
import { nameOf, startOf } from '../app/owner.js';
import { runningInstance, systemFolder, type Instance } from '../instances.js';
import { compiledProgram } from '../programs.js';
import { end, startDetached } from './processes.js';
import { placesOf, Refused, type SiteConfig } from './site-config.js';

/*
 * PostgreSQL of a site. It starts as a primary only where the caller knows that the site holds the
 * epoch.
 */

export const superuser = 'site';
export const appUser = 'web';
export const databaseName = 'web';
export const walSegmentBytes = 1024 * 1024;
const readyMs = 60_000;

/** Where recovery is to end. */
export interface Recovery {
  /** ISO time, or LSN; both null: the end of the WAL in the vault. */
  time: string | null;
  lsn: string | null;
}

export type DatabaseState = 'absent' | 'stopped' | 'standby' | 'primary';

/** Gives a folder or file to the account that PostgreSQL runs as, when that is another one. */
export function handOver(path: string): void {
  const account = serverAccount();
  if (account) chownSync(path, account.uid, account.gid);
}

export function asServer(): { uid?: number; gid?: number } {
  const account = serverAccount();
  return account ? { uid: account.uid, gid: account.gid } : {};
}

/** @throws Refused when root's PostgreSQL could not get there */
export function mustBeReachable(folder: string): void {
  const account = serverAccount();
  if (account && !mayEnter(folder, account))
    throw new Refused(
      `user ${account.name}, whom PostgreSQL runs as, ` +
        `cannot enter ${folder}: choose another folder`,
    );
}

function secret(config: SiteConfig, name: string): string {
  return readFileSync(join(placesOf(config).secrets, name), 'utf8').trim();
}

/** Address with password: for processes of ours, never for logs. */
export function databaseUrl(
  config: SiteConfig,
  as: typeof superuser | typeof appUser = appUser,
): string {
  const password = secret(config, as === superuser ? 'superuser-password' : 'web-password');
  return `postgres://${as}:${encodeURIComponent(password)}@127.0.0.1:${config.ports.database}/${databaseName}`;
}

/** One question, or a few, to the database of a site. @throws Error when it does not answer */
export function withDatabase<T>(url: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  return withClient({ connectionString: url, connectionTimeoutMillis: 5_000 }, work);
}

export function runningDatabase(config: SiteConfig): Instance | undefined {
  return runningInstance(systemFolder(config.folder), 'database');
}

export async function databaseState(config: SiteConfig): Promise<DatabaseState> {
  const { data } = placesOf(config);
  if (!existsSync(join(data, 'PG_VERSION'))) return 'absent';
  if (!runningDatabase(config)) return 'stopped';
  try {
    return (await isStandby(databaseUrl(config, superuser))) ? 'standby' : 'primary';
  } catch {
    return 'stopped';
  }
}

async function isStandby(url: string): Promise<boolean> {
  return withDatabase(url, async (client) => {
    const { rows } = await client.query<{ standby: boolean }>(
      'SELECT pg_is_in_recovery() AS standby',
    );
    return rows[0]?.standby !== false;
  });
}

/** A data folder with WAL segments of 1 MB, checksums, and the superuser's password. */
export async function initialiseDatabase(config: SiteConfig): Promise<void> {
  const { database, data } = placesOf(config);
  const passwordFile = join(database, 'password');
  writeFileSync(passwordFile, `${secret(config, 'superuser-password')}\n`, { mode: 0o600 });
  handOver(passwordFile);
  const settings = [
    '-U',
    superuser,
    '--encoding=UTF8',
    '--locale=C',
    '--auth=scram-sha-256',
    `--pwfile=${passwordFile}`,
  ];
  const further = ['--data-checksums', `--wal-segsize=${walSegmentBytes / 2 ** 20}`];
  await execa(join(config.programs, 'initdb'), ['-D', data, ...settings, ...further], {
    cwd: database,
    stdin: 'ignore',
    ...asServer(),
  });
  rmSync(passwordFile);
}

/** Words for sh -c in a setting of PostgreSQL, where % is special. */
function command(words: readonly string[]): string {
  return words
    .map((word) =>
      word.startsWith('%')
        ? `"${word}"`
        : `'${word.replaceAll("'", `'\\''`).replaceAll('%', '%%')}'`,
    )
    .join(' ');
}

function settingsOf(config: SiteConfig, archive: boolean): string[] {
  const { bin, recovery, walRun } = placesOf(config);
  const settings = [
    `port=${config.ports.database}`,
    'listen_addresses=127.0.0.1',
    'unix_socket_directories=',
    'dynamic_shared_memory_type=mmap',
    'max_connections=60',
    'wal_level=replica',
    'track_commit_timestamp=on',
    'log_timezone=UTC',
    'timezone=UTC',
    `archive_mode=${archive ? 'on' : 'off'}`,
    `archive_timeout=${config.archiveTimeoutSeconds}`,
    `archive_command=${command(['/bin/sh', join(bin, 'archive-wal.sh'), config.site, config.vault, '%p', '%f'])}`,
    'wal_retrieve_retry_interval=100ms',
  ];
  const target = readJson<Recovery>(recovery);
  if (!target) return settings;
  settings.push(
    `restore_command=${command(['/bin/sh', join(bin, 'restore-wal.sh'), config.vault, walRun, '%f', '%p'])}`,
    'recovery_target_action=pause',
    'recovery_target_timeline=latest',
  );
  // Exactly what was recovered before, and nothing that was archived since.
  if (target.lsn !== null)
    settings.push(`recovery_target_lsn=${target.lsn}`, 'recovery_target_inclusive=off');
  else if (target.time !== null) {
    // PostgreSQL knows no names of time zones yet when it reads this, not even Z.
    settings.push(`recovery_target_time=${target.time.replace('T', ' ').replace('Z', '+00')}`);
  }
  return settings;
}

/**
 * Starts the server, unless it runs.
 * @param as `standby`: it cannot be written, whoever asks
 * @throws Error with what the server said, when it does not come up
 */
export async function startDatabase(
  config: SiteConfig,
  as: 'primary' | 'standby',
  options: { archive?: boolean } = {},
): Promise<Instance> {
  const there = runningDatabase(config);
  if (there) return there;
  const { data, database, standbySignal, instances, logs } = placesOf(config);
  if (as === 'standby' && !existsSync(standbySignal)) {
    writeFileSync(standbySignal, '');
    handOver(standbySignal);
  }
  removeLockOfTheDead(data);
  const archive = options.archive ?? !config.isolated;
  const log = join(logs, 'database.log');
  const server = await startDetached({
    name: 'database',
    program: join(config.programs, 'postgres'),
    args: ['-D', data, ...settingsOf(config, archive).flatMap((setting) => ['-c', setting])],
    file: join(instances, 'database.json'),
    log,
    port: config.ports.database,
    account: serverAccount(),
    cwd: database,
  });
  await startDetached({
    name: 'database-watcher',
    program: process.execPath,
    args: [compiledProgram('after-owner'), config.owner, nameOf(server.pid)],
    file: join(instances, 'database-watcher.json'),
    log: join(logs, 'database-watcher.log'),
  });
  const url = databaseUrl(config, superuser).replace(/\/[^/]*$/, '/postgres');
  const endAt = Date.now() + readyMs;
  for (;;) {
    const problem = await withDatabase(url, (client) => client.query('SELECT 1')).then(
      () => undefined,
      (error: Error) => error.message,
    );
    if (problem === undefined) return server;
    if (!runningDatabase(config)) throw new Error(`PostgreSQL did not start: ${lastLines(log)}`);
    if (Date.now() > endAt)
      throw new Error(
        `PostgreSQL was not ready after ${readyMs / 1000} s (${problem}): ${lastLines(log)}`,
      );
    await delay(50);
  }
}

/** A server that was killed is a process for PostgreSQL until somebody has collected it. */
function removeLockOfTheDead(data: string): void {
  const lock = join(data, 'postmaster.pid');
  if (!existsSync(lock)) return;
  const pid = Number(readFileSync(lock, 'utf8').split('\n')[0]);
  if (startOf(pid) === undefined) rmSync(lock);
}

function lastLines(log: string): string {
  return readFileSync(log, 'utf8').trim().split('\n').slice(-4).join(' | ');
}

/** @param how `fast`: sessions end, data are written; `immediate`: at once, as if it had crashed */
export async function stopDatabase(
  config: SiteConfig,
  how: 'fast' | 'immediate' = 'fast',
): Promise<boolean> {
  const server = runningDatabase(config);
  if (!server) return false;
  await end(server, how === 'fast' ? 'SIGINT' : 'SIGQUIT', 30_000);
  return true;
}

/** What pg_controldata says of a data folder. */
export async function controlData(config: SiteConfig, data: string): Promise<Map<string, string>> {
  const { stdout } = await execa(join(config.programs, 'pg_controldata'), [data], {
    env: { LC_ALL: 'C' },
    ...asServer(),
  });
  return new Map(
    stdout.split('\n').map((line) => {
      const colon = line.indexOf(':');
      return [line.slice(0, colon), line.slice(colon + 1).trim()] as const;
    }),
  );
}

export async function systemIdentifierOf(config: SiteConfig, data: string): Promise<string | null> {
  return (await controlData(config, data)).get('Database system identifier') ?? null;
}

/** Version of PostgreSQL's programs here, such as 18.6. */
export function programsVersion(config: SiteConfig): string {
  const text = execFileSync(join(config.programs, 'postgres'), ['--version'], { encoding: 'utf8' });
  return /(\d+(\.\d+)?)/.exec(text)?.[1] ?? '';
}

/** When the newest transaction was committed, as far as this database knows it. */
export async function lastCommitOf(client: pg.Client): Promise<string | null> {
  const { rows } = await client.query<{ at: string | null }>(
    `SELECT to_char((CASE WHEN pg_is_in_recovery() THEN pg_last_xact_replay_timestamp()
       ELSE (SELECT timestamp FROM pg_last_committed_xact()) END) AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS at`,
  );
  return rows[0]?.at ?? null;
}

/** The folder that restore-wal.sh writes into. */
export function makeWalRun(config: SiteConfig): void {
  const { walRun } = placesOf(config);
  mkdirSync(walRun, { recursive: true });
  chmodSync(walRun, 0o755);
  handOver(walRun);
}
