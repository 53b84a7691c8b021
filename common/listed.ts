import type { Json } from '../language/json.js';
import type { Action } from '../language/kinds/index.js';
import { fits } from '../language/reference.js';

/*
 * What the steps behind a gate may do. The approver is shown it; the run asks again before it does
 * anything else, and workers do nothing else.
 */

/** What a step does once. A reference stands for what a later step decides. */
export interface ListedWork {
  action: Action;
  /** Undoes it. */
  undo?: Action;
  /**
   * Allows nothing until the step has been done so many times since the gate was opened. Absent:
   * from the first time on.
   */
  after?: number;
}

/** By declared path: all that the step may do. */
export type ListedWorks = Readonly<Record<string, readonly ListedWork[]>>;

/**
 * Whether the step may do this.
 * @param done how often it was done before since the gate was opened
 */
export function isListed(
  works: readonly ListedWork[] = [],
  { action, undo }: Pick<ListedWork, 'action' | 'undo'>,
  done: number,
): boolean {
  return works.some(
    (listed) =>
      done >= (listed.after ?? 0) && isOf(listed.action, action) && isOf(listed.undo, undo),
  );
}

/** Whether the approver was shown that this undoes the step. */
export function listsUndo(works: readonly ListedWork[], action: Action): boolean {
  return works.some((listed) => listed.undo !== undefined && isOf(listed.undo, action));
}

/** Whether the step may do this action, whatever its undo and however often it was done. */
export function listsAction(works: readonly ListedWork[], action: Action): boolean {
  return works.some((listed) => isOf(listed.action, action));
}

function isOf(listed: Action | undefined, asked: Action | undefined): boolean {
  return fits(listed as unknown as Json | undefined, asked as unknown as Json | undefined);
}
