import type { Plan } from '../language/plan.js';
import type { HeldTarget } from './lease.js';
import type { Problem, StepView } from './view.js';

/**
 * Settings that a worker decides once per run and the run keeps: later workers may be configured
 * differently.
 */
export interface RunSettings {
  /**
   * The command's name in the commands that the run shows: `./runbook` in a clone, else `runbook`.
   */
  command: string;
  /** Base address of the Temporal UI, without a trailing slash; null when none is known. */
  uiUrl: string | null;
  /** Milliseconds after which a silent worker counts as dead. */
  heartbeatMs: number;
  /** Milliseconds that a host's workers get to re-attach to its command. */
  hostWaitMs: number;
  /** When the run continues as new. Default: the engine's own limits. */
  border?: BorderLimits;
}

/** Limits of one execution of a run before it continues as new. */
export interface BorderLimits {
  events: number;
  bytes: number;
  signals: number;
}

/** The answer of admission: a frozen plan, or every reason for the refusal. */
export type Admission =
  | {
      admitted: true;
      plan: Plan;
      settings: RunSettings;
      /** Other holders of targets that the run must acquire first. Absent: none. */
      held?: HeldTarget[];
      /** Digests of the library's runbooks that the plan is made from; absent: none is. */
      library?: Readonly<Record<string, string>>;
      /** Finished steps of the dead run that the start named. */
      taken?: StepView[];
    }
  | {
      admitted: false;
      problem: Problem;
      problems?: Problem[];
      /** The worker has no runbook of this id. */
      unknownRunbook?: true;
    };
