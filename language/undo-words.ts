import { describeAction, type Action } from './kinds/index.js';
import type { StepSpec } from './runbook.js';

/** Whether an undo has a title; without one it is called as the runbook has its action. */
export function hasOwnWords({ undo, work }: StepSpec): boolean {
  if (undo === undefined) return false;
  return !work?.undo || undo !== describeAction(work.undo as unknown as Action);
}

/** What people do to undo a step. */
export function undoneByHand(instructions: string): string {
  return `by hand: ${instructions}`;
}
