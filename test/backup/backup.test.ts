import { afterEach, beforeEach, expect, it } from '@jest/globals';
import { existsSync, rmSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import pg from 'pg';
import { backupsIn, placesOf } from '../../embedded/backup/folder.js';
import { BackupKeeper } from '../../embedded/backup/keeper.js';
import { restoreRecord, type Restored } from '../../embedded/backup/restore.js';
import { findPostgres } from '../../embedded/binaries.js';
import { cacheFolder } from '../../embedded/home.js';
import { startPostgres, type Postgres } from '../../embedded/postgres.js';
import { isAlive, type ProcessId } from '../../embedded/process.js';
import { tell } from '../chaos/tell.js';
import { until } from '../../lab/until.js';
import { testFolder } from '../helpers/folder.js';
import { clear, query } from '../embedded/support.js';

/*
 * The machine with the record is lost. What the record had acknowledged is in its backup, or the
 * backup says since when it is not.
 */

let folder: string;
let vault: string;
const machines: Machine[] = [];
beforeEach(() => {
  folder = testFolder('runbook-backup-');
  vault = join(folder, 'vault');
});
afterEach(async () => {
  for (const machine of machines.splice(0)) await machine.lose();
  await clear(folder);
});

/** A record with its backup, as `dev` has them. */
class Machine {
  said = '';
  restored: Restored | undefined;
  private readonly receivers: ProcessId[] = [];
  private keeper: BackupKeeper | undefined;
  private postgres: Postgres | undefined;

  private constructor(readonly home: string) {}

  /** @param to null: without a backup @throws EmbeddedError */
  static async start(
    name: string,
    { from, to = vault }: { from?: string; to?: string | null } = {},
  ): Promise<Machine> {
    const machine = new Machine(join(folder, name));
    machines.push(machine);
    const programs = await findPostgres(cacheFolder());
    if (from !== undefined)
      machine.restored = await restoreRecord({ programs, folder: machine.home, from });
    machine.postgres = await startPostgres({
      programs,
      folder: machine.home,
      databases: ['runbook'],
    });
    const url = machine.postgres.url('postgres');
    await BackupKeeper.off(url);
    if (to === null) return machine;
    const say = (line: string): void => void (machine.said += `${line}\n`);
    machine.keeper = await BackupKeeper.start({
      ...{ programs, url, folder: to, say },
      remember: (id) => machine.receivers.push(id),
    });
    return machine;
  }

  get url(): string {
    return this.postgres?.url('runbook') ?? '';
  }

  get receiver(): number {
    const [alive, more] = this.receivers.filter(isAlive);
    expect(more).toBeUndefined();
    return alive?.pid ?? 0;
  }

  async says(pattern: RegExp): Promise<void> {
    await until(
      `${String(pattern)} in: ${this.said}`,
      () => Promise.resolve(pattern.test(this.said)),
      20_000,
      50,
    );
  }

  async rows(): Promise<number> {
    return (
      (await query<{ n: number }>(this.url, 'SELECT count(*)::integer AS n FROM journal'))[0]?.n ??
      0
    );
  }

  async stop(): Promise<void> {
    this.keeper?.retire();
    await this.postgres?.stop();
    await this.keeper?.ended();
    [this.postgres, this.keeper] = [undefined, undefined];
  }

  /** kill -9 of all that runs there, and its disk is gone. */
  async lose(): Promise<void> {
    this.keeper?.retire();
    for (const id of [...(this.postgres ? [this.postgres.id] : []), ...this.receivers])
      if (isAlive(id)) process.kill(id.pid, 'SIGKILL');
    await this.postgres?.stop();
    await this.keeper?.ended();
    [this.postgres, this.keeper] = [undefined, undefined];
    rmSync(this.home, { recursive: true, force: true });
  }
}

/** Writes one row after the other, and knows which were acknowledged. */
class Journal {
  private readonly client: pg.Client;
  private going = true;
  private done: Promise<void> = Promise.resolve();

  private constructor(
    url: string,
    public acknowledged: number,
  ) {
    this.client = new pg.Client(url);
    this.client.on('error', () => undefined);
  }

  /** @param there rows that are there already */
  static async start(url: string, there = 0): Promise<Journal> {
    const journal = new Journal(url, there);
    await journal.client.connect();
    await journal.client.query('CREATE TABLE IF NOT EXISTS journal (n integer PRIMARY KEY)');
    journal.done = journal.write();
    return journal;
  }

  async stop(): Promise<void> {
    this.going = false;
    // A row under way would be there later, and not yet when rows are counted.
    await this.done;
    await this.client.end().catch(() => undefined);
  }

  private async write(): Promise<void> {
    try {
      while (this.going) {
        await this.client.query('INSERT INTO journal VALUES ($1)', [this.acknowledged + 1]);
        this.acknowledged += 1;
      }
    } catch {
      // The server is gone: what was acknowledged counts.
    }
  }
}

it('brings back all that was acknowledged, and says since when it was behind when it was', async () => {
  const first = await Machine.start('site-a');
  const journal = await Journal.start(first.url);
  await until('some rows', () => Promise.resolve(journal.acknowledged > 200));
  // When the machine is lost the backup does not get on: whoever writes waits for it.
  process.kill(first.receiver, 'SIGSTOP');
  await first.lose();
  await journal.stop();

  const second = await Machine.start('site-b', { from: vault });
  const found = await second.rows();
  expect(second.restored).toMatchObject({
    behindSince: null,
    refused: [],
    upTo: expect.stringMatching(/^\d{4}-/) as unknown,
  });
  const lost = journal.acknowledged - found;
  expect(lost).toBeLessThanOrEqual(0);

  // The same once more, but for longer than a backup is waited for.
  const more = await Journal.start(second.url, found);
  await until('more rows', () => Promise.resolve(more.acknowledged > found + 50));
  process.kill(second.receiver, 'SIGSTOP');
  await second.says(/it has stopped, and the record goes on without: it does not get on/);
  const then = more.acknowledged;
  await until('rows without a backup', () => Promise.resolve(more.acknowledged > then + 50));
  await second.lose();
  await more.stop();
  const third = await Machine.start('site-c', { from: vault, to: null });
  const missing = more.acknowledged - (await third.rows());
  expect(third.restored?.behindSince).toMatch(/^\d{4}-/);
  tell(
    `the record's machine lost: ${Math.max(lost, 0)} acknowledged rows lost; ${missing} when nobody waited for the backup, as it said`,
  );
  expect(missing).toBeGreaterThan(0);
}, 120_000);

it('follows again after its program has died, and after a stop that was in order', async () => {
  const first = await Machine.start('site-a');
  const journal = await Journal.start(first.url);
  process.kill(first.receiver, 'SIGKILL');
  await first.says(/it has stopped, and the record goes on without/);
  await first.says(/it follows the record again/);
  await journal.stop();
  const written = await first.rows();
  await first.stop();

  // Its folder is given up: the server keeps nothing for it, and waits for nobody.
  const alone = await Machine.start('site-a', { to: null });
  const [row] = await query<{ slots: number; names: string }>(
    alone.url,
    `SELECT (SELECT count(*)::integer FROM pg_replication_slots) AS slots, current_setting('synchronous_standby_names') AS names`,
  );
  expect(row).toEqual({ slots: 0, names: '' });
  await alone.stop();

  const second = await Machine.start('site-b', { from: vault });
  expect(await second.rows()).toBe(written);
  expect(second.restored?.behindSince).toBeNull();

  // The first machine comes back: it is told that the record went on elsewhere, and spoils nothing.
  const before = backupsIn(vault);
  await expect(Machine.start('site-a')).rejects.toThrow(
    /was restored elsewhere from .*\(timeline 2; here it is 1\)/s,
  );
  expect(backupsIn(vault)).toEqual(before);
}, 120_000);

it('restores nothing over a record, from nothing, or from a backup that is not what it was', async () => {
  const first = await Machine.start('site-a');
  await first.stop();
  await expect(Machine.start('site-a', { from: vault })).rejects.toThrow(
    /There is a record in .* already: nothing was restored/,
  );
  await expect(Machine.start('site-b', { from: join(folder, 'nothing') })).rejects.toThrow(
    /There is no whole backup of a record/,
  );

  const [only] = backupsIn(vault);
  truncateSync(join(placesOf(vault, only?.id ?? '').data, 'PG_VERSION'), 1);
  await expect(Machine.start('site-b', { from: vault })).rejects.toThrow(
    /No backup in .* can be used: .*"PG_VERSION" has size 1.*Nothing was changed/s,
  );
  expect(existsSync(join(folder, 'site-b', 'data'))).toBe(false);
  await expect(Machine.start('site-c')).rejects.toThrow('holds the backup of another record');
}, 120_000);
