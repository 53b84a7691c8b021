import type { Drained, Restored } from '../../common/answers.js';
import { inParallel } from '../engine/parallel.js';
import type { Section } from '../engine/surface.js';
import type { Entrance } from './entrance.js';
import { checkPoint, filesLost, forecast, type Forecast } from './findings.js';
import { answerOf, siteState, type Proof, type Site, type Tier } from './site.js';
import type { Inputs } from './inputs.js';

/*
 * The parts of a recovery at another site, for this runbook and for others that recover less than
 * all of it. Each goes with the steps of the same name in runbooks/parts/site-recovery.ts.
 */

export interface Sites {
  from: Site;
  to: Site;
  entrance: Entrance;
}

/** Tiers, each with those it needs: the database is up before all of them. */
const tiers: readonly { tier: Tier; then?: readonly Tier[] }[] = [
  { tier: 'api', then: ['frontend'] },
  { tier: 'worker' },
];
/** What has to be proved before users come. */
export const proofs: readonly Proof[] = ['health', 'queries', 'tenants', 'login', 'speed'];

/**
 * Looks at both sites, the backups and the entrance, and says what can be recovered.
 * @returns the forecast that people approve @throws ProcedureStopped when there is nothing that
 *   could be recovered
 */
export async function assess(
  part: Section,
  { from, to, entrance }: Sites,
  inputs: Inputs,
): Promise<Forecast> {
  const found = await part.parallel('look', {
    from: { action: from.look() },
    to: { action: to.look() },
    backups: { action: to.backups(inputs.recoverTo, inputs.maxBackupAgeMs) },
    entrance: { action: entrance.observe() },
  });
  return part.decide('forecast', () =>
    forecast(
      {
        from: siteState(found['from']),
        to: answerOf(found['to'], 'site-look', 'what stands there'),
        backups: answerOf(found['backups'], 'site-backups', 'which backups there are'),
      },
      inputs,
      { from: from.name, to: to.name },
      new Date().toISOString(),
    ),
  );
}

/** @returns what the old site answered after it was drained; null when it was not asked */
export async function fence(
  part: Section,
  { from, to }: Sites,
  { graceful }: Inputs,
  { epoch, clear }: Forecast,
): Promise<Drained | null> {
  let drained: Drained | null = null;
  if (clear) await part.step('clear', { action: to.teardown() });
  else part.notNeeded('clear', 'nothing stands there');
  if (graceful)
    drained = answerOf(
      await part.step('drain', { action: from.drain() }),
      'site-drained',
      'up to where it brought its data over',
    );
  else part.notNeeded('drain', 'the old site is gone');
  await part.step('epoch', { action: to.fence(epoch, to.name) });
  await part.step('stop', { action: from.stop() });
  return drained;
}

/** An empty place; its undo removes it with everything in it. */
export async function provision(part: Section, to: Site): Promise<void> {
  await part.step('place', { action: to.provision(), undo: to.teardown() });
}

/**
 * Restores the backup, replays to the forecast point, and compares the result with the forecast.
 * @param drained what the old site answered after it was drained; null: it is gone
 * @returns what was restored, and in words what of the forecast is missing
 */
export async function restoreDatabase(
  part: Section,
  to: Site,
  promised: Forecast,
  drained: Drained | null,
): Promise<{ restored: Restored; short: string | null }> {
  const restored = answerOf(
    await part.step('restore', { action: to.restoreDatabase(promised.backup, promised.to) }),
    'site-restored',
    'what was restored',
  );
  await part.step('inspect', { action: to.inspect() });
  const { short } = part.decide('point', () => checkPoint(restored, promised, drained));
  return { restored, short };
}

/** A tier that fails asks people; tiers that do not depend on it come up meanwhile. */
export async function bringUp(part: Section, to: Site): Promise<void> {
  await part.step('promote', { action: to.promote() });
  const up = (tier: Tier): Promise<void> =>
    part.nested(tier, async (inner) => {
      await inner.step('start', { action: to.start(tier) });
      await inner.step('ready', { action: to.ready(tier) });
    });
  await inParallel(
    tiers.map(({ tier, then = [] }) => async () => {
      await up(tier);
      await inParallel(then.map((next) => () => up(next)));
    }),
  );
}

/** @returns in words, the files that could not be recovered; null when there are none */
export async function verify(part: Section, to: Site): Promise<string | null> {
  const files = await part.step('files', { action: to.restoreFiles() });
  await part.parallel(
    'proofs',
    Object.fromEntries(proofs.map((proof) => [proof, { action: to.verify(proof) }])),
  );
  return filesLost(answerOf(files, 'site-files', 'which files are there'));
}

/** Sends users to the site and checks that they are served; the undo shows the page again. */
export async function letUsersIn(part: Section, entrance: Entrance, to: Site): Promise<void> {
  await part.step('traffic', { action: entrance.only(to.name), undo: entrance.page() });
  await part.step('arrived', { action: entrance.arrived() });
}
