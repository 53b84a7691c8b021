import type { RolloutState } from '../../language/kinds/delivery/rollout.js';

/** An observed Kubernetes Deployment. */
export interface SeenRollout extends RolloutState {
  /** Its name. */
  deployment: string;
  image: string;
  /** Pods that are wanted. */
  replicas: number;
  /** Pods that take requests. */
  available: number;
  /** Every pod is of the newest revision and available, and no other one is left. */
  settled: boolean;
  paused: boolean;
  /** `RollingUpdate` or `Recreate`. */
  strategy: string;
  /** How many of the wanted pods may be missing during a rollout. */
  maxUnavailable: number;
  /** How many revisions are kept to go back to. */
  kept: number;
  /** The ReplicaSet of its revision; null before the controller has made it. */
  replicaSet: string | null;
  /**
   * What somebody else has changed meanwhile, in words. Only `follow` returns it; others fail.
   */
  disturbed?: string;
}

/** What the pods did while they were watched. */
export interface WatchedPods {
  verdict: 'pass' | 'fail';
  /** In words, with the numbers. */
  why: string;
}

/** The state that scaling to this number of pods leads to. */
export function withReplicas(state: RolloutState, replicas: number): RolloutState {
  return { ...state, parts: { ...state.parts, replicas: String(replicas) } };
}
