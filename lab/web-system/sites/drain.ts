import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type pg from 'pg';
import { readJson, writeJson } from '../../../embedded/files.js';
import { runningInstance, systemFolder } from '../instances.js';
import { saveConfig } from './config-backup.js';
import { databaseUrl, handOver, lastCommitOf, superuser, withDatabase } from './database.js';
import { judgeFiles } from './file-vault.js';
import { placesOf, Refused, vaultPlaces, type SiteConfig } from './site-config.js';
import { askTier } from './tiers.js';

const limitMs = 60_000;

export interface Drained {
  drained: true;
  lastCommit: string | null;
  lastLsn: string;
  lastWal: string;
  files: number;
}

/**
 * Ends all writing at this site in good order, and brings all of it into the vault. What is
 * acknowledged is there afterwards; what is not is refused.
 */
export async function drain(config: SiteConfig, say: (line: string) => void): Promise<Drained> {
  if (config.isolated)
    throw new Refused('an isolated site has nobody to drain, and never writes into the vault');
  const places = placesOf(config);
  const before = readJson<Partial<Drained>>(places.draining);
  if (before?.drained) return before as Drained;
  mkdirSync(places.run, { recursive: true });
  if (!before) writeJson(places.draining, { drained: false });
  say('writes are refused; those under way end');
  await waitFor('the writes under way', async () => {
    if (!runningInstance(systemFolder(config.folder), 'api')) return true;
    return (await askTier(config, 'api', '/ready')).json['writesUnderWay'] === 0;
  });
  const drained = await withDatabase(databaseUrl(config, superuser), async (client) => {
    say('uploads are shipped');
    if ((await waitingJobs(client)) > 0 && !runningInstance(systemFolder(config.folder), 'worker'))
      throw new Refused(
        'uploads wait to be shipped, and the worker does not run: start it, and tell it again',
      );
    await waitFor(
      'the worker to ship what was uploaded',
      async () => (await waitingJobs(client)) === 0,
    );
    writeFileSync(places.databaseDrained, '');
    handOver(places.databaseDrained);
    // Whoever wrote when the guard was shut is refused at its commit, or was let in before it.
    await waitFor('transactions to end', async () => (await openTransactions(client)) === 0);
    const lastCommit = await lastCommitOf(client);
    const { rows } = await client.query<{ lsn: string; wal: string }>(
      'SELECT switched::text AS lsn, pg_walfile_name(switched) AS wal ' +
        'FROM pg_switch_wal() AS switched',
    );
    const { lsn = '', wal = '' } = rows[0] ?? {};
    say(`WAL is archived up to ${wal}`);
    await waitFor(`WAL segment ${wal} in the vault`, () =>
      Promise.resolve(existsSync(join(vaultPlaces(config.vault).wal, wal))),
    );
    return { lastCommit, lastLsn: lsn, lastWal: wal };
  });
  saveConfig(config);
  const result: Drained = { drained: true, ...drained, files: judgeFiles(config.vault).count };
  writeJson(places.draining, result);
  return result;
}

/** Writes are taken again, where the site still holds the epoch. */
export function resume(config: SiteConfig): { draining: false } {
  const places = placesOf(config);
  for (const file of [places.databaseDrained, places.draining]) rmSync(file, { force: true });
  return { draining: false };
}

async function waitingJobs(client: pg.Client): Promise<number> {
  const { rows } = await client.query<{ waiting: number }>(
    'SELECT count(*)::int AS waiting FROM jobs WHERE done_at IS NULL',
  );
  return rows[0]?.waiting ?? 0;
}

async function openTransactions(client: pg.Client): Promise<number> {
  const { rows } = await client.query<{ open: number }>(
    'SELECT count(*)::int AS open FROM pg_stat_activity WHERE backend_xid IS NOT NULL ' +
      'AND pid <> pg_backend_pid()',
  );
  return rows[0]?.open ?? 0;
}

async function waitFor(what: string, look: () => Promise<boolean>): Promise<void> {
  const endAt = Date.now() + limitMs;
  while (!(await look())) {
    if (Date.now() > endAt)
      throw new Refused(
        `waited ${limitMs / 1_000} s in vain for ${what}: the site is drained half, tell it again`,
      );
    await delay(25);
  }
}
