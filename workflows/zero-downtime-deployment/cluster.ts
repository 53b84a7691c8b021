import type { SeenRollout } from '../../common/delivery/rollout.js';
import type { Json } from '../../language/json.js';
import type { PlannedTarget } from '../../language/plan.js';
import type { CheckAction } from '../../language/kinds/check.js';
import type { CommandAction } from '../../language/kinds/command.js';
import type { RolloutAction, RolloutState } from '../../language/kinds/delivery/rollout.js';
import { ProcedureStopped } from '../engine/outcome.js';

const pollMs = 500;

/** The annotation of a Deployment's rollout history that says who changed it. */
const changeCause = 'kubernetes.io/change-cause';

/**
 * The actions on a target's Deployment, as data.
 * @throws ProcedureStopped
 */
export function clusterOf(service: PlannedTarget) {
  const fact = (name: string): string => {
    const value = service.facts[name];
    if (typeof value === 'string' && value !== '') return value;
    throw new ProcedureStopped(
      `target ${service.name} does not say its ${name}`,
      'Its facts need kubeconfig, context, namespace, ' +
        'deployment, container and image: see docs/deploying.md.',
    );
  };
  const optional = (name: string, otherwise: string): string =>
    service.facts[name] === undefined ? otherwise : fact(name);
  const deployment = fact('deployment');
  const image = fact('image');
  const canary = service.facts['canary'] === undefined ? null : fact('canary');
  const kubectl = (...args: string[]): CommandAction => ({
    kind: 'command',
    target: service.name,
    argv: [
      optional('kubectl', 'kubectl'),
      `--kubeconfig=${fact('kubeconfig')}`,
      `--context=${fact('context')}`,
      `--namespace=${fact('namespace')}`,
      ...args,
    ],
    idempotent: true,
  });
  /** @param name null: the Deployment of the target */
  const rollout = (
    name: string | null,
    what: Omit<RolloutAction, 'kind' | 'target' | 'deployment'>,
  ): RolloutAction => ({
    kind: 'rollout',
    target: service.name,
    ...(name === null ? {} : { deployment: name }),
    ...what,
  });
  const doing = (name: string | null) => ({
    observe: () => rollout(name, { operation: 'observe' }),
    compare: (state: RolloutState) => rollout(name, { operation: 'compare', state }),
    /** From this state, to this image. */
    setImage: (state: RolloutState, to: string) =>
      rollout(name, { operation: 'image', state, image: to }),
    /** Back to the revision of this state, from this image. */
    undo: (state: RolloutState, from: string) =>
      rollout(name, { operation: 'undo', state, image: from }),
    scale: (state: RolloutState, replicas: number) =>
      rollout(name, { operation: 'scale', state, replicas }),
    /**
     * @param since ISO time from which the limit counts; absent: the start of each attempt
     */
    follow: (state: RolloutState, limitMs: number, since?: string) =>
      rollout(name, {
        operation: 'follow',
        state,
        limitMs,
        ...(since === undefined ? {} : { since }),
      }),
    watch: (state: RolloutState, limitMs: number) =>
      rollout(name, { operation: 'watch', state, limitMs }),
  });
  return {
    name: deployment,
    canaryName: canary,
    stable: doing(null),
    canary: doing(canary),
    /** @param digest pins the image to it, where it is known */
    imageOf: (version: string, digest: string | null) =>
      `${image}:${version}${digest === null ? '' : `@${digest}`}`,
    /** The version that an image is; null when it is another repository's. */
    versionOf: (running: string) =>
      running.startsWith(`${image}:`) ? running.slice(image.length + 1).replace(/@.*$/, '') : null,
    /** Who did it and why, for `kubectl rollout history`. */
    note: (cause: string) =>
      kubectl(
        'annotate',
        `deployment/${deployment}`,
        `${changeCause}=${cause}`,
        '--overwrite',
        '--field-manager=durable-runbooks',
      ),
    /** Holds when the rollout has left no pod of this ReplicaSet. */
    gone: (replicaSet: string): CheckAction => ({
      kind: 'check',
      probe: kubectl('get', `replicaset/${replicaSet}`, '-o', 'jsonpath={.status.replicas}'),
      until: { cel: 'out.stdout == "0"' },
      everyMs: pollMs,
      progress: ['stdout'],
    }),
  };
}

export type Cluster = ReturnType<typeof clusterOf>;

/** @throws ProcedureStopped when a person skipped the step */
export function seenIn(output: Json): SeenRollout {
  if (output !== null) return output as unknown as SeenRollout;
  throw new ProcedureStopped(
    'nobody has looked at the Deployment',
    'Without that nothing can be changed safely.',
  );
}

/** Only the fields that are compared: the state travels in every step from here on. */
export function stateOf({ generation, revision, parts, autoscaler }: RolloutState): RolloutState {
  return { generation, revision, parts, autoscaler };
}
