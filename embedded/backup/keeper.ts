import { mkdirSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import type pg from 'pg';
import { recordBackup } from '../../common/record-backup.js';
import { withClient } from '../client.js';
import { EmbeddedError } from '../errors.js';
import { removeFile, writeJson } from '../files.js';
import { ServerProcess, type ProcessId } from '../process.js';
import {
  backupsIn,
  describeBackup,
  placesOf,
  removeOld,
  type Backup,
  type Origin,
} from './folder.js';
import { clientProgram, reachBy, runProgram } from './programs.js';

const lookMs = 500;
/** A backup that does not get on for so long is no longer waited for: the record matters more. */
const patienceMs = 5_000;
const longestPauseMs = 30_000;
/** A base backup is taken anew after so long, so that its WAL does not grow for ever. */
const renewMs = 24 * 3_600_000;
/** When that has failed, it is tried again after so long. */
const renewAgainMs = 3_600_000;
const startMs = 60_000;

export interface KeeperOptions {
  /** Folder of PostgreSQL's programs. */
  programs: string;
  /** Address of the server, as superuser. */
  url: string;
  /** Where the backup goes. */
  folder: string;
  say: (line: string) => void;
  /** Told of each process that is started. */
  remember: (id: ProcessId) => void;
}

/**
 * Keeps a backup of the record while it runs: a base backup, and each change at once. What the
 * record has acknowledged is in the backup too, unless it fell behind: then the record goes on
 * without, says so, and the backup says since when.
 */
export class BackupKeeper {
  private stopping = false;
  private receiver: ServerProcess | undefined;
  private backup: Backup | undefined;
  private turns: Promise<void> = Promise.resolve();
  private isWaitedFor = false;
  private renewAt = 0;

  private constructor(private readonly options: KeeperOptions) {}

  /**
   * Returns once a whole backup is there and follows.
   * @throws EmbeddedError when there cannot be one
   */
  static async start(options: KeeperOptions): Promise<BackupKeeper> {
    const keeper = new BackupKeeper(options);
    mkdirSync(options.folder, { recursive: true, mode: 0o700 });
    keeper.refuseStranger(await keeper.origin());
    await keeper.renew();
    keeper.turns = keeper.follow();
    return keeper;
  }

  /** The server keeps no WAL for a backup that nobody takes any more, and waits for none. */
  static async off(url: string): Promise<void> {
    await asking(url, async (client) => {
      await client.query('ALTER SYSTEM RESET max_slot_wal_keep_size');
      await waitFor(client, false);
      await dropSlots(client, undefined);
    });
  }

  /**
   * Nothing is started again from now on. To be called before the server stops: it brings over what
   * is left.
   */
  retire(): void {
    this.stopping = true;
  }

  /** Returns when the receiver has ended, which it does with the server. */
  async ended(): Promise<void> {
    this.stopping = true;
    await this.turns;
    const end = Date.now() + patienceMs;
    while (this.receiver?.ended === false && Date.now() < end) await delay(50);
    await this.receiver?.stop();
  }

  private async origin(): Promise<Origin> {
    return asking(this.options.url, async (client) => {
      const { rows } = await client.query<{ system: string; timeline: number; version: number }>(
        `SELECT (pg_control_system()).system_identifier::text AS system, (pg_control_checkpoint()).timeline_id AS timeline,
                current_setting('server_version_num')::integer / 10000 AS version`,
      );
      const row = rows[0] as { system: string; timeline: number; version: number };
      return { systemIdentifier: row.system, timeline: row.timeline, version: row.version };
    });
  }

  /**
   * Two records in one folder, or one that came back after it was restored elsewhere, would spoil
   * each other's backup.
   */
  private refuseStranger({ systemIdentifier, timeline }: Origin): void {
    const { folder } = this.options;
    const [newest] = backupsIn(folder);
    if (!newest) return;
    if (newest.systemIdentifier !== systemIdentifier)
      throw new EmbeddedError(
        `${folder} holds the backup of another record. Name a folder of its own for this one.`,
      );
    if (newest.timeline > timeline) {
      throw new EmbeddedError(
        `This record was restored elsewhere from ${folder}, and went on there (timeline ` +
          `${newest.timeline}; here it is ${timeline}): ` +
          'what is here is out of date. Go on there; or restore here from that backup, with ' +
          'RUNBOOK_HOME set to a new folder.',
      );
    }
  }

  /** Makes a new whole backup, and only then lets go of the one before. */
  private async renew(): Promise<void> {
    const { programs, url, folder, say } = this.options;
    const takenAt = new Date().toISOString();
    const id = takenAt.replace(/[-:.]/g, '');
    const places = placesOf(folder, id);
    mkdirSync(places.wal, { recursive: true, mode: 0o700 });
    const slot = slotOf(id);
    await asking(url, async (client) => {
      // For a backup that is away the server keeps no more; then it has to begin anew.
      await client.query("ALTER SYSTEM SET max_slot_wal_keep_size = '1GB'");
      await client.query('SELECT pg_create_physical_replication_slot($1, true)', [slot]);
    });
    const before = this.receiver;
    const receiver = this.receive(id);
    try {
      const { args, env } = reachBy(url);
      await runProgram(
        clientProgram(programs, 'pg_basebackup'),
        [
          ...args,
          '--pgdata',
          places.data,
          '--wal-method=stream',
          '--checkpoint=fast',
          '--manifest-checksums=SHA256',
        ],
        env,
      );
      await runProgram(clientProgram(programs, 'pg_verifybackup'), ['--quiet', places.data]);
      await this.caughtUp(receiver);
    } catch (error) {
      await receiver.stop();
      const kept = this.backup && slotOf(this.backup.id);
      await asking(url, (client) => dropSlots(client, kept)).catch(() => undefined);
      throw error;
    }
    this.backup = { id, takenAt, ...(await this.origin()) };
    describeBackup(folder, this.backup);
    this.receiver = receiver;
    await before?.stop();
    await asking(url, async (client) => {
      await dropSlots(client, slot);
      await waitFor(client, true);
    });
    this.isWaitedFor = true;
    this.renewAt = Date.now() + renewMs;
    removeOld(folder);
    say(
      `backup    the record is backed up in ${folder}: base backup ${id}, and each change at once`,
    );
  }

  private receive(id: string): ServerProcess {
    const { programs, url, folder, remember } = this.options;
    const { args, env } = reachBy(url);
    const receiver = ServerProcess.start(
      "PostgreSQL's pg_receivewal",
      clientProgram(programs, 'pg_receivewal'),
      [
        ...[...args, '--directory', placesOf(folder, id).wal, '--slot', slotOf(id)],
        ...['--synchronous', '--no-loop', '--status-interval=1'],
      ],
      { env: { ...process.env, ...env, PGAPPNAME: recordBackup.receiver, LC_ALL: 'C' } },
    );
    remember(receiver.id);
    return receiver;
  }

  private async caughtUp(receiver: ServerProcess): Promise<void> {
    await receiver.untilReady(
      async () => (await this.progress(receiver))?.isThere === true,
      startMs,
    );
  }

  /** How far the receiver is; null when the server knows of none. */
  private async progress(
    receiver: ServerProcess,
  ): Promise<{ flushed: string; isThere: boolean } | null> {
    return asking(this.options.url, async (client) => {
      // Its slot says which one it is: the one before may still be there.
      const { rows } = await client.query<{ flushed: string; there: boolean }>(
        `SELECT flush_lsn::text AS flushed, coalesce(flush_lsn >= pg_current_wal_flush_lsn(), false) AS there
         FROM pg_stat_replication r JOIN pg_replication_slots s ON s.active_pid = r.pid
         WHERE r.application_name = $1 AND r.state = 'streaming' ORDER BY s.slot_name DESC LIMIT 1`,
        [recordBackup.receiver],
      );
      const row = rows[0];
      return row && !receiver.ended ? { flushed: row.flushed, isThere: row.there } : null;
    });
  }

  private async follow(): Promise<void> {
    let pauseMs = 1_000;
    let [since, flushed] = [Date.now(), ''];
    while (!this.stopping) {
      await delay(lookMs);
      if (this.stopping) return;
      try {
        if (Date.now() > this.renewAt) await this.renewInTime();
        const receiver = this.receiver as ServerProcess;
        const progress = await this.progress(receiver);
        if (progress && (progress.isThere || progress.flushed !== flushed)) {
          [since, flushed, pauseMs] = [Date.now(), progress.flushed, 1_000];
          if (progress.isThere && !this.isWaitedFor) await this.wait(true);
        } else if (Date.now() - since > patienceMs || receiver.ended) {
          const why = receiver.ended ? receiver.tail() : 'it does not get on';
          if (this.isWaitedFor) await this.wait(false, why);
          if (!receiver.ended) continue;
          await delay(pauseMs);
          pauseMs = Math.min(pauseMs * 2, longestPauseMs);
          if (!this.stopping) await this.again();
          since = Date.now();
        }
      } catch (error) {
        if (this.stopping) return;
        if (this.isWaitedFor)
          await this.wait(false, (error as Error).message).catch(() => undefined);
        await delay(pauseMs);
        pauseMs = Math.min(pauseMs * 2, longestPauseMs);
      }
    }
  }

  /** The backup that is there goes on when there cannot be a new one now. */
  private async renewInTime(): Promise<void> {
    try {
      await this.renew();
    } catch (error) {
      this.renewAt = Date.now() + renewAgainMs;
      this.options.say(
        'backup    a new base backup could not be taken, ' +
          `the one before goes on: ${(error as Error).message}`,
      );
    }
  }

  /**
   * Goes on where the receiver was, or begins anew when the server no longer has what came next.
   */
  private async again(): Promise<void> {
    const { id } = this.backup as Backup;
    const receiver = this.receive(id);
    try {
      await receiver.untilReady(async () => (await this.progress(receiver)) !== null, patienceMs);
      this.receiver = receiver;
    } catch {
      await receiver.stop();
      await this.renew();
    }
  }

  /**
   * Has the server wait for the backup from now on, or not; in the backup stands since when it is
   * behind.
   */
  private async wait(isWaitedFor: boolean, why = ''): Promise<void> {
    const { url, folder, say } = this.options;
    const { behind } = placesOf(folder, (this.backup as Backup).id);
    // Noted before: nothing is acknowledged in between that neither the backup has nor its note
    // tells of.
    if (!isWaitedFor) noteBehind(behind);
    try {
      await asking(url, (client) => waitFor(client, isWaitedFor));
    } catch (error) {
      // The server is gone or does not answer, and whoever writes waits as before.
      if (!isWaitedFor) removeFile(behind);
      throw error;
    }
    this.isWaitedFor = isWaitedFor;
    if (isWaitedFor) removeFile(behind);
    say(
      isWaitedFor
        ? 'backup    it follows the record again'
        : `backup    it has stopped, and the record goes on without: ${why}`,
    );
  }
}

/** Names of slots have no capitals. */
function slotOf(id: string): string {
  return `${recordBackup.slots}${id.toLowerCase()}`;
}

function noteBehind(file: string): void {
  try {
    writeJson(file, { since: new Date().toISOString() });
  } catch {
    // Where nothing can be written no backup is either: what is there ends earlier, and says so by
    // that.
  }
}

/**
 * Whether a commit waits until the backup has it. The setting itself is no transaction, so it can
 * be changed while all wait.
 */
async function waitFor(client: pg.Client, isWaitedFor: boolean): Promise<void> {
  await client.query(
    isWaitedFor
      ? 'ALTER SYSTEM SET synchronous_standby_names = ' +
          `${client.escapeIdentifier(recordBackup.receiver)}`
      : 'ALTER SYSTEM RESET synchronous_standby_names',
  );
  await client.query('SELECT pg_reload_conf()');
}

/** @param kept the slot that stays */
async function dropSlots(client: pg.Client, kept: string | undefined): Promise<void> {
  const end = Date.now() + patienceMs;
  for (;;) {
    const { rows } = await client.query<{ name: string; active: boolean }>(
      `SELECT slot_name AS name, active FROM pg_replication_slots
       WHERE starts_with(slot_name, $1) AND slot_name IS DISTINCT FROM $2`,
      [recordBackup.slots, kept ?? null],
    );
    for (const { name } of rows.filter(({ active }) => !active))
      await client.query('SELECT pg_drop_replication_slot($1)', [name]);
    // The server takes a moment to see that a receiver has gone.
    if (!rows.some(({ active }) => active) || Date.now() > end) return;
    await delay(50);
  }
}

function asking<T>(url: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  return withClient(
    { connectionString: url, connectionTimeoutMillis: patienceMs, query_timeout: 30_000 },
    work,
  );
}
