import { isActionKind } from '../language/kinds/index.js';
import { groupOf } from '../language/paths.js';
import type { StepView } from './view.js';

/** A step as it is sent to the record. */
export interface SavedStep extends StepView {
  /** Its place in the run's list. */
  ordinal: number;
}

/**
 * Gap between the ordinals of two declared steps, for parts that the plan did not list: those go
 * after their group.
 */
const room = 10_000;

/** The place of each step. It never changes, because a new one is always the last of its group. */
export function placesOf(steps: readonly Pick<StepView, 'id'>[]): number[] {
  let heads = -1;
  let behind = 0;
  return steps.map(({ id }) => {
    if (groupOf(id) === id) {
      heads += 1;
      behind = 0;
    } else behind += 1;
    return Math.max(heads, 0) * room + behind;
  });
}

/** Whether the worker that did the step has saved its output to the record. */
export function isOutputRecorded(step: StepView): boolean {
  return step.state === 'succeeded' && step.takenFrom === undefined && isActionKind(step.kind);
}
