import { limits } from './limits.js';

/** Characters that are read or copied in one step. */
const charactersAStep = 256;

/** An evaluation needs more than it may; it ends there, and its result is unknown. */
export class OutOfSteps extends Error {
  constructor() {
    super(`the expression needs more than ${limits.steps} steps`);
    this.name = 'OutOfSteps';
  }
}

/** Counts what an evaluation does. Every function pays for the size of what it reads or makes. */
export class Meter {
  /** Steps so far. */
  spent = 0;

  /** @param most steps that it may take */
  constructor(private readonly most: number = limits.steps) {}

  /**
   * Pays before the work is done.
   * @throws OutOfSteps
   */
  pay(steps: number): void {
    this.spent += steps;
    if (this.spent > this.most) throw new OutOfSteps();
  }

  /** Pays for text that is read or made. */
  payText(characters: number): void {
    this.pay(characters / charactersAStep);
  }
}
