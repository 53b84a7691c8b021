import { withReplicas, type SeenRollout } from '../../common/delivery/rollout.js';
import type { RolloutState } from '../../language/kinds/delivery/rollout.js';
import { later } from '../../language/reference.js';
import type { Work } from '../engine/attempts.js';
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

/** What a canary needs to know of the release. */
interface CanaryRelease {
  inputs: Inputs;
  cluster: Cluster;
  before: SeenRollout;
  image: string;
}

/** What a canary does, before its states are known. */
export function canaryWorks({ inputs, cluster, before, image }: CanaryRelease) {
  const state = later<RolloutState>('its state');
  const replicas = raising(inputs).map((share) => podsFor(share, before.replicas));
  return {
    'canary-image': imaging(cluster, state, image),
    'canary-scale': replicas.map((wanted, index) =>
      scaling(cluster, [state, state], [replicas[index - 1] ?? 0, wanted]),
    ),
    'canary-away': scaling(cluster, [state, state], [replicas.at(-1) ?? 0, 0]),
  };
}

function imaging({ canary }: Cluster, state: RolloutState, image: string): Work {
  return { action: canary.setImage(state, image), undo: canary.undo(state, image) };
}

/** @param states before and after it @param replicas the same */
function scaling(
  { canary }: Cluster,
  [before, after]: [RolloutState, RolloutState],
  [from, to]: [number, number],
): Work {
  return { action: canary.scale(before, to), undo: canary.scale(after, from) };
}

/** The shares at which both versions run. */
function raising({ shares }: Inputs): number[] {
  return shares.filter((share) => share < 100);
}

/**
 * Raises the new version's share of the pods step by step, and watches them at each.
 * @throws ProcedureStopped when it is bad
 */
export async function startCanary(
  part: Section,
  { inputs, cluster, before, image }: CanaryRelease,
): Promise<Canary> {
  const { canary } = cluster;
  const found = seenIn(await part.step('canary', { action: canary.observe() }));
  if (found.replicas > 0 || !found.settled) {
    throw new ProcedureStopped(
      `deployment ${found.deployment} has ${found.replicas} ` +
        'pods, and should have none before a canary',
      'Somebody may be trying something out there, or ' +
        'a canary was left half-way: scale it to 0 first.',
    );
  }
  const set = await part.step('canary-image', imaging(cluster, stateOf(found), image));
  let now: Canary = {
    state: stateOf(seenIn(set ?? (await part.step('canary', { action: canary.observe() })))),
    replicas: 0,
  };
  for (const share of raising(inputs)) {
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
  const states: [RolloutState, RolloutState] = [state, withReplicas(state, 0)];
  await part.step('canary-away', scaling(cluster, states, [replicas, 0]));
}

async function scaled(
  part: Section,
  cluster: Cluster,
  { state, replicas }: Canary,
  wanted: number,
): Promise<Canary> {
  const left = withReplicas(state, wanted);
  await part.step('canary-scale', scaling(cluster, [state, left], [replicas, wanted]));
  return { state: left, replicas: wanted };
}

/** The number of canary pods for a share of all pods in percent, at least one. */
function podsFor(share: number, others: number): number {
  return Math.max(1, Math.round((others * share) / (100 - share)));
}
