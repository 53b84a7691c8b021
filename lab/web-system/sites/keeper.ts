import { existsSync, rmSync, writeFileSync, renameSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { writeJson } from '../../../embedded/files.js';
import { whenOwnerEnds } from '../app/owner.js';
import { monotonicMs, type LeaseFile } from '../app/writes.js';
import { databaseState, handOver, startDatabase, stopDatabase } from './database.js';
import { placesOf, readSiteConfig } from './site-config.js';
import { renewLease } from './witness-client.js';

/*
 * The keeper of a site: node keeper.js CONFIG. Renews the site's lease at the witness and writes it
 * where the API and the guard in the database read it. When another site holds the epoch it makes
 * the database a standby: it restarts it so that nobody can write. An isolated site grants itself
 * its lease.
 */
const config = readSiteConfig(process.argv[2] ?? '');
const places = placesOf(config);
const everyMs = config.leaseMs / 3;

function grant(epoch: number, leaseMs: number, askedWall: number, askedMonotonic: number): void {
  if (!existsSync(places.run)) return;
  const lease: LeaseFile = {
    site: config.site,
    epoch,
    wallUntil: askedWall + leaseMs,
    monotonicUntil: askedMonotonic + leaseMs,
  };
  writeJson(places.lease, lease);
  tellDatabase(String(lease.wallUntil));
}

function revoke(): void {
  rmSync(places.lease, { force: true });
  tellDatabase('0');
}

function tellDatabase(until: string): void {
  if (!existsSync(places.data)) return;
  const half = `${places.databaseLease}.new`;
  writeFileSync(half, until, { mode: 0o644 });
  handOver(half);
  renameSync(half, places.databaseLease);
}

async function demote(): Promise<void> {
  if ((await databaseState(config)) !== 'primary') return;
  process.stdout.write('another site holds the epoch: the database becomes a standby\n');
  await stopDatabase(config, 'immediate');
  await startDatabase(config, 'standby');
}

async function keep(): Promise<void> {
  // From before the question: whoever grants it counts from after.
  const [wall, monotonic] = [Date.now(), monotonicMs()];
  if (config.witness === null) return grant(0, config.leaseMs, wall, monotonic);
  const answer = await renewLease(config.witness, config.site).catch(() => undefined);
  // Without an answer the lease runs out by itself.
  if (!answer) return;
  const { granted, state } = answer;
  if (granted) return grant(state.epoch, state.leaseMs, wall, monotonic);
  revoke();
  if (state.site !== config.site) await demote();
}

whenOwnerEnds(config.owner, () => process.exit(0));
for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => process.exit(0));
await keep();
process.stdout.write('keeper ready\n');
for (;;) {
  await delay(everyMs);
  try {
    await keep();
  } catch (error) {
    process.stdout.write(`${(error as Error).message}\n`);
  }
}
