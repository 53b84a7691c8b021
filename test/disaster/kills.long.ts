import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { proxyHere } from '../../lab/web-system/proxy.js';
import type { SiteName } from '../../lab/web-system/sites/system.js';
import { tell } from '../chaos/tell.js';
import { archivedOf, isContent, notAt, readArchive } from './archive.js';
import { MortalWorld, type Death } from './mortal-world.js';

/*
 * What recovers the system dies itself, again and again, while it does so. disaster.test.ts has one
 * death of each.
 */

/** Steps that each of them dies in, one after the other. */
const steps = [
  'assess/look/backups',
  'fence/epoch',
  'database/restore',
  'tiers/promote',
  'verify/proofs/tenants',
  'after/monitor',
];
/** One recovery each, there and back again. */
const recoveries = (['worker', 'temporal', 'record'] as const).map((victim, index) => ({
  ...{ victim, index },
  deaths: steps.map((step): Death => [victim, step]),
}));

let mortal: MortalWorld;
beforeAll(async () => {
  mortal = await MortalWorld.start();
}, 120_000);
afterAll(() => mortal?.stop());

test.each(recoveries)(
  'a recovery during which the $victim dies again and again ends right, with every effect once',
  async ({ victim, index, deaths }) => {
    const { world } = mortal;
    const [from, to] = (index % 2 === 0 ? ['a', 'b'] : ['b', 'a']) as [SiteName, SiteName];
    const users = await world.users();
    const failedAt = await world.system.destroySite(from);
    const archive = await readArchive(world.system, [], index + 1);
    const run = await world.recover({
      ...{
        from: `site-${from}`,
        to: `site-${to}`,
        remains: 'remove',
        failed_at: new Date(failedAt).toISOString(),
      },
    });
    const [view] = await Promise.all([world.approved(run, to), mortal.die(run, deaths)]);
    expect(view).toMatchObject({ state: 'succeeded', problem: null });
    expect(await world.serving()).toEqual([to]);
    await users.stop();
    const found = await world.system.compare(users.journal, to, failedAt);
    expect(found.wrong).toEqual([]);
    expect(archivedOf(found.lost, archive).filter((each) => !isContent(each))).toEqual([]);
    expect(await notAt(world.system, to, archive)).toEqual([]);
    // Given once to the new site, and to nobody else.
    expect(await world.system.witness()).toMatchObject({ epoch: index + 2, site: to });
    tell(
      `${deaths.length} deaths (${victim}) during the recovery behind ${proxyHere()}: ` +
        `${view.state}, RTO ${view.recovery?.rtoMs} ms, ${found.lost.length} of ${found.acknowledged} lost, 0 wrong`,
    );
  },
  300_000,
);
