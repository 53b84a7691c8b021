import { isForgotten, type SetTraffic } from '../../common/delivery/set-traffic.js';
import type { Json } from '../../language/json.js';
import type { AnalysisAction } from '../../language/kinds/delivery/analysis.js';
import type { TrafficAction } from '../../language/kinds/delivery/traffic.js';
import type { Section } from '../engine/surface.js';

/** How often weights are set again at a proxy that lost them, before people are asked. */
const maxTimesSet = 5;

/** Weights of a proxy's servers, and those that undo them. */
export interface Weights {
  action: TrafficAction;
  undo: TrafficAction;
}

/**
 * Sets the weights, and measures while the proxy keeps them. When a restarted proxy has lost them,
 * they are set again and the measurement starts again; when somebody else has changed them, the
 * measurement asks people.
 * @param steps of the part: one that sets weights, and one that measures
 */
export function measureWithWeights(
  part: Section,
  weights: Weights,
  steps: { tell: string; measure: string } = { tell: 'weight', measure: 'measure' },
): (action: AnalysisAction) => Promise<Json> {
  let weightsSet: SetTraffic | null = null;
  let times = 0;
  return async (action) => {
    for (;;) {
      if (!weightsSet) {
        const answer = (await part.step(steps.tell, weights)) as unknown as SetTraffic | null;
        times += 1;
        weightsSet = { started: times < maxTimesSet ? (answer?.started ?? null) : null };
      }
      const expected = { servers: weights.action.servers ?? [], ...weightsSet };
      const found = await part.step(steps.measure, { action: { ...action, expected } });
      if (!isForgotten(found)) return found;
      weightsSet = null;
    }
  };
}
