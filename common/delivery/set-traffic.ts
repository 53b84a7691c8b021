import type { TrafficServer } from '../../language/kinds/delivery/traffic.js';

/*
 * The weights that a run has set at a proxy, compared with the present ones: a restarted proxy may
 * have lost them, and somebody else may have changed them.
 */

/** The part of the output of a step that sets weights that matters here. */
export interface SetTraffic {
  /** The proxy's process whose weights were set; null where that cannot be known. */
  started: string | null;
}

/** Replaces a measurement: the proxy was restarted and lost its weights. */
export interface ForgottenTraffic {
  /** The present weights, in words. */
  forgotten: string;
}

export function isForgotten(found: unknown): found is ForgottenTraffic {
  return found !== null && typeof found === 'object' && 'forgotten' in found;
}

/** The servers whose weight or address differs from what was set. */
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
