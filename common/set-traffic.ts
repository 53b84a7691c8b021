import type { TrafficServer } from '../language/runbook.js';

/*
 * What a run has told a proxy, and what becomes of it: a proxy that is restarted may have forgotten
 * it, and somebody else may have changed it.
 */

/** As far as it matters here, what a step of kind `traffic` that sets weights answers with. */
export interface SetTraffic {
  /** Which process of the proxy was told; null where that cannot be known. */
  started: string | null;
}

/** Instead of a measurement: the proxy was restarted and does something else by now. */
export interface ForgottenTraffic {
  /** In words, what it does. */
  forgotten: string;
}

export function isForgotten(found: unknown): found is ForgottenTraffic {
  return found !== null && typeof found === 'object' && 'forgotten' in found;
}

/** The servers that do not do what was set. */
export function changedSince(
  now: readonly TrafficServer[],
  set: readonly TrafficServer[],
): TrafficServer[] {
  return now.filter((each) => {
    const wanted = set.find(({ name }) => name === each.name);
    return (
      wanted !== undefined && (wanted.address !== each.address || wanted.weight !== each.weight)
    );
  });
}
