import { below, isInside, namesOf } from '../../language/paths.js';

/** The loops under way in which items may fail. */
export class Budgets {
  private readonly loops = new Map<string, Budget>();

  /** A loop begins. @param most how many of its items may fail; undefined: it has no say */
  begin(loop: string, most: number | undefined): Budget {
    const budget = new Budget(loop, most);
    if (most !== undefined) this.loops.set(loop, budget);
    return budget;
  }

  /** Whether a step may fail, and its item with it. */
  take(step: string): boolean {
    return this.around(step)?.take(step) === true;
  }

  /** A step that has failed, in an execution before this one. */
  note(step: string): void {
    this.around(step)?.note(step);
  }

  /** That of the innermost loop. */
  private around(step: string): Budget | undefined {
    return [...this.loops.values()]
      .filter(({ loop }) => isInside(step, loop))
      .sort((one, other) => other.loop.length - one.loop.length)[0];
  }
}

/** How many items of a loop may fail, and which have. */
export class Budget {
  private readonly failed = new Set<string>();

  constructor(
    readonly loop: string,
    private readonly most = 0,
  ) {}

  take(step: string): boolean {
    if (!this.has(step) && this.failed.size >= this.most) return false;
    this.note(step);
    return true;
  }

  note(step: string): void {
    this.failed.add(this.itemOf(step));
  }

  /** Whether the item that the step is part of has failed. */
  has(step: string): boolean {
    return isInside(step, this.loop) && this.failed.has(this.itemOf(step));
  }

  private itemOf(step: string): string {
    return String(namesOf(step.slice(below(this.loop).length))[0]);
  }
}
