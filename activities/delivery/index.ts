import type { DeliveryKind } from '../../language/kinds/delivery/index.js';
import type { Handlers } from '../handler.js';
import { analysis } from './analysis.js';
import { rollout } from './rollout.js';
import { traffic } from './traffic.js';

/**
 * The handlers of the delivery pack's kinds.
 * @param general the handlers by which they run programs and query databases
 */
export function delivery(general: Handlers<'command' | 'sql'>): Handlers<DeliveryKind> {
  return {
    traffic,
    analysis: (action, context) => analysis(action, context, general),
    rollout: (action, context) => rollout(action, context, general.command),
  };
}
