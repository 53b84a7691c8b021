import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import {
  appendFile,
  chmod,
  chown,
  cp,
  lchown,
  mkdtemp,
  readdir,
  rename,
  rm,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import pg from 'pg';
import type { Account } from '../account.js';
import { majorVersion } from '../binaries.js';
import { withClient } from '../client.js';
import { EmbeddedError } from '../errors.js';
import { readJson } from '../files.js';
import { mostConnections, placeOf, superuser, type PlaceOptions } from '../postgres.js';
import { ServerProcess } from '../process.js';
import { backupsIn, placesOf, type Backup } from './folder.js';
import { clientProgram, runProgram } from './programs.js';

/** Replaying a day of changes takes its time. */
const replayMs = 30 * 60_000;

export interface RestoreOptions extends PlaceOptions {
  /** The folder that a BackupKeeper wrote. */
  from: string;
}

/** What a record was brought back from, and up to where. */
export interface Restored {
  /** Id of the base backup. */
  backup: string;
  /**
   * ISO time of the newest change that is in it; null when nothing was changed since the base
   * backup.
   */
  upTo: string | null;
  /**
   * ISO time since when the record had gone on without its backup; null: all that it acknowledged
   * is there.
   */
  behindSince: string | null;
  /** Backups that are newer and could not be used, and why. */
  refused: { backup: string; why: string }[];
}

/**
 * Brings the record back from its backup, into a place where no record is yet: the newest base
 * backup that proves good, and all that was changed since. The server goes on under a timeline of
 * its own, so that the one before, should it come back, is told from it.
 * @throws EmbeddedError when there is a record already or no good backup; then nothing was changed
 */
export async function restoreRecord(options: RestoreOptions): Promise<Restored> {
  const { from, say } = options;
  const { programs, folder, account, data, passwordFile } = await placeOf(options);
  if (existsSync(data)) {
    throw new EmbeddedError(
      `There is a record in ${folder} already: nothing was restored. Set RUNBOOK_HOME to a ` +
        'new folder, or start without --restore-from.',
    );
  }
  const { backup, refused } = await newestGood(programs, from);
  const places = placesOf(from, backup.id);
  say?.(`restoring the record from base backup ${backup.id}, and what was changed since …`);

  const half = `${data}.restored`;
  await rm(half, { recursive: true, force: true });
  await cp(places.data, half, { recursive: true });
  await addWal(places.wal, join(half, 'pg_wal'));
  // Archive recovery, with all that there is in pg_wal already: so it ends on a new timeline.
  await writeFile(join(half, 'recovery.signal'), '');
  const lines = ["restore_command = 'false'", "synchronous_standby_names = ''"];
  await appendFile(join(half, 'postgresql.auto.conf'), `${lines.join('\n')}\n`);
  await handOver(half, account);

  const password = randomBytes(24).toString('base64url');
  const upTo = await replay(options, { programs, data: half, account, password });
  await writeFile(passwordFile, `${password}\n`, { mode: 0o600 });
  if (account) await chown(passwordFile, account.uid, account.gid);
  await rename(half, data);
  return {
    backup: backup.id,
    upTo,
    behindSince: readJson<{ since: string }>(places.behind)?.since ?? null,
    refused,
  };
}

async function newestGood(
  programs: string,
  from: string,
): Promise<{ backup: Backup; refused: Restored['refused'] }> {
  const backups = backupsIn(from);
  if (backups.length === 0)
    throw new EmbeddedError(`There is no whole backup of a record in ${from}.`);
  const version = await majorVersion(join(programs, 'postgres'));
  const refused: Restored['refused'] = [];
  for (const backup of backups) {
    try {
      if (backup.version !== version)
        throw new EmbeddedError(
          `it is of PostgreSQL ${backup.version}, and ${version} is what is here`,
        );
      await runProgram(clientProgram(programs, 'pg_verifybackup'), [
        '--quiet',
        placesOf(from, backup.id).data,
      ]);
      return { backup, refused };
    } catch (error) {
      refused.push({ backup: backup.id, why: (error as Error).message });
    }
  }
  const all = refused.map(({ backup, why }) => `${backup}: ${why}`).join('; ');
  throw new EmbeddedError(`No backup in ${from} can be used: ${all}. Nothing was changed.`);
}

/**
 * What was streamed; the last segment has not been filled, and has a name of its own until it is.
 */
async function addWal(received: string, wal: string): Promise<void> {
  for (const name of (await readdir(received)).sort()) {
    if (!/^[0-9A-F]{24}(\.partial)?$|^[0-9A-F]{8}\.history$/.test(name)) continue;
    await cp(join(received, name), join(wal, basename(name, '.partial')));
  }
}

async function handOver(folder: string, account: Account | undefined): Promise<void> {
  await chmod(folder, 0o700);
  if (!account) return;
  await lchown(folder, account.uid, account.gid);
  for (const entry of await readdir(folder, { recursive: true }))
    await lchown(join(folder, entry), account.uid, account.gid);
}

/**
 * Replays in private, reached by a socket in a folder that nobody else enters: the password of the
 * record is new, because that of the one before is lost with its site.
 * @returns ISO time of the newest change; null when there was none
 */
async function replay(
  options: RestoreOptions,
  server: { programs: string; data: string; account: Account | undefined; password: string },
): Promise<string | null> {
  const { programs, data, account, password } = server;
  const room = await mkdtemp(join(tmpdir(), 'rb-'));
  try {
    const rules = join(room, 'hba.conf');
    await writeFile(rules, `local all ${superuser} trust\n`);
    await handOver(room, account);
    const settings = [
      `hba_file=${rules}`,
      'listen_addresses=',
      `unix_socket_directories=${room}`,
      mostConnections,
    ];
    const postgres = ServerProcess.start(
      'PostgreSQL',
      join(programs, 'postgres'),
      ['-D', data, ...settings.flatMap((setting) => ['-c', setting])],
      { account, cwd: data, log: options.log },
    );
    try {
      let upTo: string | null = null;
      await postgres.untilReady(async () => {
        const said = await ask<{ replaying: boolean; at: Date | null }>(
          room,
          'SELECT pg_is_in_recovery() AS replaying, pg_last_xact_replay_timestamp() AS at',
        ).catch(() => undefined);
        upTo = said?.at?.toISOString() ?? upTo;
        return said?.replaying === false;
      }, replayMs);
      const [role, secret] = [pg.escapeIdentifier(superuser), pg.escapeLiteral(password)];
      await ask(room, `ALTER ROLE ${role} PASSWORD ${secret}`);
      return upTo;
    } finally {
      await postgres.stop('SIGINT', 30_000);
    }
  } finally {
    await rm(room, { recursive: true, force: true });
  }
}

function ask<T extends pg.QueryResultRow>(host: string, text: string): Promise<T | undefined> {
  const address = { host, user: superuser, database: 'postgres', connectionTimeoutMillis: 2_000 };
  return withClient(address, async (client) => (await client.query<T>(text)).rows[0]);
}
