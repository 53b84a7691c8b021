import type { ActionRules } from '../rules.js';
import type { TrafficServer } from './traffic.js';
import { atTarget, shown, time } from '../words.js';

/**
 * Measures a release by what users get, compared with the release that it replaces. The procedure
 * decides what follows from the result.
 */
export interface AnalysisAction {
  kind: 'analysis';
  /** As for `traffic`. */
  target: string;
  /** The server with the new release; several are measured as one. */
  candidate: string | readonly string[];
  /** The server to compare it with, or several, while both have requests. */
  baseline?: string | readonly string[];
  /** The versions they run, for sources that are queried by version. */
  versions?: { candidate: string; baseline?: string };
  /**
   * How long to measure, in milliseconds; it ends early once the candidate is certain to fail.
   */
  windowMs: number;
  /** How much longer to wait for enough requests, in milliseconds. */
  patienceMs?: number;
  limits: AnalysisLimits;
  /** An earlier measurement of the baseline, for when it gets no requests any more. */
  before?: AnalysisNumbers | null;
  /** The weights set at the proxy: nothing is measured while it has others. */
  expected?: ExpectedTraffic;
}

/** The weights that a run has set at a proxy. */
export interface ExpectedTraffic {
  servers: readonly TrafficServer[];
  /**
   * The proxy's process then, by the step's output; null: other weights are never due to a restart.
   */
  started: string | null;
}

/** Limits beyond which a release is worse than the one before. */
export interface AnalysisLimits {
  /** With fewer requests in the window the result is inconclusive. */
  minRequests: number;
  /** How much larger the share of failed requests may be, 0 to 1. */
  errorRate: number;
  /** How many times as long the slowest twentieth may take. */
  latency: number;
}

/** The numbers of one server in a window. */
export interface AnalysisNumbers {
  requests: number;
  errors: number;
  /** 95th percentile in milliseconds; null where it is not measured. */
  p95Ms: number | null;
  /** Resident memory at the end of the window, in bytes; null where it is not measured. */
  memoryBytes: number | null;
}

export const analysis: ActionRules<AnalysisAction> = {
  doneBy: 'activity',
  isRepeatable: () => true,
  describe: ({ candidate, baseline, windowMs, target }) =>
    `measure ${shown(candidate as string)} for ${time(windowMs)}` +
    `${baseline === undefined ? '' : ` against ${shown(baseline as string)}`}${atTarget(target)}`,
};
