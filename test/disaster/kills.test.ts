import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { proxyHere } from '../../examples/web-system/proxy.js';
import type { SiteName } from '../../examples/web-system/sites/system.js';
import { programFolder } from '../../worker/config.js';
import { isLong, tell } from '../chaos/tell.js';
import { OwnTemporal } from '../deployment/temporal.js';
import { archivedOf, isContent, notAt, readArchive } from './archive.js';
import { OwnPostgres } from './own-postgres.js';
import { DisasterWorld } from './world.js';

/*
 * What recovers the system dies itself, again and again, while it does so: the worker, the Temporal server, and the PostgreSQL
 * server that has the record.
 */

type Victim = 'worker' | 'temporal' | 'record';

/** Steps that each of them dies in, one after the other. */
const steps = [
  'assess/look/backups',
  'fence/epoch',
  'database/restore',
  'tiers/promote',
  'verify/proofs/tenants',
  'after/monitor',
] as const;
/** One recovery each, there and back again. */
const recoveries: readonly (readonly [Victim, (typeof steps)[number]][])[] = isLong
  ? (['worker', 'temporal', 'record'] as const).map((victim) => steps.map((step) => [victim, step] as const))
  : [
      [
        ['temporal', 'fence/epoch'],
        ['worker', 'database/restore'],
        ['record', 'tiers/promote'],
      ],
    ];

let temporal: OwnTemporal;
let record: OwnPostgres;
let world: DisasterWorld;
beforeAll(async () => {
  [temporal, record] = await Promise.all([OwnTemporal.start(), OwnPostgres.start()]);
  const program = join(programFolder, 'test', 'deployment', 'worker.js');
  const executor = { address: temporal.address, databaseUrl: record.url, workers: 1, program };
  world = await DisasterWorld.start({}, executor);
}, 120_000);
afterAll(async () => {
  await world?.stop();
  await temporal?.stop();
  await record?.stop();
});

const kill: Record<Victim, () => Promise<void>> = {
  worker: () => world.engine.killWorker(),
  temporal: () => temporal.kill9AndRestart(),
  record: () => record.kill9AndRestart(),
};

test.each(
  recoveries.map((deaths, index) => ({ deaths, index, victims: [...new Set(deaths.map(([victim]) => victim))].join(', ') })),
)(
  'a recovery during which $victims die ends right, with every effect once',
  async ({ deaths, index, victims }) => {
    const [from, to] = (index % 2 === 0 ? ['a', 'b'] : ['b', 'a']) as [SiteName, SiteName];
    const users = await world.users();
    const failedAt = await world.system.destroySite(from);
    const archive = await readArchive(world.system, [], index + 1);
    const run = await world.recover({
      ...{ from: `site-${from}`, to: `site-${to}`, remains: 'remove', failed_at: new Date(failedAt).toISOString() },
    });
    const approving = world.approved(run, to);
    const dying = (async () => {
      for (const [victim, step] of deaths) {
        expect(await world.reached(run, step)).toBe(true);
        await kill[victim]();
      }
    })();
    const [view] = await Promise.all([approving, dying]);
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
      `${deaths.length} deaths (${victims}) during the recovery behind ${proxyHere()}: ` +
        `${view.state}, RTO ${view.recovery?.rtoMs} ms, ${found.lost.length} of ${found.acknowledged} lost, 0 wrong`,
    );
  },
  300_000,
);
