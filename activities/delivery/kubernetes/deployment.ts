import type { SeenRollout } from '../../../common/delivery/rollout.js';
import { digestOf, shortDigest } from '../../../language/digest.js';
import type { RolloutState } from '../../../language/kinds/delivery/rollout.js';
import { StepFailure } from '../../failure.js';
import { fieldManager } from './kubectl.js';
import type { LabelSelector } from './selector.js';

/*
 * A Deployment of the API `apps/v1`, as far as it is used here. Its specification is compared part
 * by part, not by its generation alone: the generation says that somebody has changed something,
 * the parts say what.
 */

type Fields = Record<string, unknown>;

interface Container extends Fields {
  name: string;
  image: string;
}

interface ManagedFields {
  manager?: string;
  subresource?: string;
  time?: string;
  fieldsV1?: object;
}

export interface DeploymentObject {
  metadata: {
    name: string;
    generation: number;
    annotations?: Record<string, string>;
    managedFields?: ManagedFields[];
  };
  spec: Fields & {
    replicas?: number;
    paused?: boolean;
    revisionHistoryLimit?: number;
    selector: LabelSelector;
    strategy?: {
      type?: string;
      rollingUpdate?: { maxUnavailable?: number | string; maxSurge?: number | string };
    };
    template: {
      metadata?: { labels?: Record<string, string>; annotations?: Record<string, string> };
      spec: Fields & { containers: Container[]; initContainers?: Container[] };
    };
  };
  status?: {
    observedGeneration?: number;
    replicas?: number;
    updatedReplicas?: number;
    availableReplicas?: number;
    conditions?: { type: string; message?: string }[];
  };
}

const revisionNote = 'deployment.kubernetes.io/revision';

/** @throws StepFailure Configuration when it has no such container */
export function seenRollout(
  object: DeploymentObject,
  container: string,
  autoscaler: string | null,
): SeenRollout {
  const { metadata, spec, status = {} } = object;
  const own = spec.template.spec.containers.find(({ name }) => name === container);
  if (!own) {
    const names = spec.template.spec.containers.map(({ name }) => name).join(', ');
    throw new StepFailure(
      'Configuration',
      `deployment ${metadata.name} has no container ${JSON.stringify(container)}`,
      {
        next: `It has ${names}: correct the fact \`container\` of the target.`,
      },
    );
  }
  const { replicas = 1 } = spec;
  const { replicas: all = 0, updatedReplicas = 0, availableReplicas = 0 } = status;
  const complete =
    all === replicas && updatedReplicas === replicas && availableReplicas === replicas;
  return {
    deployment: metadata.name,
    generation: metadata.generation,
    revision: Number(metadata.annotations?.[revisionNote] ?? 0),
    parts: partsOf(object),
    autoscaler,
    image: own.image,
    replicas,
    available: availableReplicas,
    settled: (status.observedGeneration ?? 0) >= metadata.generation && complete,
    paused: spec.paused ?? false,
    strategy: spec.strategy?.type ?? 'RollingUpdate',
    maxUnavailable: missingAllowed(spec.strategy?.rollingUpdate, replicas),
    kept: spec.revisionHistoryLimit ?? 10,
    replicaSet: newReplicaSet(status),
  };
}

/** The controller names the ReplicaSet in its progress message. */
function newReplicaSet({
  conditions = [],
}: NonNullable<DeploymentObject['status']>): string | null {
  const said = conditions.find(({ type }) => type === 'Progressing')?.message ?? '';
  return /ReplicaSet "([^"]+)"/.exec(said)?.[1] ?? null;
}

/**
 * Kubernetes rounds the percentage of missing pods down, that of surplus pods up; never both to 0.
 */
function missingAllowed(
  update: NonNullable<DeploymentObject['spec']['strategy']>['rollingUpdate'],
  replicas: number,
): number {
  const { maxUnavailable = '25%', maxSurge = '25%' } = update ?? {};
  const count = (value: number | string, round: (share: number) => number): number =>
    typeof value === 'number' ? value : round((Number.parseFloat(value) / 100) * replicas);
  const missing = count(maxUnavailable, Math.floor);
  return missing === 0 && count(maxSurge, Math.ceil) === 0 ? 1 : missing;
}

/**
 * Short values as they are, so that messages can quote them; others by digest, so that no secret is
 * kept.
 */
function partsOf({ spec }: DeploymentObject): Record<string, string> {
  const { template, ...own } = spec;
  const { containers, initContainers = [], ...pod } = template.spec;
  const parts: Record<string, string> = {};
  const add = (name: string, value: unknown): void => {
    parts[name] = shortDigest(digestOf(value));
  };
  for (const [key, value] of Object.entries(own)) add(key, value);
  parts['replicas'] = String(spec.replicas ?? 1);
  for (const kind of ['labels', 'annotations'] as const)
    for (const [key, value] of Object.entries(template.metadata?.[kind] ?? {}))
      add(`pod ${kind}: ${key}`, value);
  for (const [key, value] of Object.entries(pod)) add(`pod: ${key}`, value);
  for (const container of [...initContainers, ...containers]) {
    for (const [key, value] of Object.entries(container))
      add(`container ${container.name}: ${key}`, value);
    parts[imagePart(container.name)] = container.image;
  }
  return parts;
}

function imagePart(container: string): string {
  return `container ${container}: image`;
}

/** The state that setting this image leads to. */
export function withImage(state: RolloutState, container: string, image: string): RolloutState {
  return { ...state, parts: { ...state.parts, [imagePart(container)]: image } };
}

/** What differs from the expected state, in words. An autoscaler may change the number of pods. */
export function differences(
  expected: RolloutState,
  { parts }: Pick<RolloutState, 'parts'>,
): string[] {
  const names = [...new Set([...Object.keys(expected.parts), ...Object.keys(parts)])].sort();
  return names
    .filter(
      (name) =>
        expected.parts[name] !== parts[name] &&
        !(name === 'replicas' && expected.autoscaler !== null),
    )
    .map((name) => {
      const [before, now] = [expected.parts[name], parts[name]];
      if (before === undefined) return `${name} was added`;
      if (now === undefined) return `${name} was removed`;
      return name === 'replicas' || name.endsWith(': image')
        ? `${name} ${before} → ${now}`
        : `${name} was changed`;
    });
}

/**
 * Who last changed the specification, runbooks excepted, from its managed fields; '' if not known.
 */
export function lastChange({ metadata }: DeploymentObject): string {
  const [last] = (metadata.managedFields ?? [])
    .filter(
      ({ manager, subresource, fieldsV1 = {} }) =>
        manager !== fieldManager && subresource === undefined && 'f:spec' in fieldsV1,
    )
    .filter(
      ({ manager, time }) =>
        manager !== undefined && manager !== 'kube-controller-manager' && time !== undefined,
    )
    .sort((one, other) => (other.time ?? '').localeCompare(one.time ?? ''));
  return last ? `with ${last.manager}, ${last.time?.slice(0, 19).replace('T', ' ')} UTC` : '';
}
