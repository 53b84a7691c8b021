import type { Restored } from '../../common/answers.js';
import type { JsonObject } from '../../language/json.js';
import { later } from '../../language/reference.js';
import { fullSystemDisasterRecoverySpec } from './spec.js';
import type { Work } from '../engine/attempts.js';
import { inParallel } from '../engine/parallel.js';
import type { Run } from '../engine/surface.js';
import { closingMessage } from '../shared/closing-message.js';
import { runbook } from '../engine/runbook.js';
import { entranceOf } from './entrance.js';
import type { Forecast } from './findings.js';
import { measureRecovery, type RecoveryMeasurements } from './measurements.js';
import {
  assess,
  bringUp,
  fence,
  letUsersIn,
  lettingIn,
  proofs,
  provision,
  recovering,
  restoreDatabase,
  verify,
  type Sites,
} from './parts.js';
import { siteOf, type Site } from './site.js';
import { watchOver } from './watch.js';
import { readInputs, type Inputs } from './inputs.js';

/** What of the forecast could not be recovered, in words. */
interface Lost {
  files: string | null;
  changes: string | null;
}

/**
 * Brings the whole system up at another site from its backups, proves it, and lets the users in.
 */
export const fullSystemDisasterRecovery = runbook(fullSystemDisasterRecoverySpec, async (run) => {
  const inputs = readInputs(run.inputs, run.given, Date.now());
  const drill = run.plan.drill === true;
  const sites: Sites = {
    from: siteOf(run.target('from'), run.id),
    to: siteOf(run.target('to'), run.id),
    entrance: entranceOf(run.target('entrance')),
  };
  const { to, entrance } = sites;

  const closing = (fields: JsonObject): Work => ({
    action: closingMessage(
      inputs.notify,
      drill
        ? `Drill: the system could be brought up from its backups at ${to.name}.`
        : `The system runs at ${to.name}. The way back to ${sites.from.name} is this runbook ` +
            'the other way round, gracefully.',
      fields,
    ),
  });

  const promised = await run.nested('assess', (part) => assess(part, sites, inputs));
  if (drill) run.notNeeded('declare', 'a drill declares no disaster');
  else await run.gate('declare', declaration(promised, sites, inputs));
  const drained = drill
    ? nothingFenced(run)
    : await run.nested('fence', (part) => fence(part, sites, inputs, promised));
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
  else
    await run.gate('cut-over', {
      ...cutOver(restored, { files: lost, changes: short }, promised, sites.to),
      actions: { ...lettingIn(sites), notify: [closing(later('outputs'))] },
    });
  const now = (): RecoveryMeasurements => measureRecovery(run, { promised, restored, drained });
  if (drill) {
    run.notNeeded('switch', 'a drill leaves the users where they are');
    run.notNeeded('after', 'a drill is torn down');
  } else {
    await run.nested('switch', (part) => letUsersIn(part, entrance, to));
    // The result is reported before the watch begins: people want it then.
    tell(run, now(), { files: lost, changes: short }, sites);
    await run.nested('after', async (part) => {
      await part.step('monitor', { action: to.monitor() });
      await watchOver(part, entrance, to.name, inputs);
    });
  }
  const outputs = tell(run, now(), { files: lost, changes: short }, sites);
  await run.attemptStep('notify', closing(outputs));
});

function nothingFenced(run: Run): null {
  run.notNeeded('fence', 'a drill leaves the old site as it is');
  return null;
}

/** Measures the recovery and reports the result. */
function tell(
  run: Run,
  { facts, outputs }: RecoveryMeasurements,
  lost: Lost,
  { from, to }: Sites,
): JsonObject {
  run.recovered(facts);
  const told: JsonObject = {
    from: from.name,
    to: to.name,
    ...outputs,
    changesLost: lost.changes,
    filesLost: lost.files,
  };
  run.setOutputs(told);
  return told;
}

/** What the approver sees before anything is given up, and exactly what the approval allows. */
function declaration(promised: Forecast, sites: Sites, inputs: Inputs) {
  const { from, to } = sites;
  const { graceful } = inputs;
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
      'restore is expected to take':
        promised.restoreMs === null ? 'not known' : minutes(promised.restoreMs),
      'will be removed': promised.clear ? `everything at ${to.name}` : 'nothing',
      'cannot be had': promised.problems.join('; ') || 'nothing that is known',
    },
    actions: recovering(sites, inputs, promised),
    confirm: to.name,
  };
}

function cutOver(restored: Restored, lost: Lost, promised: Forecast, to: Site) {
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
    confirm: to.name,
  };
}
