import type { JsonObject } from '../../language/json.js';
import { later } from '../../language/reference.js';
import { zeroDowntimeDeploymentSpec } from './spec.js';
import { ProcedureStopped } from '../engine/outcome.js';
import type { Work } from '../engine/attempts.js';
import { inside } from '../engine/listed.js';
import type { Run, Section } from '../engine/surface.js';
import { runbook } from '../engine/runbook.js';
import { closingMessage } from '../shared/closing-message.js';
import { backUp, contractWhenAllowed, expansion } from './database.js';
import type { Artefact } from '../../common/answers.js';
import { answerOf, deployerOf, type Deployer } from './deployer.js';
import { deployOnKubernetes, isOnKubernetes, onlyOnKubernetes } from './kubernetes.js';
import { asBefore, noticedOf, observe, placesOf, seen, trafficFor, type Places } from './pool.js';
import { serverByServer } from './rolling.js';
import { measuring, shifted, shifting, shiftTraffic, watchOver, type Deployment } from './shift.js';
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

    const closing = (old: string, fields: JsonObject): Work => ({
      action: closingMessage(
        inputs.notify,
        `${service.name} runs ${inputs.version}; ${old} is retired.`,
        fields,
      ),
    });

    const { artefact, strategy } = await lookAtRelease(run, inputs);
    const backup = await run.nested('backup', (part) =>
      backUp(part, deployer, strategy.old, inputs.version),
    );
    await run.gate('approve', {
      evidence: evidenceOf(inputs, artefact, strategy, backup),
      actions: {
        hold: [holding(strategy)],
        ...inside('migrate', { expand: expansion(deployer, inputs.version) }),
        ...strategy.actions,
        notify: [closing(strategy.old, later('outputs'))],
      },
    });

    const { version } = inputs;
    // Undone last: a proxy that was restarted in the meantime may have lost its weights.
    await run.step('hold', holding(strategy));
    await run.nested('migrate', async (part) => {
      await part.step('expand', expansion(deployer, version));
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
    await run.attemptStep('notify', closing(strategy.old, outputs));
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
  const starting = {
    action: deployer.start(next.server, inputs.version),
    undo: deployer.stop(next.server),
  };
  const planned = trafficFor(service, places, later('steps.start.address'));
  return {
    old: old.version,
    evidence: {
      'runs now': `${old.version} on ${old.server}`,
      'traffic in percent': inputs.shares.join(', '),
      ...noticed,
    },
    actions: {
      start: [starting],
      ...inside('shift', shifting(planned, inputs)),
      ...inside('watch', { weight: shifted(planned) }),
      ...inside('retire', retiring(deployer, places, planned)),
    },
    hold: asBefore(service, places),
    async replace(artefact) {
      const started = await run.step('start', starting);
      const { address } = answerOf(started, 'deployer-started', 'where the new version runs');
      await verify(run, inputs, places);
      const traffic = trafficFor(service, places, address);
      const deployment: Deployment = { service, inputs, places, deployer, traffic };
      const before = await run.nested('shift', (part) => shiftTraffic(part, deployment));
      run.notNeeded('roll', 'the new version has a server of its own');
      const action = measuring(deployment, { candidate: next.server, before });
      await run.nested('watch', (part) => watchOver(part, inputs, action, shifted(traffic)));
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
        until: { cel: 'out.exitCode == 0' },
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

function retiring(deployer: Deployer, { old }: Places, traffic: Deployment['traffic']) {
  return {
    drain: { action: traffic.drainOld(drainMs), undo: traffic.back() },
    stop: {
      action: deployer.stop(old.server),
      undo: deployer.start(old.server, old.version),
    },
    empty: { action: traffic.emptyOld(), undo: traffic.returnOld() },
    hold: { action: traffic.emptyOld() },
  };
}

/** From here on the old version serves only a rollback; after the contract there is none. */
async function retire(
  part: Section,
  { inputs, places, deployer, traffic }: Deployment,
  artefact: Artefact,
): Promise<void> {
  const { drain, stop, empty, hold } = retiring(deployer, places, traffic);
  await part.step('drain', drain);
  await part.step('stop', stop);
  await part.step('empty', empty);
  await contractWhenAllowed(part, { inputs, deployer, artefact, running: places.old.version });
  await part.step('hold', hold);
}

function holding({ hold }: Strategy): Work {
  return { action: hold, undo: hold };
}

/** What the approver sees. */
function evidenceOf(
  inputs: Inputs,
  artefact: Artefact,
  strategy: Strategy,
  backup: JsonObject,
): JsonObject {
  const { migrations } = artefact;
  return {
    version: inputs.version,
    ...strategy.evidence,
    artefact: artefact.digest,
    'change log': artefact.changelog.slice(0, 2_000),
    'expand migrations': migrations.expand.join(', ') || 'none',
    'contract migrations': migrations.contract.join(', ') || 'none',
    'rehearsed on a copy': 'both versions work after the expand migrations, and the way back works',
    'way back for the schema':
      migrations.expand.length === 0 ? 'not needed' : migrations.undo.join(', ') || 'none',
    backup: backup['file'] ?? 'not told',
  };
}
