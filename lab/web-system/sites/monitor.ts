import { existsSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { readJson, writeJson } from '../../../embedded/files.js';
import { whenOwnerEnds } from '../app/owner.js';
import { backupIds, readBackup } from './backup-file.js';
import { takeBackup } from './base-backup.js';
import { placesOf, readSiteConfig } from './site-config.js';
import { checks } from './verify.js';

/*
 * Watches a site: node monitor.js CONFIG. Looks at all tiers every two seconds, keeps what it found
 * in run/health.json, says when that changes, and takes a base backup as often as the configuration
 * says.
 */
const config = readSiteConfig(process.argv[2] ?? '');
const places = placesOf(config);
const everyMs = 2_000;

export interface HealthFile {
  at: string;
  ok: boolean;
  since: string;
  problem: string | null;
}

async function watch(): Promise<void> {
  const problem =
    (await checks['health']?.(config).then(
      () => null,
      (error: Error) => error.message,
    )) ?? null;
  const before = readJson<HealthFile>(places.health);
  const at = new Date().toISOString();
  const changed = before?.problem !== problem;
  if (changed) say(problem ?? 'the site is healthy');
  if (existsSync(places.run))
    writeJson(places.health, {
      at,
      ok: problem === null,
      since: changed ? at : (before?.since ?? at),
      problem,
    } satisfies HealthFile);
  if (problem === null && backupIsDue()) await takeBackup(config, say);
}

function backupIsDue(): boolean {
  const [newest] = backupIds(config.vault);
  const ended = Date.parse(
    (newest === undefined ? undefined : readBackup(config.vault, newest)?.ended) ?? '1970-01-01',
  );
  return config.backupEverySeconds > 0 && Date.now() - ended > config.backupEverySeconds * 1_000;
}

function say(line: string): void {
  process.stdout.write(`${new Date().toISOString()} ${line}\n`);
}

whenOwnerEnds(config.owner, () => process.exit(0));
for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => process.exit(0));
process.stdout.write('monitor ready\n');
for (;;) {
  await watch().catch((error: unknown) => say((error as Error).message));
  await delay(everyMs);
}
