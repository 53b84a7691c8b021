import { rmSync } from 'node:fs';
import { execa } from 'execa';
import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { backupIds } from '../../lab/web-system/sites/backup-file.js';
import { vaultPlaces } from '../../lab/web-system/sites/site-config.js';
import {
  backupFaults,
  breakBackup,
  copyBackup,
  type BackupFault,
} from '../../lab/web-system/sites/vault-faults.js';
import type { JsonObject } from '../../language/json.js';
import { tell } from '../chaos/tell.js';
import { touched } from './disasters.js';
import { DisasterWorld } from './world.js';

/*
 * What must be refused before anything is touched: backups that are not what they were, and hosts
 * that are not those that the targets say. All through the runbook.
 */

const problems: Record<BackupFault, string> = {
  'one byte changed': 'checksum mismatch',
  truncated: 'has size',
  empty: 'it is empty',
  'of another version': 'it is of PostgreSQL',
  'too old': 'it is too old',
};

let world: DisasterWorld;
let kept: string;
let good: string;
beforeAll(async () => {
  world = await DisasterWorld.start();
  const { vault } = world.system;
  [good = ''] = backupIds(vault);
  kept = `${vault}.kept`;
  await restoreTo(vaultPlaces(vault).base, kept);
}, 120_000);
afterAll(async () => {
  await world?.stop();
});
beforeEach(async () => {
  await restoreTo(kept, vaultPlaces(world.system.vault).base);
});

/** A folder, its owners and times as they are in the other one. */
async function restoreTo(from: string, to: string): Promise<void> {
  rmSync(to, { recursive: true, force: true });
  await execa('cp', ['-a', from, to]);
}

/** Starts a recovery that is to end by itself, and says why it did. */
async function refused(inputs: JsonObject = {}): Promise<{ said: string; began: string[] }> {
  const run = await world.recover(inputs);
  const view = await world.engine.ended(run);
  expect(view.state).toBe('failed');
  const changing = view.steps.filter(
    ({ id, effect, startedAt }) => !id.startsWith('assess') && effect !== 'read' && startedAt,
  );
  expect(await touched(world)).toEqual([]);
  return { said: view.problem?.message ?? '', began: changing.map(({ id }) => id) };
}

test.each(backupFaults)(
  'the only backup is %s: the run ends, says so, and has touched nothing',
  async (fault) => {
    breakBackup(world.system.vault, good, fault);
    const { said, began } = await refused();
    expect(said).toContain(`backup ${good}: `);
    expect(said).toContain(problems[fault]);
    expect(began).toEqual([]);
    tell(`only backup ${fault}: ${said}`);
  },
  60_000,
);

test('an older backup that is good is used, and the approver reads what is wrong with each of the newer ones', async () => {
  const { vault } = world.system;
  const broken = backupFaults.map((fault, index) => ({ fault, id: `20990101T00000${index}.000Z` }));
  for (const { id, fault } of broken) {
    await copyBackup(vault, good, id);
    breakBackup(vault, id, fault);
  }
  const run = await world.recover();
  const { id, evidence } = await world.engine.waiting(run);
  expect({ id, backup: evidence['backup'] }).toEqual({ id: 'declare', backup: good });
  const said = (evidence['cannot be had'] as string).split('; ');
  expect(said).toHaveLength(broken.length);
  for (const each of broken)
    expect(said).toContainEqual(
      expect.stringMatching(new RegExp(`^backup ${each.id}: .*${problems[each.fault]}`)),
    );
  const decision = await world.engine.decision(run, { verb: 'reject' });
  expect(await world.engine.send(run, decision)).toMatchObject({ accepted: true });
  expect((await world.engine.ended(run)).state).toBe('rejected');
  expect(await touched(world)).toEqual([]);
}, 60_000);

test('a target that leads to another host is refused', async () => {
  const [to, from] = await Promise.all([refused({ to: 'wrong-b' }), refused({ from: 'wrong-a' })]);
  expect(to).toEqual({
    said: expect.stringContaining('the target for site b leads to site a'),
    began: [],
  });
  expect(from).toEqual({
    said: expect.stringContaining('the target for site a leads to site b'),
    began: [],
  });
}, 60_000);
