import { withReplicas, type SeenRollout } from '../../common/rollout.js';
import type { RolloutState } from '../../language/runbook.js';
import { ProcedureStopped } from '../engine/outcome.js';
import type { Section } from '../engine/surface.js';
import { seenIn, stateOf, type Cluster } from './cluster.js';
import { judged } from './judge.js';
import type { Inputs } from './inputs.js';

/*
 * A canary on Kubernetes: a second Deployment behind the same Service, normally without pods. Its
 * share of the requests is its share of the pods, so it is scaled up, and down to 0 again when the
 * Deployment itself has the new version.
 */

/** The second Deployment as this run has left it. */
export interface Canary {
  state: RolloutState;
  replicas: number;
}

/**
 * Raises the new version's share of the pods step by step, and watches them at each.
 * @throws ProcedureStopped when it is bad
 */
export async function startCanary(
  part: Section,
  {
    inputs,
    cluster,
    before,
    image,
  }: { inputs: Inputs; cluster: Cluster; before: SeenRollout; image: string },
): Promise<Canary> {
  const { canary } = cluster;
  const found = seenIn(await part.step('canary', { action: canary.observe() }));
  if (found.replicas > 0 || !found.settled) {
    throw new ProcedureStopped(
      `deployment ${found.deployment} has ${found.replicas} pods, and should have none before a canary`,
      'Somebody may be trying something out there, or a canary was left half-way: scale it to 0 first.',
    );
  }
  const set = await part.step('canary-image', {
    action: canary.setImage(stateOf(found), image),
    undo: canary.undo(stateOf(found), image),
  });
  let now: Canary = {
    state: stateOf(seenIn(set ?? (await part.step('canary', { action: canary.observe() })))),
    replicas: 0,
  };
  for (const share of inputs.shares.filter((each) => each < 100)) {
    const replicas = podsFor(share, before.replicas);
    now = await scaled(part, cluster, now, replicas);
    await part.step('canary-follow', {
      action: canary.follow(now.state, inputs.readyMs, new Date().toISOString()),
      timeoutMs: inputs.readyMs + 60_000,
    });
    const watched = await part.step('canary-pods', {
      action: canary.watch(now.state, inputs.windowMs),
      timeoutMs: inputs.windowMs + 120_000,
    });
    part.decide('judge', () =>
      judged(watched, `as a canary of ${replicas} pods beside ${before.replicas}`),
    );
  }
  return now;
}

/** Removes the canary: the Deployment itself has the new version. */
export async function endCanary(
  part: Section,
  cluster: Cluster,
  { state, replicas }: Canary,
): Promise<void> {
  await part.step('canary-away', {
    action: cluster.canary.scale(state, 0),
    undo: cluster.canary.scale(withReplicas(state, 0), replicas),
  });
}

async function scaled(
  part: Section,
  cluster: Cluster,
  { state, replicas }: Canary,
  wanted: number,
): Promise<Canary> {
  const left = withReplicas(state, wanted);
  await part.step('canary-scale', {
    action: cluster.canary.scale(state, wanted),
    undo: cluster.canary.scale(left, replicas),
  });
  return { state: left, replicas: wanted };
}

/** The number of canary pods for a share of all pods in percent, at least one. */
function podsFor(share: number, others: number): number {
  return Math.max(1, Math.round((others * share) / (100 - share)));
}
