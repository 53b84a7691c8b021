import { StepFailure } from './failure.js';

/** Aborts when the outer signal does, or when the attempt's time is over; see its reason. */
export class TimeLimit {
  private readonly controller = new AbortController();
  private readonly timer: NodeJS.Timeout;
  private readonly forward: () => void;

  constructor(
    private readonly outer: AbortSignal,
    timeoutMs: number,
  ) {
    this.forward = () => this.controller.abort(outer.reason);
    if (outer.aborted) this.forward();
    outer.addEventListener('abort', this.forward);
    this.timer = setTimeout(() => {
      this.controller.abort(
        new StepFailure(
          'StepTimeout',
          `the attempt took longer than ${timeoutMs / 1000} s and was ended`,
        ),
      );
    }, timeoutMs);
  }

  get signal(): AbortSignal {
    return this.controller.signal;
  }

  clear(): void {
    clearTimeout(this.timer);
    this.outer.removeEventListener('abort', this.forward);
  }
}
