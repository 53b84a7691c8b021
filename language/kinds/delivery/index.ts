import { analysis } from './analysis.js';
import { rollout } from './rollout.js';
import { traffic } from './traffic.js';

/**
 * The pack of kinds that put a release in front of users. Its handlers are in activities/delivery/.
 */
export const delivery = { traffic, analysis, rollout };
export type DeliveryKind = keyof typeof delivery;
