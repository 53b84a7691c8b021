import {
  breakBackup,
  dropFile,
  dropSegment,
  walSegments,
  type BackupFault,
} from '../../examples/web-system/sites/vault-faults.js';
import { backupIds } from '../../examples/web-system/sites/backup-file.js';
import { withDatabase } from '../../examples/web-system/sites/database.js';
import type { Comparison } from '../../examples/web-system/sites/compare.js';
import type { RunView } from '../../common/view.js';
import type { SiteSystem } from '../../examples/web-system/sites/system.js';
import { DisasterWorld } from './world.js';

/*
 * Disasters at random moments, each on a system of its own.
 */

export const kinds = [
  'at any moment',
  'during a base backup',
  'while WAL is archived',
  'with the newest backup corrupt',
  'with a WAL segment missing',
  'with a file missing',
] as const;
export type Kind = (typeof kinds)[number];

export interface Outcome {
  kind: Kind;
  state: RunView['state'];
  /** What the run says, of what cannot be had and of why it ended. */
  said: string;
  found: Comparison;
  failedAt: number;
  /** Milliseconds between the failure and the newest commit that the vault's WAL has, as the run measured it. */
  rpoMs: number | null;
}

/** @param random 0 to 1 */
export async function disaster(kind: Kind, random: () => number): Promise<Outcome> {
  const world = await DisasterWorld.start();
  try {
    const { system } = world;
    const users = await world.users();
    // A second base backup, so that there is one to go back to.
    await must(system, 'backup');
    let under: Promise<unknown> | undefined;
    if (kind === 'during a base backup') under = system.run('a', 'backup').catch(() => undefined);
    await new Promise((go) => setTimeout(go, 200 + random() * 3_000));
    if (kind === 'while WAL is archived') {
      const url = system.databaseUrl('a');
      under = withDatabase(url, (client) => client.query('SELECT pg_switch_wal()')).catch(() => undefined);
      await new Promise((go) => setTimeout(go, random() * 30));
    }
    const failedAt = await system.destroySite('a');
    await under;
    spoil(kind, system, random);
    const run = await world.recover({ failed_at: new Date(failedAt).toISOString() });
    const view = await world.approved(run);
    await users.stop();
    const said = [view.problem?.message, view.outputs['cannotBeHad'], view.outputs['filesLost']]
      .filter((each) => typeof each === 'string')
      .join('; ');
    const found = await system.compare(users.journal, 'b', failedAt);
    return { kind, state: view.state, said, found, failedAt, rpoMs: view.recovery?.rpoMs ?? null };
  } finally {
    await world.stop();
  }
}

async function must(system: SiteSystem, verb: string): Promise<void> {
  const { exitCode, problem } = await system.run('a', verb);
  if (exitCode !== 0) throw new Error(problem);
}

function spoil(kind: Kind, system: SiteSystem, random: () => number): void {
  const { vault } = system;
  if (kind === 'with the newest backup corrupt') {
    const faults: BackupFault[] = ['one byte changed', 'truncated', 'empty'];
    const newest = backupIds(vault)[0] ?? '';
    breakBackup(vault, newest, faults[Math.floor(random() * faults.length)] ?? 'empty');
  }
  if (kind === 'with a WAL segment missing') {
    const segments = walSegments(vault);
    dropSegment(vault, segments.at(-2 - Math.floor(random() * 2)) ?? '');
  }
  if (kind === 'with a file missing') dropFile(vault);
}
