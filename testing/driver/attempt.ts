import { CancelledFailure, TimeoutFailure, TimeoutType, type Payload } from '@temporalio/common';
import type { Agenda, Appointment } from './agenda.js';
import { valueOf } from './payloads.js';

/** What an activity function knows of the attempt that it plays. */
export interface ActivityContext {
  readonly activityId: string;
  /** From 1. */
  readonly attempt: number;
  readonly taskQueue: string;
  /** Aborted once the workflow asked for the activity's end; the reason is a CancelledFailure. */
  readonly signal: AbortSignal;
  /** Virtual milliseconds since 1970. */
  now(): number;
  /** Takes virtual time, none of the real one. */
  sleep(ms: number): Promise<void>;
  /** Runs, in virtual time, until the workflow asks for its end, which it throws. */
  cancelled(): Promise<never>;
  /**
   * Stays open, alive and heartbeating, until the test says how it goes on (`Run.held`) or its
   * start-to-close timeout passes.
   */
  hold(): Promise<void>;
}

/**
 * Plays an activity: its first argument in, what it returns or throws out. An ActivityFailure is
 * what the server itself makes of it.
 */
export type ActivityFunction = (input: never, activity: ActivityContext) => unknown;

/** An attempt that waits in `hold()`. */
export interface HeldAttempt {
  readonly attempt: number;
  readonly cancelRequested: boolean;
  /** Lets the activity function go on. */
  release(): void;
  /** Throws into the activity function. */
  fail(error: unknown): void;
  /** The server gives the attempt up; whatever its function still does is ignored. */
  timeout(type: 'HEARTBEAT' | 'START_TO_CLOSE'): void;
}

/** Real milliseconds that an activity function may be busy before the driver says that it hangs. */
const busyLimitMs = 10_000;

/** One call of a test's activity function. */
export class Attempt implements ActivityContext {
  /**
   * busy: real code runs; held: the test has it; asleep: virtual time has it; done: see `outcome`.
   */
  state: 'busy' | 'held' | 'asleep' | 'done' = 'busy';
  outcome: { value: unknown } | { error: unknown } | undefined;
  changed = new Deferred<void>();
  private readonly controller = new AbortController();
  private held: Deferred<void> | undefined;
  private alarm: Appointment | undefined;

  constructor(
    readonly activityId: string,
    readonly attempt: number,
    readonly taskQueue: string,
    private readonly agenda: Agenda,
  ) {}

  get signal(): AbortSignal {
    return this.controller.signal;
  }

  now(): number {
    return this.agenda.now;
  }

  sleep(ms: number): Promise<void> {
    const slept = new Deferred<void>();
    this.change('asleep');
    this.alarm = this.agenda.in(ms, () => {
      this.change('busy');
      slept.resolve();
    });
    return slept.promise;
  }

  cancelled(): Promise<never> {
    const asked = new Deferred<never>();
    this.change('asleep');
    const wake = (): void => {
      this.change('busy');
      asked.reject(this.signal.reason);
    };
    if (this.signal.aborted) wake();
    else this.signal.addEventListener('abort', wake);
    return asked.promise;
  }

  hold(): Promise<void> {
    this.held = new Deferred<void>();
    this.change('held');
    return this.held.promise;
  }

  run(play: ActivityFunction, input: Payload[]): void {
    // Deferred by a microtask, so that a function that throws at once is no different from one that
    // throws later.
    Promise.resolve(valueOf(input[0]))
      .then((value) => play(value as never, this))
      .then(
        (value) => this.end({ value }),
        (error: unknown) => this.end({ error }),
      );
  }

  cancel(): void {
    this.controller.abort(new CancelledFailure('CANCELLED'));
  }

  abandon(): void {
    this.alarm?.cancel();
    this.change('done');
  }

  handle(): HeldAttempt {
    const { attempt, signal } = this;
    const goOn = (): Deferred<void> | undefined => {
      if (this.state !== 'held') return undefined;
      this.change('busy');
      return this.held;
    };
    return {
      attempt,
      get cancelRequested() {
        return signal.aborted;
      },
      release: () => goOn()?.resolve(),
      fail: (error) => goOn()?.reject(error),
      timeout: (type) => this.end({ error: timeoutFailure(type) }),
    };
  }

  private end(outcome: { value: unknown } | { error: unknown }): void {
    if (this.state === 'done') return;
    this.outcome = outcome;
    this.change('done');
  }

  private change(state: Attempt['state']): void {
    if (this.state === 'done') return;
    this.state = state;
    const { changed } = this;
    this.changed = new Deferred();
    changed.resolve();
  }
}

function timeoutFailure(type: 'HEARTBEAT' | 'START_TO_CLOSE'): TimeoutFailure {
  const name = { HEARTBEAT: 'Heartbeat', START_TO_CLOSE: 'StartToClose' }[type];
  return new TimeoutFailure(`activity ${name} timeout`, undefined, TimeoutType[type]);
}

class Deferred<T> {
  resolve!: (value: T) => void;
  reject!: (error: unknown) => void;
  readonly promise = new Promise<T>((resolve, reject) => {
    this.resolve = resolve;
    this.reject = reject;
  });
}

export async function withinLimit(changed: Promise<void>, activityId: string): Promise<void> {
  let limit: NodeJS.Timeout | undefined;
  const hangs = new Promise<never>((_, reject) => {
    const message =
      `activity ${activityId} neither ends nor holds: await ` +
      "its context's hold() where the test wants it to wait";
    limit = setTimeout(() => reject(new Error(message)), busyLimitMs);
  });
  await Promise.race([changed, hangs]).finally(() => clearTimeout(limit));
}
