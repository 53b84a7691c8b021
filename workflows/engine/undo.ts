import type { Action, StepSpec } from '../../language/runbook.js';

/** A step's compensation, registered before the step acts: the step may have happened even when nobody saw it end. */
export interface Undo {
  path: string;
  spec: StepSpec;
  action: Action;
}

/** What can be taken back, newest first. */
export class UndoList {
  private readonly entries: Undo[] = [];

  register(undo: Undo): void {
    this.entries.push(undo);
  }

  get empty(): boolean {
    return this.entries.length === 0;
  }

  /** Takes the newest entry; undefined when all is undone. */
  next(): Undo | undefined {
    return this.entries.pop();
  }
}
