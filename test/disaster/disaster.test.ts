import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { Writer } from '../../lab/web-system/sites/writer-client.js';
import { Intruder } from '../web-system/two-sites.js';
import { tell } from '../chaos/tell.js';
import { recordHistory } from '../helpers/history.js';
import { until } from '../../lab/until.js';
import { archivedOf, isContent, notAt, readArchive } from './archive.js';
import { MortalWorld, type Death } from './mortal-world.js';
import { refuseCall } from './programs.js';
import type { DisasterWorld } from './world.js';

/*
 * One story on the real system: the site is lost under load and recovered at the other one, while
 * what recovers it dies as well; and the way back in good order.
 */

/** Once each; kills.long.ts has more of them. */
const deaths: readonly Death[] = [
  ['temporal', 'fence/epoch'],
  ['worker', 'database/restore'],
  ['record', 'tiers/promote'],
];

let mortal: MortalWorld;
let world: DisasterWorld;
let users: Writer;
beforeAll(async () => {
  mortal = await MortalWorld.start();
  ({ world } = mortal);
  users = await world.users();
}, 120_000);
afterAll(async () => {
  users?.kill();
  await mortal?.stop();
});

test('a site that is lost under load is recovered at the other one, up to what was archived', async () => {
  const failedAt = await world.system.destroySite('a');
  // It goes on while it is being killed.
  const goneAt = Date.now();
  const archive = await readArchive(world.system, []);
  const run = await world.recover();
  const declare = await world.engine.waiting(run);
  expect(declare).toMatchObject({
    id: 'declare',
    confirm: 'b',
    evidence: { 'site to be given up': 'a', 'cannot be had': 'nothing that is known' },
  });
  const wrong = await world.engine.send(run, await world.engine.decision(run, { confirm: 'a' }));
  expect(wrong).toMatchObject({ accepted: false, code: 'not-confirmed' });

  // A tier that does not come up asks; what does not need it comes up meanwhile.
  const heal = refuseCall(world.system, 'b', 'start worker');
  const [stopped] = await Promise.all([world.approved(run), mortal.die(run, deaths)]);
  const [asks] = stopped.waitingFor;
  expect(asks).toMatchObject({ kind: 'failure', id: 'tiers/worker/start' });
  await until('the other tiers', async () => {
    const { steps } = await world.engine.status(run);
    return steps.find(({ id }) => id === 'tiers/frontend/ready')?.state === 'succeeded';
  });
  heal();
  const retry = await world.engine.decision(run, { verb: 'retry' });
  expect((await world.engine.send(run, retry)).accepted).toBe(true);
  const view = await world.approved(run);
  await recordHistory(run, 'full-system-disaster-recovery, ungraceful');
  expect(view).toMatchObject({
    state: 'succeeded',
    problem: null,
    outputs: { from: 'a', to: 'b', filesLost: null },
  });
  expect(await world.serving()).toEqual(['b']);
  expect(await world.system.witness()).toMatchObject({ epoch: 2, site: 'b' });
  const { acknowledged } = await users.report();
  await until(
    'users to be back',
    async () => (await users.report()).acknowledged > acknowledged + 20,
  );

  await users.stop();
  const found = await world.system.compare(users.journal, 'b', failedAt);
  expect(found.wrong).toEqual([]);
  // Whatever is lost was acknowledged in the last moments, which no WAL had left the site with.
  expect(archivedOf(found.lost, archive).filter((each) => !isContent(each))).toEqual([]);
  expect(await notAt(world.system, 'b', archive)).toEqual([]);
  expect(found.lost.every(({ at }) => Date.parse(at) <= goneAt)).toBe(true);
  const { recovery } = view;
  expect(recovery).toMatchObject({ met: true });
  // What the run says of the loss is no better than what the users' own journal says.
  expect(recovery?.rpoMs ?? 0).toBeGreaterThanOrEqual((found.rpoMs ?? 0) - 1_600);
  expect(Object.values(recovery?.spent ?? {}).reduce((sum, ms) => sum + ms)).toBe(recovery?.rtoMs);
  tell(
    `lost site, and ${deaths.length} deaths of what recovers it: RTO ${recovery?.rtoMs} ms, RPO ${recovery?.rpoMs} ms by the run, ${found.rpoMs} ms by the journal; ` +
      `${found.lost.length} of ${found.acknowledged} acknowledged writes lost, 0 wrong; spent ${JSON.stringify(recovery?.spent)}`,
  );
}, 240_000);

test('the way back in good order loses nothing, and the site that is left takes no write any more', async () => {
  users = await world.users();
  const run = await world.recover({ from: 'site-b', to: 'site-a', mode: 'graceful' });
  const intruder = await Intruder.start(world.system, 'b');
  const view = await world.approved(run, 'a');
  await recordHistory(run, 'full-system-disaster-recovery, graceful');
  expect(view).toMatchObject({
    state: 'succeeded',
    problem: null,
    recovery: { rpoMs: 0, met: true },
  });
  expect(await world.serving()).toEqual(['a']);
  const accepted = intruder.accepted;
  const refused = intruder.refused;
  await until('more attempts', () => Promise.resolve(intruder.refused > refused + 20));
  expect(intruder.accepted).toBe(accepted);
  await intruder.stop();
  await users.stop();
  const found = await world.system.compare(users.journal, 'a');
  expect({ lost: found.lost, wrong: found.wrong }).toEqual({ lost: [], wrong: [] });
  tell(
    `way back: RTO ${view.recovery?.rtoMs} ms, 0 of ${found.acknowledged} acknowledged writes lost by it`,
  );
}, 240_000);
