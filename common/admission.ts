import type { Plan } from '../language/plan.js';
import type { HeldTarget } from './lease.js';
import type { Problem, StepView } from './view.js';

/**
 * What the worker decides once per run and the run keeps: workers may be configured differently
 * later.
 */
export interface RunSettings {
  /**
   * How the command line is called where this run's commands are read: `./runbook` in a clone, else
   * `runbook`.
   */
  command: string;
  /** Base address of the Temporal UI, without a trailing slash; null when none is known. */
  uiUrl: string | null;
  /** Milliseconds after which a silent worker counts as dead. */
  heartbeatMs: number;
  /**
   * Milliseconds that a started command's own host gets to take it back; absent in runs that began
   * before there was such a limit.
   */
  hostWaitMs?: number;
  /** When the run continues as new; the engine's own limits unless said. */
  border?: BorderLimits;
}

/** What one execution of a run may come to before it continues as new. */
export interface BorderLimits {
  events: number;
  bytes: number;
  signals: number;
}

/** The answer of admission: a frozen plan, or every reason why not. */
export type Admission =
  | {
      admitted: true;
      plan: Plan;
      settings: RunSettings;
      /**
       * Who has targets that the run must hold first. Absent: none, or the worker is of a release
       * that knows no leases.
       */
      held?: HeldTarget[];
      /** Steps of the dead run that the start named. */
      taken?: StepView[];
    }
  | { admitted: false; problem: Problem; problems?: Problem[] };
