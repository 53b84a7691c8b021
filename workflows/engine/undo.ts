import type { Action } from '../../language/kinds/index.js';
import type { StepSpec } from '../../language/runbook.js';

/**
 * A step's compensation, registered before the step acts: the step may have had its effect even
 * when its end was never seen.
 */
export interface Undo {
  path: string;
  spec: StepSpec;
  /** Absent: people do it. */
  action?: Action;
  /** What they do. */
  byHand?: string;
}

/** The undos that are registered, newest first. */
export class UndoList {
  private entries: Undo[] = [];

  register(undo: Undo): void {
    this.entries.push(undo);
  }

  /** A point of no return was passed: nothing before it can be undone any more. */
  clear(): void {
    this.entries = [];
  }

  /** Restores the list of the previous execution. */
  restore(entries: readonly Undo[]): void {
    this.entries = [...entries];
  }

  get empty(): boolean {
    return this.entries.length === 0;
  }

  get all(): readonly Undo[] {
    return this.entries;
  }

  /** The newest entry; it stays until `removeNewest`. */
  get newest(): Undo | undefined {
    return this.entries.at(-1);
  }

  removeNewest(): void {
    this.entries.pop();
  }

  /** The paths, in the order in which they would be undone. */
  get paths(): string[] {
    return this.entries.map((entry) => entry.path).reverse();
  }
}
