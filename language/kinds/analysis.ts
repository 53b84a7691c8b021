import type { ActionRules } from './rules.js';
import type { TrafficServer } from './traffic.js';
import { atTarget, shown, time } from './words.js';

/**
 * Measures what a release does to users, against the one that it is to replace; what to make of it
 * is not its business.
 */
export interface AnalysisAction {
  kind: 'analysis';
  /** As for `traffic`. */
  target: string;
  /** The server with the release that is looked at; several are measured as one. */
  candidate: string | readonly string[];
  /** The server to compare it with, or several, while both have requests. */
  baseline?: string | readonly string[];
  /** What they run, for sources that are asked by version. */
  versions?: { candidate: string; baseline?: string };
  /**
   * How long to measure, in milliseconds; it is over sooner when the limits are already broken
   * beyond doubt.
   */
  windowMs: number;
  /** How much longer to wait for enough requests, in milliseconds. */
  patienceMs?: number;
  limits: AnalysisLimits;
  /** What the baseline did before, for when it has no requests of its own any more. */
  before?: AnalysisNumbers | null;
  /** What the proxy was told: nothing is measured while it does something else. */
  expected?: ExpectedTraffic;
}

/** What a run has set at a proxy. */
export interface ExpectedTraffic {
  servers: readonly TrafficServer[];
  /** Which process of the proxy was told, as the step answered; null: a restart is no excuse. */
  started: string | null;
}

/** When a release is worse than the one before. */
export interface AnalysisLimits {
  /** Fewer requests in the window say nothing. */
  minRequests: number;
  /** How much larger the share of failed requests may be, 0 to 1. */
  errorRate: number;
  /** How many times as long the slowest twentieth may take. */
  latency: number;
}

/** What one server did in a window. */
export interface AnalysisNumbers {
  requests: number;
  errors: number;
  /** 95th percentile in milliseconds; null where nobody measures it. */
  p95Ms: number | null;
  /** Resident memory at the end of the window, in bytes; null where nobody tells. */
  memoryBytes: number | null;
}

export const analysis: ActionRules<AnalysisAction> = {
  doneBy: 'activity',
  isRepeatable: () => true,
  describe: ({ candidate, baseline, windowMs, target }) =>
    `measure ${shown(candidate as string)} for ${time(windowMs)}` +
    `${baseline === undefined ? '' : ` against ${shown(baseline as string)}`}${atTarget(target)}`,
};
