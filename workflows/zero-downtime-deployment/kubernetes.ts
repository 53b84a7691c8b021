import type { SeenRollout } from '../../common/delivery/rollout.js';
import type { Json, JsonObject } from '../../language/json.js';
import type { PlannedTarget } from '../../language/plan.js';
import type { RolloutState } from '../../language/kinds/delivery/rollout.js';
import { later } from '../../language/reference.js';
import type { Work } from '../engine/attempts.js';
import { inside } from '../engine/listed.js';
import { ProcedureStopped } from '../engine/outcome.js';
import type { Run, Section } from '../engine/surface.js';
import { canaryWorks, endCanary, startCanary } from './canary.js';
import { clusterOf, seenIn, stateOf, type Cluster } from './cluster.js';
import { backUp, contractWhenAllowed, expansion } from './database.js';
import type { Artefact } from '../../common/answers.js';
import { closingMessage } from '../shared/closing-message.js';
import { answerOf, deployerOf, type Deployer } from './deployer.js';
import { judged } from './judge.js';
import type { Inputs } from './inputs.js';

/*
 * The same procedure where the service is a Kubernetes Deployment: the cluster starts, checks and
 * retires pods by itself, so it needs no `start` and `verify`, and its rollout is the shift. A
 * deployer migrates the database, where the target names one.
 */

/** The least time that the old pods get to be all back, in milliseconds. */
const backMs = 120_000;

export function isOnKubernetes(service: PlannedTarget): boolean {
  return service.facts['platform'] === 'kubernetes';
}

/** Steps that only a Deployment needs. */
export const onlyOnKubernetes = [
  'release/deployment',
  'release/room',
  'shift/steady',
  'shift/canary',
  'shift/canary-image',
  'shift/canary-scale',
  'shift/canary-follow',
  'shift/canary-pods',
  'shift/image',
  'shift/cause',
  'shift/follow',
  'shift/unchanged',
  'shift/accept',
  'shift/canary-away',
  'watch/pods',
  'watch/accept',
  'retire/old',
];

/** Those of the steps for a Deployment that only a canary needs. */
const onlyForCanary = onlyOnKubernetes.filter((path) => path.includes('/canary'));

/** Steps that only a proxy needs. */
const onlyBehindProxy = [
  'release/traffic',
  'release/running',
  'hold',
  'watch/weight',
  'retire/hold',
  'roll',
  'start',
  'verify',
  'verify/ready',
  'verify/version',
  'shift/smoke',
  'shift/hold',
  'shift/baseline',
  'shift/rehearse',
  'shift/weight',
  'shift/measure',
  'watch/measure',
  'retire/drain',
  'retire/stop',
  'retire/empty',
];

const onlyWithDeployer = [
  'release/artefact',
  'backup',
  'backup/dump',
  'backup/rehearse',
  'migrate',
  'migrate/expand',
  'migrate/compatible',
];

/** What is deployed where. */
interface Release {
  inputs: Inputs;
  cluster: Cluster;
  deployer: Deployer | null;
  artefact: Artefact | null;
  before: SeenRollout;
  /** The version that runs now. */
  running: string;
  image: string;
}

export async function deployOnKubernetes(
  run: Run,
  inputs: Inputs,
  service: PlannedTarget,
): Promise<void> {
  const deployer = service.facts['deployer'] === undefined ? null : deployerOf(service);
  run.notNeeded(onlyBehindProxy, 'the service runs on Kubernetes');
  if (inputs.strategy !== 'canary')
    run.notNeeded(onlyForCanary, 'the pods are replaced one after the other');
  if (!deployer)
    run.notNeeded(
      onlyWithDeployer,
      'the target names no deployer, so there is no database to look after',
    );

  const release = await lookAtRelease(run, inputs, clusterOf(service), deployer);
  const { running, image, before } = release;
  const backup =
    deployer &&
    (await run.nested('backup', (part) => backUp(part, deployer, running, inputs.version)));
  const closing = (fields: JsonObject): Work => ({
    action: closingMessage(
      inputs.notify,
      `${service.name} runs ${inputs.version}; ${running} is retired (revision ` +
        `${before.revision} of ${before.deployment}).`,
      fields,
    ),
  });
  await run.gate('approve', {
    evidence: evidenceOf(release, backup),
    actions: {
      ...inside('migrate', { expand: deployer && expansion(deployer, inputs.version) }),
      ...inside('shift', {
        ...(inputs.strategy === 'canary' ? canaryWorks(release) : {}),
        ...rollingOut(release, later('state of the Deployment'), run.id),
      }),
      notify: [closing(later('outputs'))],
    },
  });
  if (deployer) {
    await run.nested('migrate', async (part) => {
      await part.step('expand', expansion(deployer, inputs.version));
      await part.step('compatible', { action: deployer.schema(running) });
    });
  }
  const left = await run.nested('shift', (part) => rollOut(part, release, run.id));
  await run.nested('watch', (part) => watchPods(part, release, left));
  await run.nested('retire', (part) => retire(part, release));

  const outputs: JsonObject = {
    version: inputs.version,
    image,
    before: running,
    backup: backup?.['file'] ?? null,
  };
  run.setOutputs(outputs);
  await run.attemptStep('notify', closing(outputs));
}

async function lookAtRelease(
  run: Run,
  inputs: Inputs,
  cluster: Cluster,
  deployer: Deployer | null,
): Promise<Release> {
  const found = await run.parallel<Record<string, Json>>('release', {
    deployment: { action: cluster.stable.observe() },
    room: {
      action: cluster.stable.observe(),
      expect: [
        {
          condition: { cel: 'out.maxUnavailable == 0' },
          otherwise:
            'pods may be missing during a rollout of this ' +
            'Deployment, so users have fewer of them while it lasts',
          next:
            'Set `maxUnavailable: 0` in its strategy and ' +
            'say `retry`, or go on all the same with `skip`.',
        },
      ],
    },
    ...(deployer
      ? { artefact: { action: deployer.artefact(inputs.version, inputs.artefact) } }
      : {}),
  });
  const before = seenIn(found['deployment'] ?? null);
  const artefact =
    deployer && answerOf(found['artefact'], 'deployer-artefact', 'what the artefact is');
  const image = cluster.imageOf(inputs.version, inputs.artefact);
  return {
    inputs,
    cluster,
    deployer,
    artefact,
    before,
    running: runningIn(before, cluster, inputs, image),
    image,
  };
}

/**
 * Reads the running version, and checks that no rollout is in progress and that rollback is
 * possible.
 * @throws ProcedureStopped
 */
function runningIn(
  before: SeenRollout,
  cluster: Cluster,
  { strategy, version }: Inputs,
  image: string,
): string {
  const stop = (what: string, next: string): never => {
    throw new ProcedureStopped(`deployment ${before.deployment} ${what}`, next);
  };
  if (strategy === 'blue-green')
    stop(
      'cannot be deployed to as blue-green',
      'Its pods are replaced one after the other: say strategy=rolling.',
    );
  if (strategy === 'canary' && cluster.canaryName === null) {
    stop(
      'has no second Deployment for a canary',
      'Say strategy=rolling, or name one in the fact ' +
        '`canary` of the target: see docs/deploying.md.',
    );
  }
  const running = cluster.versionOf(before.image);
  if (running === null)
    return stop(
      `runs ${before.image}`,
      `The target says that its image is ${cluster.imageOf('…', null)}.`,
    );
  if (before.image === image)
    stop(`runs version ${version} already`, 'There is nothing to deploy.');
  if (before.paused)
    stop('is paused', 'Somebody has paused it: `kubectl rollout resume` lets it go on.');
  if (!before.settled) {
    stop(
      `is being rolled out, or lacks pods: ${before.available} of ${before.replicas} are available`,
      'Somebody may be deploying: wait for `kubectl rollout status`, or mend it first.',
    );
  }
  if (before.strategy !== 'RollingUpdate')
    stop(
      `has the strategy ${before.strategy}`,
      'It ends all pods before it starts others: make it RollingUpdate.',
    );
  if (before.kept < 1)
    stop('keeps no revision to go back to', 'Set its revisionHistoryLimit to 1 or more.');
  return running;
}

/** What gives the Deployment its new image. @param from its state before */
function rollingOut(
  { inputs, cluster, before, image }: Release,
  from: RolloutState,
  run: string,
): { image: Work; cause: Work } {
  return {
    image: {
      action: cluster.stable.setImage(from, image),
      undo: cluster.stable.undo(stateOf(before), image),
    },
    cause: { action: cluster.note(`${inputs.version}, run ${run}`) },
  };
}

/**
 * Rolls out one image and follows it to its end. The undo goes back to the previous revision and
 * waits until all its pods are there.
 * @returns the Deployment as this run leaves it
 */
async function rollOut(part: Section, release: Release, run: string): Promise<RolloutState> {
  const { inputs, cluster, before } = release;
  const { stable } = cluster;
  const found = stateOf(before);
  const steady = await part.step('steady', {
    action: stable.compare(found),
    undo: stable.follow(found, Math.max(inputs.readyMs, backMs)),
  });
  const canary = inputs.strategy === 'canary' ? await startCanary(part, release) : null;
  const from =
    steady === null
      ? stateOf(seenIn(await part.step('accept', { action: stable.observe() })))
      : found;
  const { image, cause } = rollingOut(release, from, run);
  const set = await part.step('image', image);
  let left = await orAsItIs(part, cluster, set);
  await part.step('cause', cause);
  const since = new Date().toISOString();
  const followed = await part.step('follow', {
    action: stable.follow(left, inputs.readyMs, since),
    timeoutMs: inputs.readyMs + 60_000,
  });
  const unchanged = await part.step('unchanged', { action: stable.compare(left) });
  if (followed === null || unchanged === null) left = await orAsItIs(part, cluster, null);
  if (canary) await endCanary(part, cluster, canary);
  return left;
}

/** After people accept a change by somebody else, the run continues with that state. */
async function orAsItIs(part: Section, cluster: Cluster, output: Json): Promise<RolloutState> {
  return stateOf(
    seenIn(output ?? (await part.step('accept', { action: cluster.stable.observe() }))),
  );
}

async function watchPods(
  part: Section,
  { inputs, cluster }: Release,
  left: RolloutState,
): Promise<void> {
  let state = left;
  for (let window = Math.ceil(inputs.watchMs / inputs.windowMs); window > 0; window -= 1) {
    const watched = await part.step('pods', {
      action: cluster.stable.watch(state, inputs.windowMs),
      timeoutMs: inputs.windowMs + 120_000,
    });
    part.decide('judge', () => judged(watched, 'while it was watched'));
    if (watched === null) state = await orAsItIs(part, cluster, null);
  }
}

/**
 * The rollout has ended the old pods, each after its grace period. Their ReplicaSet stays, without
 * pods, for a rollback.
 */
async function retire(
  part: Section,
  { inputs, cluster, deployer, artefact, before, running }: Release,
): Promise<void> {
  if (before.replicaSet === null)
    part.notNeeded('old', 'the Deployment does not name its old ReplicaSet');
  else await part.step('old', { action: cluster.gone(before.replicaSet) });
  if (deployer && artefact)
    await contractWhenAllowed(part, { inputs, deployer, artefact, running });
  else part.notNeeded('contract', 'there is no database to look after');
}

/** What the approver sees. */
function evidenceOf(
  { inputs, cluster, artefact, before, running, image }: Release,
  backup: JsonObject | null,
): JsonObject {
  const deployment = `deployment/${before.deployment}`;
  return {
    version: inputs.version,
    'runs now':
      `${running}, revision ${before.revision} of deployment ` +
      `${before.deployment}, ${before.replicas} pods`,
    image,
    ...(inputs.strategy === 'canary'
      ? { canary: `${cluster.canaryName}, ${inputs.shares.join(', ')} % of the pods` }
      : {}),
    ...(before.autoscaler === null
      ? {}
      : { autoscaler: `${before.autoscaler} decides how many pods there are` }),
    'pods that may be missing meanwhile': before.maxUnavailable,
    'way back': `kubectl rollout undo ${deployment} --to-revision=${before.revision}`,
    ...(artefact
      ? {
          'change log': artefact.changelog.slice(0, 2_000),
          'expand migrations': artefact.migrations.expand.join(', ') || 'none',
          'contract migrations': artefact.migrations.contract.join(', ') || 'none',
          'way back for the schema': artefact.migrations.undo.join(', ') || 'none',
          backup: backup?.['file'] ?? 'not told',
        }
      : {}),
  };
}
