import type { JsonObject } from '../../language/json.js';
import { fullSystemDisasterRecoverySpec } from '../../runbooks/full-system-disaster-recovery.js';
import { inParallel } from '../engine/parallel.js';
import type { Part } from '../engine/part.js';
import type { Run } from '../engine/run.js';
import { runbook } from '../engine/runbook.js';
import { entranceOf, type Entrance } from './entrance.js';
import {
  checkPoint,
  filesLost,
  forecast,
  type Backups,
  type FilesRestored,
  type Forecast,
  type Look,
  type Restored,
} from './findings.js';
import { measured, type Measured } from './measured.js';
import { answerOf, readAnswer, siteOf, type Proof, type Site, type Tier } from './site.js';
import { watchOver } from './watch.js';
import { readWish, type Wish } from './wish.js';

interface Sites {
  from: Site;
  to: Site;
  entrance: Entrance;
}

/** In words, what was promised and could not be had. */
interface Lost {
  files: string | null;
  changes: string | null;
}

/** Tiers, each with those it needs: the database is up before all of them. */
const tiers: readonly { tier: Tier; then?: readonly Tier[] }[] = [{ tier: 'api', then: ['frontend'] }, { tier: 'worker' }];
const proofs: readonly Proof[] = ['health', 'queries', 'tenants', 'login', 'speed'];

/** Brings the whole system up at another site from its backups, proves it, and lets the users in. */
export const fullSystemDisasterRecovery = runbook(fullSystemDisasterRecoverySpec, async (run) => {
  const wish = readWish(run.inputs);
  const drill = run.plan.drill === true;
  const sites: Sites = {
    from: siteOf(run.target('from'), run.key.run),
    to: siteOf(run.target('to'), run.key.run),
    entrance: entranceOf(run.target('entrance')),
  };
  const { to, entrance } = sites;

  const promised = await run.nested('assess', (part) => assess(part, sites, wish));
  if (drill) run.notNeeded('declare', 'a drill declares no disaster');
  else await run.gate('declare', declaration(promised, sites, wish));
  const drained = drill ? nothingFenced(run) : await run.nested('fence', (part) => fence(part, sites, wish, promised));
  if (drill) run.notNeeded('page', 'a drill leaves the users where they are');
  else await run.step('page', { action: entrance.page() });

  await run.nested('provision', (part) => provision(part, to));
  await run.step('configuration', { action: to.restoreConfiguration() });
  const [database] = await inParallel<{ restored: Restored; short: string | null } | null>([
    () => run.nested('database', (part) => restoreDatabase(part, to, promised, drained)),
    async () => {
      await run.step('files', { action: to.restoreFiles() });
      return null;
    },
  ]);
  const { restored, short } = database as NonNullable<typeof database>;
  await run.nested('tiers', (part) => bringUp(part, to));
  const lost = await run.nested('verify', (part) => verify(part, to));

  if (drill) run.notNeeded('cut-over', 'a drill lets nobody in');
  else await run.gate('cut-over', cutOver(restored, { files: lost, changes: short }, promised, sites));
  const now = (): Measured => measured(run, { promised, restored, drained });
  if (drill) {
    run.notNeeded('switch', 'a drill leaves the users where they are');
    run.notNeeded('after', 'a drill is torn down');
  } else {
    await run.nested('switch', (part) => letUsersIn(part, entrance, to));
    // What was reached stands before the watch begins: people ask for it then.
    tell(run, now(), { files: lost, changes: short }, sites);
    await run.nested('after', async (part) => {
      await part.step('monitor', { action: to.monitor() });
      await watchOver(part, entrance, to.name, wish);
    });
  }
  const outputs = tell(run, now(), { files: lost, changes: short }, sites);
  await run.attemptStep('notify', {
    action: {
      kind: 'notify',
      ...(wish.notify === undefined ? {} : { target: wish.notify }),
      text: drill
        ? `Drill: the system could be brought up from its backups at ${to.name}.`
        : `The system runs at ${to.name}. The way back to ${sites.from.name} is this runbook the other way round, gracefully.`,
      fields: outputs,
    },
  });
});

async function assess(part: Part, { from, to, entrance }: Sites, wish: Wish): Promise<Forecast> {
  const found = await part.parallel('look', {
    from: { action: from.look() },
    to: { action: to.look() },
    backups: { action: to.backups(wish.recoverTo, wish.maxBackupAgeMs) },
    entrance: { action: entrance.observe() },
  });
  return part.decide('forecast', () =>
    forecast(
      {
        from: readAnswer<Look>(found['from']),
        to: answerOf<Look>(found['to'], 'what stands there'),
        backups: answerOf<Backups>(found['backups'], 'which backups there are'),
      },
      wish,
      { from: from.name, to: to.name },
      new Date().toISOString(),
    ),
  );
}

function nothingFenced(run: Run): null {
  run.notNeeded('fence', 'a drill leaves the old site as it is');
  return null;
}

/** @returns what the old site said when it had let go of its data; null when it was not asked */
async function fence(
  part: Part,
  { from, to }: Sites,
  { graceful }: Wish,
  { epoch, clear }: Forecast,
): Promise<{ lastCommit: string | null } | null> {
  let drained: { lastCommit: string | null } | null = null;
  if (clear) await part.step('clear', { action: to.teardown() });
  else part.notNeeded('clear', 'nothing stands there');
  if (graceful) drained = answerOf(await part.step('drain', { action: from.drain() }), 'up to where it brought its data over');
  else part.notNeeded('drain', 'the old site is gone');
  await part.step('epoch', { action: to.fence(epoch, to.name) });
  await part.step('stop', { action: from.stop() });
  return drained;
}

async function provision(part: Part, to: Site): Promise<void> {
  await part.step('place', { action: to.provision(), undo: to.teardown() });
}

async function restoreDatabase(
  part: Part,
  to: Site,
  promised: Forecast,
  drained: { lastCommit: string | null } | null,
): Promise<{ restored: Restored; short: string | null }> {
  const restored = answerOf<Restored>(
    await part.step('restore', { action: to.restoreDatabase(promised.backup, promised.to) }),
    'what was restored',
  );
  await part.step('inspect', { action: to.inspect() });
  const { short } = part.decide('point', () => checkPoint(restored, promised, drained));
  return { restored, short };
}

/** A tier that fails asks people; those that do not need it come up meanwhile. */
async function bringUp(part: Part, to: Site): Promise<void> {
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

/** @returns in words, files that could not be had; null when there are none */
async function verify(part: Part, to: Site): Promise<string | null> {
  const files = await part.step('files', { action: to.restoreFiles() });
  await part.parallel('proofs', Object.fromEntries(proofs.map((proof) => [proof, { action: to.verify(proof) }])));
  return filesLost(answerOf<FilesRestored>(files, 'which files are there'));
}

async function letUsersIn(part: Part, entrance: Entrance, to: Site): Promise<void> {
  await part.step('traffic', { action: entrance.only(to.name), undo: entrance.page() });
  await part.step('arrived', { action: entrance.arrived() });
}

/** Measures what was reached, and hands it over. */
function tell(run: Run, { facts, outputs }: Measured, lost: Lost, { from, to }: Sites): JsonObject {
  run.recovered(facts);
  const told: JsonObject = { from: from.name, to: to.name, ...outputs, changesLost: lost.changes, filesLost: lost.files };
  run.setOutputs(told);
  return told;
}

/** What the approver sees before anything is given up, and exactly what the approval allows. */
function declaration(promised: Forecast, { from, to }: Sites, { graceful }: Wish) {
  const minutes = (ms: number): string => `${(ms / 60_000).toFixed(1)} min`;
  return {
    evidence: {
      'site to be given up': from.name,
      'site to come up': to.name,
      mode: graceful ? 'graceful: drained first' : 'ungraceful: the old site is gone',
      'failed at': promised.failedAt,
      backup: promised.backup,
      'system identifier': promised.systemIdentifier,
      'recovers to': graceful ? 'the last write before the drain' : promised.reachable,
      'will be lost': graceful ? 'nothing' : minutes(promised.rpoMs),
      'restore is expected to take': minutes(promised.restoreMs),
      'will be removed': promised.clear ? `everything at ${to.name}` : 'nothing',
      'cannot be had': promised.problems.join('; ') || 'nothing that is known',
    },
    covers: { from: from.name, to: to.name, backup: promised.backup, recoverTo: promised.to, epoch: promised.epoch },
    confirm: to.name,
  };
}

function cutOver(restored: Restored, lost: Lost, promised: Forecast, { to }: Sites) {
  return {
    evidence: {
      site: to.name,
      'newest change recovered': restored.lastCommit ?? 'none',
      'system identifier': restored.systemIdentifier,
      'proved to work': proofs.join(', '),
      'changes that could not be had': lost.changes ?? 'none but those that were approved',
      'files that could not be had': lost.files ?? 'none',
      'cannot be had': promised.problems.join('; ') || 'nothing that is known',
    },
    covers: { to: to.name, lastCommit: restored.lastCommit },
    confirm: to.name,
  };
}
