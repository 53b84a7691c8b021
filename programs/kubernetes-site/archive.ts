import type { SiteConfig } from './config.js';
import { waitFor, type Database } from './database.js';
import { Refused } from './refused.js';
import type { Store } from './store.js';
import { mustHoldEpoch } from './witness.js';

const archiveSeconds = 300;

export interface Mark {
  segment: string;
  lastCommit: string;
  lsn: string;
}

/**
 * Has the present WAL archived, waits for it in the store, and notes there the last commit that it
 * has: up to it everything can be restored for certain. Told again and again by a timer, it is what
 * the recovery point objective rests on.
 * @throws Refused for a site that may not write
 */
export async function mark(store: Store, database: Database, config: SiteConfig): Promise<Mark> {
  store.mustWrite();
  await mustHoldEpoch(config);
  return archiveNow(store, database);
}

/** The same, without asking who may write: for a site that lets go of it. */
export async function archiveNow(store: Store, database: Database): Promise<Mark> {
  // Asked before, so that the commit is in the segment for certain.
  const { lastCommit } = await database.state();
  if (lastCommit === null)
    throw new Refused(
      'the database does not know its last commit: it needs track_commit_timestamp = on',
    );
  const { segment, lsn } = await database.switchWal();
  await untilArchived(store, `wal/${segment}`);
  await store.write(`marks/${segment}.json`, JSON.stringify({ segment, lastCommit }));
  return { segment, lastCommit, lsn };
}

/** @throws Refused when it is not in the store within five minutes */
export async function untilArchived(store: Store, key: string): Promise<void> {
  await waitFor(`${key} in the store`, archiveSeconds, async () => {
    const keys = (await store.list(key)).map((object) => object.key);
    return keys.includes(key) && keys.includes(`${key}.sha256`);
  });
}
