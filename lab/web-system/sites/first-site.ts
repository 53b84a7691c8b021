import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import { writeJson } from '../../../embedded/files.js';
import type { ApplicationConfig } from '../app/site.js';
import { migrate } from '../migrations.js';
import { compiledProgram } from '../programs.js';
import { takeBackup } from './base-backup.js';
import { saveConfig } from './config-backup.js';
import {
  appUser,
  databaseName,
  databaseUrl,
  initialiseDatabase,
  startDatabase,
  stopDatabase,
  superuser,
  withDatabase,
} from './database.js';
import { writeDurably, writeJsonDurably } from './durable-files.js';
import { inspect } from './inspect.js';
import { provision } from './place.js';
import { seedDocuments, seedSite, type Login } from './seed-site.js';
import { placesOf, tiers, vaultPlaces, type SiteConfig } from './site-config.js';
import { startTier, systemOf } from './tiers.js';
import { measureSpeed } from './verify.js';

const release = '1.0.0';
const shippedMs = 30_000;

/** A password that nobody chose. */
export function newPassword(): string {
  return randomBytes(18).toString('base64url');
}

/**
 * The site that everything begins at: with tenants and their data, all tiers, and what it needs in
 * the vault to be restored.
 * @param documentMegabytes of further data, for those who measure
 */
export async function makeFirstSite(
  config: SiteConfig,
  writer: Login,
  documentMegabytes: number,
  say: (line: string) => void,
): Promise<void> {
  await provision(config, 'first');
  const probe: Login = { user: 'probe', password: newPassword() };
  writeSettings(config, probe);
  await initialiseDatabase(config);
  // Nothing of this goes into the vault: the first base backup has all of it.
  await startDatabase(config, 'primary', { archive: false });
  await fill(config, [writer, probe], documentMegabytes);
  await stopDatabase(config);
  for (const tier of tiers) await startTier(config, tier, undefined);
  say('site a is up');
  await shipped(config);
  saveConfig(config);
  await takeBackup(config, say);
  const { tenants } = await inspect(config);
  writeJsonDurably(vaultPlaces(config.vault).baseline, {
    ...(await measureSpeed(config)),
    tenants,
    savedAt: new Date().toISOString(),
  });
}

function writeSettings(config: SiteConfig, probe: Login): void {
  const { secrets, applicationConfig, config: folder } = placesOf(config);
  const write = (name: string, content: string): void =>
    writeDurably(join(secrets, name), `${content}\n`, 0o600);
  write('superuser-password', newPassword());
  write('web-password', newPassword());
  write('session-secret', newPassword());
  write('probe.json', JSON.stringify(probe));
  writeJson(applicationConfig, {
    release,
    sessionMinutes: 480,
    uploadLimitBytes: 1_000_000,
  } satisfies ApplicationConfig);
  writeJson(join(folder, 'features.json'), { newCheckout: false, searchByName: true });
}

async function fill(
  config: SiteConfig,
  logins: readonly Login[],
  documentMegabytes: number,
): Promise<void> {
  const url = databaseUrl(config, superuser);
  await withDatabase(url.replace(/\/[^/]*$/, '/postgres'), async (client) => {
    const password = decodeURIComponent(new URL(databaseUrl(config)).password);
    await client.query(
      `CREATE ROLE ${pg.escapeIdentifier(appUser)} LOGIN PASSWORD ${pg.escapeLiteral(password)}`,
    );
    await client.query(
      `CREATE DATABASE ${pg.escapeIdentifier(databaseName)} OWNER ${pg.escapeIdentifier(appUser)}`,
    );
  });
  const { exitCode, problem } = await migrate(systemOf(config), release, 'expand');
  if (exitCode !== 0)
    throw new Error(`the schema of release ${release} could not be made: ${problem}`);
  await withDatabase(url, async (client) => {
    await seedSite(client, placesOf(config).files, logins);
    if (documentMegabytes > 0) await seedDocuments(client, documentMegabytes);
    await client.query(
      readFileSync(join(dirname(compiledProgram('sites/program')), 'guard.sql'), 'utf8'),
    );
    await client.query('VACUUM ANALYZE');
    await client.query('CHECKPOINT');
  });
}

async function shipped(config: SiteConfig): Promise<void> {
  const endAt = Date.now() + shippedMs;
  await withDatabase(databaseUrl(config), async (client) => {
    for (;;) {
      const { rowCount } = await client.query('SELECT 1 FROM jobs WHERE done_at IS NULL LIMIT 1');
      if (rowCount === 0) return;
      if (Date.now() > endAt)
        throw new Error(`the first files were not shipped within ${shippedMs / 1_000} s`);
      await delay(50);
    }
  });
}
