import { archiveNow } from './archive.js';
import type { SiteConfig } from './config.js';
import { saveConfiguration } from './configuration.js';
import { waitFor, type Database } from './database.js';
import { saveFiles } from './files.js';
import { readNote, removeNote, writeNote } from './place.js';
import { Refused } from './refused.js';
import type { Store } from './store.js';
import { startTier, stopTiers } from './tiers.js';

const workSeconds = 20 * 60;
const transactionSeconds = 120;

interface Drained {
  drained: true;
  lastCommit: string;
  lastLsn: string;
  lastWal: string;
  files: number;
}

/**
 * Ends all writing at this site in good order, and brings all of it into the store: no new
 * requests, the workers finish what waits, then nobody is left who could write.
 */
export async function drain(
  { config, store, database }: { config: SiteConfig; store: Store; database: Database },
  say: (line: string) => void,
): Promise<Drained> {
  if (config.isolated)
    throw new Refused('an isolated site has nobody to drain, and never writes into the store');
  const before = await readNote<Drained>(config, 'drained');
  if (before) return before;
  say('the API is stopped');
  await stopTiers(config, ['api']);
  const { waiting } = config.database;
  if (waiting !== undefined) {
    say('the workers finish what waits');
    await waitFor(
      'the work that waits',
      workSeconds,
      async () => (await database.count('waiting', waiting)) === 0,
    );
  }
  await stopTiers(config, ['worker']);
  await waitFor(
    'transactions to end',
    transactionSeconds,
    async () => (await database.writing()) === 0,
  );
  say('WAL, files and configuration go into the store');
  const { lastCommit, lsn, segment } = await archiveNow(store, database);
  const files = await saveFiles(store, database, config);
  await saveConfiguration(store, config);
  const drained: Drained = { drained: true, lastCommit, lastLsn: lsn, lastWal: segment, files };
  await writeNote(config, 'drained', drained);
  return drained;
}

/** Takes it back: users are served again. */
export async function resume(
  config: SiteConfig,
  say: (line: string) => void,
): Promise<{ draining: false }> {
  await removeNote(config, 'drained');
  for (const tier of ['worker', 'api'] as const) await startTier(config, tier, say);
  return { draining: false };
}
