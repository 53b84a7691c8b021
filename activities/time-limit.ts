import { StepFailure } from './failure.js';
import { afterMs } from './long-timer.js';

/** Aborts when the outer signal does, or when the attempt's time is over; see its reason. */
export class TimeLimit {
  private readonly controller = new AbortController();
  private readonly stop: () => void;
  private readonly forward: () => void;

  constructor(
    private readonly outer: AbortSignal,
    timeoutMs: number,
  ) {
    this.forward = () => this.controller.abort(outer.reason);
    if (outer.aborted) this.forward();
    outer.addEventListener('abort', this.forward);
    this.stop = afterMs(timeoutMs, () => {
      this.controller.abort(
        new StepFailure(
          'StepTimeout',
          `the attempt took longer than ${timeoutMs / 1000} s and was ended`,
        ),
      );
    });
  }

  get signal(): AbortSignal {
    return this.controller.signal;
  }

  clear(): void {
    this.stop();
    this.outer.removeEventListener('abort', this.forward);
  }
}
