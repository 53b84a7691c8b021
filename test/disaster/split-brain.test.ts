import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { Writer } from '../../lab/web-system/sites/writer-client.js';
import { isLong, tell } from '../chaos/tell.js';
import { randomFrom } from '../../testing/driver/random.js';
import { until } from '../../lab/until.js';
import {
  afterFence,
  believeInLease,
  committedAfter,
  cut,
  returns,
  type Split,
} from './split-brain.js';
import { DisasterWorld } from './world.js';

/*
 * The old site is not gone, only out of reach, and is back in the middle of the recovery: from the
 * fence on it accepts nothing.
 */

const seed = Number(process.env['RUNBOOK_SEED'] ?? Date.now() % 1_000_000);
const random = randomFrom(seed);
const anyStep = (): Split['step'] => returns[Math.floor(random() * returns.length)] ?? 'page';
/** There and back again, one after the other. */
const cases: readonly Split[] = Array.from({ length: isLong ? 6 : 1 }, (_, index) => ({
  ...(index % 2 === 0
    ? { from: 'a' as const, to: 'b' as const }
    : { from: 'b' as const, to: 'a' as const }),
  how: index % 4 < 2 ? 'frozen' : 'alive',
  step: anyStep(),
}));

/**
 * Writes that may have been under way, and were past the last look at the lease, when the site was
 * stopped.
 */
const mostUnderWay = 8;

let world: DisasterWorld;
let users: Writer;
beforeAll(async () => {
  world = await DisasterWorld.start();
  users = await world.users();
}, 120_000);
afterAll(async () => {
  users?.kill();
  await world?.stop();
});

test.each(cases.map((split, index) => ({ ...split, index })))(
  'site $from, $how and back at $step, accepts nothing after it was fenced',
  async ({ from, to, how, step, index }) => {
    const { system } = world;
    const { intruder, back, cutAt } = await cut(world, { from, how });
    const run = await world.recover({ from: `site-${from}`, to: `site-${to}`, remains: 'remove' });
    const returning = (async () => {
      expect(await world.reached(run, 'fence/epoch', 'succeeded')).toBe(true);
      const fencedAt = (await system.witness()).fencedAt ?? '';
      expect(await world.reached(run, step)).toBe(true);
      back();
      // A site that stood still could accept nothing meanwhile; one that went on, as long as its
      // lease did.
      return { fencedAt, since: how === 'frozen' ? cutAt : Date.parse(fencedAt) };
    })();
    const [view, fenced] = await Promise.all([world.approved(run, to), returning]);
    expect(view).toMatchObject({ state: 'succeeded', problem: null });
    const returned = await afterFence(system, from, intruder, fenced);
    await intruder.stop();
    tell(
      `split brain: site ${from} ${how}, back at ${step} (seed ${seed}): ${returned.accepted} writes accepted and ` +
        `${returned.committed} rows committed there after the fence, ${returned.refused} refused`,
    );
    expect(returned.accepted).toBe(0);
    expect(returned.committed).toBeLessThanOrEqual(mostUnderWay);
    expect(await system.witness()).toMatchObject({ epoch: index + 2, site: to });
    expect(await world.serving()).toEqual([to]);
    const { acknowledged } = await users.report();
    await until(
      'users to write at the new site',
      async () => (await users.report()).acknowledged > acknowledged + 20,
    );
  },
  240_000,
);

test('the same looks find a site that does not ask whether it may write', async () => {
  const { system } = world;
  const { site: from } = await system.witness();
  const to = from === 'a' ? 'b' : 'a';
  if (from !== 'a' && from !== 'b') throw new Error(`site ${from} holds the epoch`);
  await believeInLease(system, from);
  const { intruder, back, cutAt } = await cut(world, { from, how: 'frozen' });
  const run = await world.recover({ from: `site-${from}`, to: `site-${to}`, remains: 'remove' });
  const approving = world.approved(run, to).catch(() => undefined);
  expect(await world.reached(run, 'fence/epoch', 'succeeded')).toBe(true);
  const { fencedAt } = await system.witness();
  back();
  await until('writes at the site that was fenced', () =>
    Promise.resolve(intruder.acceptedSince(cutAt) > 20),
  );
  const committed = await committedAfter(system, from, fencedAt ?? '');
  await run.cancel();
  await approving;
  await intruder.stop();
  tell(
    `guard off: ${intruder.acceptedSince(cutAt)} writes accepted and ${committed} rows committed after the fence`,
  );
  expect(committed).toBeGreaterThan(0);
}, 120_000);
