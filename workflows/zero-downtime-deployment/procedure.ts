import type { JsonObject } from '../../language/json.js';
import { zeroDowntimeDeploymentSpec } from '../../runbooks/zero-downtime-deployment.js';
import { GateRejected, ProcedureStopped } from '../engine/outcome.js';
import type { Part } from '../engine/part.js';
import type { Run } from '../engine/run.js';
import { runbook } from '../engine/runbook.js';
import { answerOf, deployerOf, type Artefact, type Deployer, type Running } from './deployer.js';
import { asBefore, observe, placesOf, seen, trafficFor, type Places } from './pool.js';
import { shiftTraffic, watchOver, type Deployment } from './shift.js';
import { readWish, type Wish } from './wish.js';

const pollMs = 500;
/** How long requests of the old version may take to end. */
const drainMs = 60_000;

/** Deploys a release beside the running one, shifts the traffic to it while it does well, and retires the old one. */
export const zeroDowntimeDeployment = runbook(
  zeroDowntimeDeploymentSpec,
  async (run) => {
    const wish = readWish(run.inputs);
    const service = run.target('service');
    const deployer = deployerOf(service);

    const { artefact, places } = await lookAtRelease(run, wish);
    const backup = await run.nested('backup', (part) => backUp(part, deployer, places, wish.version));
    await run.gate('approve', questionFor(wish, artefact, places, backup));

    const { version } = wish;
    // Taken back last: a proxy that was restarted in the meantime may have forgotten who has the traffic.
    await run.step('hold', { action: asBefore(service.name, places), undo: asBefore(service.name, places) });
    await run.nested('migrate', async (part) => {
      await part.step('expand', { action: deployer.migrate('expand', version), undo: deployer.migrate('undo', version) });
      await part.step('compatible', { action: deployer.schema(places.old.version) });
    });
    const started = await run.step('start', {
      action: deployer.start(places.next.server, version),
      undo: deployer.stop(places.next.server),
    });
    const { address } = answerOf<{ address: string }>(started, 'where the new version runs');
    await verify(run, wish, places);

    const deployment: Deployment = {
      service: service.name,
      wish,
      places,
      deployer,
      traffic: trafficFor(service.name, places, address),
    };
    const baseline = await run.nested('shift', (part) => shiftTraffic(part, deployment));
    await run.nested('watch', (part) => watchOver(part, deployment, baseline));
    await run.nested('retire', (part) => retire(part, deployment, artefact));

    const outputs: JsonObject = {
      version,
      server: places.next.server,
      address,
      before: places.old.version,
      backup: backup['file'] ?? null,
    };
    run.setOutputs(outputs);
    await run.attemptStep('notify', {
      action: {
        kind: 'notify',
        ...(wish.notify === undefined ? {} : { target: wish.notify }),
        text: `${service.name} runs ${version}; ${places.old.version} is retired.`,
        fields: outputs,
      },
    });
  },
  () => 'rollback',
);

async function lookAtRelease(run: Run, wish: Wish): Promise<{ artefact: Artefact; places: Places }> {
  const service = run.target('service');
  const deployer = deployerOf(service);
  const found = await run.parallel('release', {
    artefact: { action: deployer.artefact(wish.version, wish.artefact) },
    traffic: { action: observe(service.name) },
    running: { action: deployer.running() },
  });
  const running = answerOf<Running>(found['running'], 'what runs');
  return {
    artefact: answerOf<Artefact>(found['artefact'], 'what the artefact is'),
    places: placesOf(seen(found['traffic'] ?? null), running, wish.version),
  };
}

async function backUp(part: Part, deployer: Deployer, { old }: Places, version: string): Promise<JsonObject> {
  const backup = answerOf<JsonObject>(await part.step('dump', { action: deployer.backup() }), 'where the backup is');
  if (backup['verified'] !== true)
    throw new ProcedureStopped('the backup could not be verified', 'Look at what the deployer said.');
  await part.step('rehearse', { action: deployer.rehearse(old.version, version) });
  return backup;
}

async function verify(run: Run, { version, readyMs }: Wish, { next }: Places): Promise<void> {
  const deployer = deployerOf(run.target('service'));
  const found = await run.parallel('verify', {
    ready: {
      action: { kind: 'check', probe: deployer.ready(next.server), until: { path: 'exitCode', is: 0 }, everyMs: pollMs },
      timeoutMs: readyMs,
    },
    version: { action: deployer.version(next.server) },
  });
  const { version: answered } = answerOf<{ version: string }>(found['version'], 'which version runs there');
  if (answered === version) return;
  throw new ProcedureStopped(`${next.server} runs ${answered}, and ${version} was started`, 'See what the deployer starts.');
}

/** From here on the old version is only a way back; and after the contract there is none. */
async function retire(part: Part, { wish, places, deployer, traffic }: Deployment, artefact: Artefact): Promise<void> {
  const { old } = places;
  await part.step('drain', { action: traffic.drainOld(drainMs), undo: traffic.back() });
  await part.step('stop', { action: deployer.stop(old.server), undo: deployer.start(old.server, old.version) });
  await part.step('empty', { action: traffic.emptyOld(), undo: traffic.returnOld() });
  await contract(part, wish, places, deployer, artefact);
  await part.step('hold', { action: traffic.emptyOld() });
}

async function contract(part: Part, wish: Wish, { old }: Places, deployer: Deployer, artefact: Artefact): Promise<void> {
  const migrations = artefact.migrations.contract;
  if (migrations.length === 0) return part.notNeeded('contract', 'the release has no contract migrations');
  if (wish.contract === 'later') return part.notNeeded('contract', 'left for another time, as the inputs say');
  await part.nested('contract', async (nested) => {
    try {
      await nested.gate('approve', {
        evidence: { migrations: migrations.join(', '), 'no way back to': old.version },
        covers: { apply: migrations },
      });
    } catch (error) {
      // The deployment is good all the same: the schema stays as it is.
      if (!(error instanceof GateRejected)) throw error;
      return nested.notNeeded('apply', error.problem.message);
    }
    await nested.step('apply', { action: deployer.migrate('contract', wish.version) });
  });
}

/** What the approver sees, and exactly what the approval allows. */
function questionFor(
  wish: Wish,
  artefact: Artefact,
  { old, next }: Places,
  backup: JsonObject,
): { evidence: JsonObject; covers: JsonObject } {
  const { migrations } = artefact;
  return {
    evidence: {
      version: wish.version,
      'runs now': `${old.version} on ${old.server}`,
      artefact: artefact.digest,
      'change log': artefact.changelog.slice(0, 2_000),
      'expand migrations': migrations.expand.join(', ') || 'none',
      'contract migrations': migrations.contract.join(', ') || 'none',
      'rehearsed on a copy': 'both versions work after the expand migrations, and the way back works',
      'way back for the schema': migrations.expand.length === 0 ? 'not needed' : migrations.undo.join(', ') || 'none',
      backup: backup['file'] ?? 'not told',
      'traffic in percent': wish.shares.join(', '),
    },
    covers: { version: wish.version, digest: artefact.digest, from: old.version, to: next.server, shares: wish.shares },
  };
}
