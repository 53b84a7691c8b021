import { expect, test } from '@jest/globals';
import { atOnce } from '../helpers/restarts.js';
import { tell } from '../chaos/tell.js';
import { randomFrom } from '../../testing/driver/random.js';
import { disaster, faultsOf, kinds, rowOf, type GuardOff, type Kind } from './disasters.js';

/*
 * What the archive holds is never lost, what is lost is named, and a recovery that cannot be had
 * stops before it has touched anything; in good order nothing is lost at all.
 */

const seed = Number(process.env['RUNBOOK_SEED'] ?? Date.now() % 1_000_000);
const each = Array.from({ length: 20 }, (_, index) => kinds[index % kinds.length] as Kind);

test('a site that is lost or left at any moment, whatever became of its backups', async () => {
  const faults: string[] = [];
  const states = await atOnce(each.length, 2, async (index) => {
    const outcome = await disaster(each[index] as Kind, randomFrom(seed + index));
    const found = faultsOf(outcome);
    faults.push(...found.map((fault) => `${index} ${outcome.kind}: ${fault}`));
    tell(`${String(index).padStart(2)} ${rowOf(outcome)}`);
    return outcome.state;
  });
  const stopped = states.filter((state) => state === 'failed').length;
  tell(
    `${states.length} disasters (seed ${seed}; times in ms): ${states.length - stopped} recovered, ${stopped} stopped before any ` +
      `harm, ${faults.length} faults`,
  );
  expect(faults).toEqual([]);
}, 3_000_000);

const guards: readonly GuardOff[] = [
  'leaves a segment out',
  'leaves a segment out and says that it did not',
];
for (const off of guards) {
  test(`the same looks find a restore that ${off}`, async () => {
    const outcome = await disaster('at any moment', randomFrom(seed), off);
    const faults = faultsOf(outcome);
    tell(
      `guard off, the restore ${off}: ${faults.length} faults\n${rowOf(outcome)}\n${faults.join('\n')}`,
    );
    expect(outcome.gone).toBeGreaterThan(0);
    expect(faults).not.toEqual([]);
    // The runbook itself compares what it got with what was promised.
    expect(outcome.said.includes('was promised')).toBe(!off.includes('says'));
  }, 240_000);
}
