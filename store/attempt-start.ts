import type { Builds } from '../common/attempt.js';
import type { RunKey } from '../common/keys.js';
import type { Json } from '../language/json.js';
import type { StepKind } from '../language/kinds/index.js';
import type { Effect } from '../language/runbook.js';
import type { Execution } from './executions.js';
import type { RecordedFacts, WantedFacts } from './facts.js';
import type { LeaseLoss } from './lease-rows.js';

export interface AttemptStart {
  key: RunKey;
  /** Path. */
  step: string;
  title: string;
  kind: StepKind;
  effect: Effect;
  /** What it does, in lines for people. Absent: not known. */
  does?: readonly string[];
  host: string;
  /** Identity of the worker process. */
  worker: string;
  /** Temporal's own count for this activity. */
  temporalAttempt: number;
  /** Where this worker runs: its commands can be found again only there. */
  place?: string;
  /**
   * True when an attempt whose worker died can be resumed; then it is taken over instead of given
   * up.
   */
  resumable?: boolean;
  /** The execution of the run that requests the attempt. */
  execution?: Execution | undefined;
  /**
   * Set for a step that changes its targets: the run must hold their leases. `retake` takes back
   * lost ones that are free by now.
   */
  leases?: 'prove' | 'retake';
  /** True when only the host where it was started can resume it. */
  hostBound?: boolean;
  /** Id of a host that the run no longer waits for. */
  hostGone?: string;
  /** The results and decisions that the step depends on. */
  builds?: Builds | undefined;
  /**
   * True when the step is safe to repeat: then an attempt that cannot be resumed is started again.
   */
  repeatable?: boolean;
  /** Facts about other steps to read in the same round trip. */
  wanted?: WantedFacts;
}

/** A step may not change a target whose lease its run has lost. */
export class LeaseLostError extends Error {
  constructor(
    readonly loss: LeaseLoss,
    /** The last attempt before; 0 when there was none. */
    readonly attempt: number,
  ) {
    super(`lost target ${loss.target}`);
    this.name = 'LeaseLostError';
  }
}

/** Something that a run depends on, and that the record does not confirm. */
export interface Doubt {
  /**
   * `running`: the step has not ended. `output`: it has another output, or has not succeeded.
   * `decision`: it was not accepted.
   */
  about: 'running' | 'output' | 'decision';
  /** Path of the step, or id of the decision. */
  name: string;
}

/** A step may not begin when the record does not confirm what it depends on. */
export class NotConfirmedError extends Error {
  constructor(
    readonly doubts: readonly Doubt[],
    /** The last attempt before; 0 when there was none. */
    readonly attempt: number,
  ) {
    super('not confirmed');
    this.name = 'NotConfirmedError';
  }
}

export interface AttemptBegun {
  /** The number of this attempt, from 1. */
  attempt: number;
  /** Earlier attempts whose worker died, including those just found. */
  lost: number;
  /** Earlier attempts that failed or ran out of time. */
  failed: number;
  /**
   * Fencing token: counts the workers that have had this attempt; a write with a lower one is
   * refused.
   */
  fence: number;
  /**
   * Set when the attempt was taken over: the place of the previous worker, and its evidence of the
   * outcome.
   */
  resumedFrom?: string;
  evidence?: Json;
  /**
   * Set when the attempt was taken over, and its run has lost a lease since: nothing new may be
   * started.
   */
  lostLease?: LeaseLoss;
  /**
   * Set when the attempt belongs to another host, which must be asked: nothing was started or taken
   * over.
   */
  elsewhere?: { id: string; name: string };
  /**
   * Set when `attempt` has already done the step: nothing was started, and nothing may be repeated.
   */
  succeeded?: { output: Json };
  /** Set when facts were requested. */
  recorded?: RecordedFacts;
}
