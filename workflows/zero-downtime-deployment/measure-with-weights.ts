import { isForgotten, type SetTraffic } from '../../common/set-traffic.js';
import type { Json } from '../../language/json.js';
import type { AnalysisAction, TrafficAction } from '../../language/runbook.js';
import type { Section } from '../engine/surface.js';

/** So often a proxy that forgets its weights is told them; then people are asked. */
const timesTold = 5;

/**
 * Sets the weights, and measures while the proxy does what it was told. One that was restarted and
 * has forgotten it is told again, and the measurement begins anew; when somebody else has changed
 * the weights, the measurement asks people.
 * @param back takes the weights back
 * @param steps of the part: one that sets weights, and one that measures
 */
export function measureWithWeights(
  part: Section,
  set: TrafficAction,
  back: TrafficAction,
  steps: { tell: string; measure: string } = { tell: 'weight', measure: 'measure' },
): (action: AnalysisAction) => Promise<Json> {
  let told: SetTraffic | null = null;
  let times = 0;
  return async (action) => {
    for (;;) {
      if (!told) {
        const answer = (await part.step(steps.tell, {
          action: set,
          undo: back,
        })) as unknown as SetTraffic | null;
        times += 1;
        told = { started: times < timesTold ? (answer?.started ?? null) : null };
      }
      const expected = { servers: set.servers ?? [], ...told };
      const found = await part.step(steps.measure, { action: { ...action, expected } });
      if (!isForgotten(found)) return found;
      told = null;
    }
  };
}
