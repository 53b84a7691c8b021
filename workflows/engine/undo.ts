import type { Action, StepSpec } from '../../language/runbook.js';

/**
 * A step's compensation, registered before the step acts: the step may have happened even when
 * nobody saw it end.
 */
export interface Undo {
  path: string;
  spec: StepSpec;
  action: Action;
}

/** What can be taken back, newest first. */
export class UndoList {
  private entries: Undo[] = [];

  register(undo: Undo): void {
    this.entries.push(undo);
  }

  /** A point of no return was passed: what lies before it stays. */
  clear(): void {
    this.entries = [];
  }

  /** Takes up the list of the execution before. */
  restore(entries: readonly Undo[]): void {
    this.entries = [...entries];
  }

  get empty(): boolean {
    return this.entries.length === 0;
  }

  get all(): readonly Undo[] {
    return this.entries;
  }

  /** The newest entry; it stays until it is `taken`. */
  get newest(): Undo | undefined {
    return this.entries.at(-1);
  }

  taken(): void {
    this.entries.pop();
  }

  /** The paths, in the order in which they would be taken back. */
  get paths(): string[] {
    return this.entries.map((entry) => entry.path).reverse();
  }
}
