import type { Drained, Restored } from '../../common/answers.js';
import { partOf } from '../../language/paths.js';
import type { ListedWorks } from '../../common/listed.js';
import { inside } from '../engine/listed.js';
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

/** What keeps the old site from taking writes; `null`: not needed this time. */
function fencing({ from, to }: Sites, { graceful }: Inputs, { epoch, clear }: Forecast) {
  return {
    clear: clear ? { action: to.teardown() } : null,
    drain: graceful ? { action: from.drain() } : null,
    epoch: { action: to.fence(epoch, to.name) },
    stop: { action: from.stop() },
  };
}

/** @returns what the old site answered after it was drained; null when it was not asked */
export async function fence(
  part: Section,
  sites: Sites,
  inputs: Inputs,
  promised: Forecast,
): Promise<Drained | null> {
  const { clear, drain, epoch, stop } = fencing(sites, inputs, promised);
  let drained: Drained | null = null;
  if (clear) await part.step('clear', clear);
  else part.notNeeded('clear', 'nothing stands there');
  if (drain)
    drained = answerOf(
      await part.step('drain', drain),
      'site-drained',
      'up to where it brought its data over',
    );
  else part.notNeeded('drain', 'the old site is gone');
  await part.step('epoch', epoch);
  await part.step('stop', stop);
  return drained;
}

function placing(to: Site) {
  return { action: to.provision(), undo: to.teardown() };
}

/** An empty place; its undo removes it with everything in it. */
export async function provision(part: Section, to: Site): Promise<void> {
  await part.step('place', placing(to));
}

function restoring(to: Site, { backup, to: point }: Forecast) {
  return { action: to.restoreDatabase(backup, point) };
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
    await part.step('restore', restoring(to, promised)),
    'site-restored',
    'what was restored',
  );
  await part.step('inspect', { action: to.inspect() });
  const { short } = part.decide('point', () => checkPoint(restored, promised, drained));
  return { restored, short };
}

/** What follows when the disaster is declared, up to the gate that lets users in. */
export function recovering(sites: Sites, inputs: Inputs, promised: Forecast): ListedWorks {
  const { to, entrance } = sites;
  const starts = tiers.flatMap(({ tier, then = [] }) => [tier, ...then]);
  return {
    ...inside('fence', fencing(sites, inputs, promised)),
    page: [{ action: entrance.page() }],
    ...inside('provision', { place: placing(to) }),
    configuration: [{ action: to.restoreConfiguration() }],
    ...inside('database', { restore: restoring(to, promised) }),
    files: [{ action: to.restoreFiles() }],
    ...inside('tiers', { promote: { action: to.promote() } }),
    ...Object.fromEntries(
      starts.flatMap((tier) =>
        Object.entries(inside(partOf('tiers', tier), { start: { action: to.start(tier) } })),
      ),
    ),
    ...inside('verify', { files: { action: to.restoreFiles() } }),
  };
}

/** What follows when the users are let in. */
export function lettingIn({ to, entrance }: Sites): ListedWorks {
  return {
    ...inside('switch', { traffic: leading(entrance, to) }),
    ...inside('after', { monitor: { action: to.monitor() } }),
  };
}

function leading(entrance: Entrance, to: Site) {
  return { action: entrance.only(to.name), undo: entrance.page() };
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
  await part.step('traffic', leading(entrance, to));
  await part.step('arrived', { action: entrance.arrived() });
}
