import { runbook } from '../engine/runbook.js';
import { interpret } from './interpret.js';

/** Every runbook that is data: the workflow type is its id, and its plan is what is interpreted. */
export const interpreter = runbook(null, interpret);
