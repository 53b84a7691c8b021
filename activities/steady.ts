import type { JsonObject } from '../language/json.js';
import type { CheckAction } from '../language/kinds/check.js';
import { time } from '../language/kinds/words.js';

/**
 * How long, and in how many polls in a row, a condition has been true. What was not seen does not
 * count: a poll without an answer, or another worker that takes the check over, begins anew.
 */
export class Steady {
  private polls = 0;
  /** Of the first of them, in milliseconds of a clock that never goes back. */
  private since = 0;
  private now = 0;

  constructor(private readonly action: Pick<CheckAction, 'consecutive' | 'forMs'>) {}

  /** @returns whether it has been true for long enough */
  wasTrue(): boolean {
    this.now = performance.now();
    if (this.polls === 0) this.since = this.now;
    this.polls += 1;
    const { consecutive = 1, forMs = 0 } = this.action;
    return this.polls >= consecutive && this.now - this.since >= forMs;
  }

  wasNot(): void {
    this.polls = 0;
  }

  /** What is shown while it has not been true for long enough. */
  get progress(): JsonObject {
    return this.polls === 0 ? {} : { true: this.words };
  }

  private get words(): string {
    const { consecutive, forMs } = this.action;
    const seconds = Math.floor((this.now - this.since) / 1_000);
    const parts = [
      ...(consecutive === undefined ? [] : [`${this.polls} of ${consecutive} times`]),
      ...(forMs === undefined ? [] : [`for ${seconds} s of ${time(forMs)}`]),
    ];
    return parts.join(', ');
  }
}
