import { analysis } from './analysis.js';
import { rollout } from './rollout.js';
import { traffic } from './traffic.js';

/** The schemas of the delivery pack's kinds. */
export const delivery = { traffic, analysis, rollout };
