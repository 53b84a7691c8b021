import type { ActionRules } from '../rules.js';
import { atTarget, shown, time } from '../words.js';

/**
 * The state of a Kubernetes Deployment, compared to find out whether somebody else has changed it.
 */
export interface RolloutState {
  /** Counts the changes of its specification. */
  generation: number;
  /** Number of the revision in its rollout history. */
  revision: number;
  /** The specification by part: short values as they are, others as digests. */
  parts: Readonly<Record<string, string>>;
  /** Name of the autoscaler that decides how many pods there are; null when the Deployment does. */
  autoscaler: string | null;
}

/**
 * Does something to a target's Deployment with kubectl, unless somebody else has changed it since
 * the run last saw it.
 */
export interface RolloutAction {
  kind: 'rollout';
  /** Its facts name kubeconfig, context, namespace, deployment and container. */
  target: string;
  /**
   * observe: what runs; compare: is it still as `state` says; image: gives it `image`; scale: to
   * `replicas`; undo: back to the revision of `state`, if all that has changed since is `image`;
   * follow: waits until every pod is of the newest revision and available; watch: looks at the pods
   * for `limitMs`.
   */
  operation: 'observe' | 'compare' | 'image' | 'scale' | 'undo' | 'follow' | 'watch';
  /** The Deployment, where it is not the one that the facts name. */
  deployment?: string;
  /** As the run left or found it; somebody else has made any difference. */
  state?: RolloutState;
  image?: string;
  replicas?: number;
  /** How long to follow or to watch, in milliseconds. */
  limitMs?: number;
  /** ISO time from which `limitMs` counts. Default: the start of the attempt. */
  since?: string;
}

export const rollout: ActionRules<RolloutAction> = {
  doneBy: 'activity',
  runsPrograms: true,
  // It reads the state of the cluster first.
  isRepeatable: () => true,
  describe: ({ operation, deployment, image, replicas, state, limitMs = 0, target }) => {
    const what = {
      observe: 'read what runs',
      compare: 'look whether somebody else has changed it',
      image: `set the image ${shown(image)}`,
      scale: `scale to ${shown(replicas)} pods`,
      undo: `go back to revision ${shown(state?.revision)}`,
      follow: 'wait until every pod is of the newest revision and available',
      watch: `watch its pods for ${time(limitMs)}`,
    };
    const name = deployment === undefined ? '' : ` of deployment ${shown(deployment)}`;
    return `${what[operation]}${name}${atTarget(target)}`;
  },
};
