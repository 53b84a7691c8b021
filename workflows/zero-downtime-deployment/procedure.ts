import type { JsonObject } from '../../language/json.js';
import { zeroDowntimeDeploymentSpec } from './spec.js';
import { ProcedureStopped } from '../engine/outcome.js';
import type { Run, Section } from '../engine/surface.js';
import { runbook } from '../engine/runbook.js';
import { backUp, contractWhenAllowed } from './database.js';
import { answerOf, deployerOf, type Artefact, type Deployer } from './deployer.js';
import { deployOnKubernetes, isOnKubernetes, onlyOnKubernetes } from './kubernetes.js';
import { asBefore, noticedOf, observe, placesOf, seen, trafficFor, type Places } from './pool.js';
import { serverByServer } from './rolling.js';
import { measuring, shiftTraffic, watchOver, type Deployment } from './shift.js';
import type { Strategy } from './strategy.js';
import { readInputs, type Inputs } from './inputs.js';

const pollMs = 500;
/** How long requests of the old version may take to end. */
const drainMs = 60_000;

/**
 * Deploys a release beside the running one, shifts the traffic to it while it does well, and
 * retires the old one.
 */
export const zeroDowntimeDeployment = runbook(
  zeroDowntimeDeploymentSpec,
  async (run) => {
    const inputs = readInputs(run.inputs);
    const service = run.target('service');
    if (isOnKubernetes(service)) return deployOnKubernetes(run, inputs, service);
    run.notNeeded(onlyOnKubernetes, 'the service runs behind a proxy');
    const deployer = deployerOf(service);

    const { artefact, strategy } = await lookAtRelease(run, inputs);
    const backup = await run.nested('backup', (part) =>
      backUp(part, deployer, strategy.old, inputs.version),
    );
    await run.gate('approve', questionFor(inputs, artefact, strategy, backup));

    const { version } = inputs;
    // Undone last: a proxy that was restarted in the meantime may have lost its weights.
    await run.step('hold', { action: strategy.hold, undo: strategy.hold });
    await run.nested('migrate', async (part) => {
      await part.step('expand', {
        action: deployer.migrate('expand', version),
        undo: deployer.migrate('undo', version),
      });
      await part.step('compatible', { action: deployer.schema(strategy.old) });
    });
    const placed = await strategy.replace(artefact);

    const outputs: JsonObject = {
      version,
      ...placed,
      before: strategy.old,
      backup: backup['file'] ?? null,
    };
    run.setOutputs(outputs);
    await run.attemptStep('notify', {
      action: {
        kind: 'notify',
        ...(inputs.notify === undefined ? {} : { target: inputs.notify }),
        text: `${service.name} runs ${version}; ${strategy.old} is retired.`,
        fields: outputs,
      },
    });
  },
  () => 'rollback',
);

async function lookAtRelease(
  run: Run,
  inputs: Inputs,
): Promise<{ artefact: Artefact; strategy: Strategy }> {
  const service = run.target('service');
  const deployer = deployerOf(service);
  const found = await run.parallel('release', {
    artefact: { action: deployer.artefact(inputs.version, inputs.artefact) },
    traffic: { action: observe(service.name) },
    running: { action: deployer.running() },
  });
  const running = answerOf(found['running'], 'deployer-running', 'what runs');
  const artefact = answerOf(found['artefact'], 'deployer-artefact', 'what the artefact is');
  const pool = seen(found['traffic'] ?? null);
  const { strategy } = inputs;
  if (strategy === 'rolling')
    return { artefact, strategy: serverByServer(run, inputs, deployer, pool, running) };
  const places = placesOf(pool, running, inputs.version);
  return { artefact, strategy: besideTheOld(run, inputs, deployer, places, noticedOf(pool)) };
}

/** The strategies that start the new version on a server of its own and shift the traffic to it. */
function besideTheOld(
  run: Run,
  inputs: Inputs,
  deployer: Deployer,
  places: Places,
  noticed: Record<string, string>,
): Strategy {
  const { old, next } = places;
  const service = run.target('service').name;
  return {
    old: old.version,
    evidence: {
      'runs now': `${old.version} on ${old.server}`,
      'traffic in percent': inputs.shares.join(', '),
      ...noticed,
    },
    covers: { from: old.version, to: next.server, shares: inputs.shares },
    hold: asBefore(service, places),
    async replace(artefact) {
      const started = await run.step('start', {
        action: deployer.start(next.server, inputs.version),
        undo: deployer.stop(next.server),
      });
      const { address } = answerOf(started, 'deployer-started', 'where the new version runs');
      await verify(run, inputs, places);
      const traffic = trafficFor(service, places, address);
      const deployment: Deployment = { service, inputs, places, deployer, traffic };
      const before = await run.nested('shift', (part) => shiftTraffic(part, deployment));
      run.notNeeded('roll', 'the new version has a server of its own');
      const action = measuring(deployment, { candidate: next.server, before });
      await run.nested('watch', (part) =>
        watchOver(part, inputs, action, { set: traffic.share(100), back: traffic.back() }),
      );
      await run.nested('retire', (part) => retire(part, deployment, artefact));
      return { server: next.server, address };
    },
  };
}

async function verify(run: Run, { version, readyMs }: Inputs, { next }: Places): Promise<void> {
  const deployer = deployerOf(run.target('service'));
  const found = await run.parallel('verify', {
    ready: {
      action: {
        kind: 'check',
        probe: deployer.ready(next.server),
        until: { path: 'exitCode', is: 0 },
        everyMs: pollMs,
      },
      timeoutMs: readyMs,
    },
    version: { action: deployer.version(next.server) },
  });
  const { version: answered } = answerOf(
    found['version'],
    'deployer-version',
    'which version runs there',
  );
  if (answered === version) return;
  throw new ProcedureStopped(
    `${next.server} runs ${answered}, and ${version} was started`,
    'See what the deployer starts.',
  );
}

/** From here on the old version serves only a rollback; after the contract there is none. */
async function retire(
  part: Section,
  { inputs, places, deployer, traffic }: Deployment,
  artefact: Artefact,
): Promise<void> {
  const { old } = places;
  await part.step('drain', { action: traffic.drainOld(drainMs), undo: traffic.back() });
  await part.step('stop', {
    action: deployer.stop(old.server),
    undo: deployer.start(old.server, old.version),
  });
  await part.step('empty', { action: traffic.emptyOld(), undo: traffic.returnOld() });
  await contractWhenAllowed(part, { inputs, deployer, artefact, running: old.version });
  await part.step('hold', { action: traffic.emptyOld() });
}

/** What the approver sees, and exactly what the approval allows. */
function questionFor(
  inputs: Inputs,
  artefact: Artefact,
  strategy: Strategy,
  backup: JsonObject,
): { evidence: JsonObject; covers: JsonObject } {
  const { migrations } = artefact;
  return {
    evidence: {
      version: inputs.version,
      ...strategy.evidence,
      artefact: artefact.digest,
      'change log': artefact.changelog.slice(0, 2_000),
      'expand migrations': migrations.expand.join(', ') || 'none',
      'contract migrations': migrations.contract.join(', ') || 'none',
      'rehearsed on a copy':
        'both versions work after the expand migrations, and the way back works',
      'way back for the schema':
        migrations.expand.length === 0 ? 'not needed' : migrations.undo.join(', ') || 'none',
      backup: backup['file'] ?? 'not told',
    },
    covers: { version: inputs.version, digest: artefact.digest, ...strategy.covers },
  };
}
