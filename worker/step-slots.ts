import type {
  ActivitySlotInfo,
  CustomSlotSupplier,
  SlotPermit,
  WorkerTuner,
} from '@temporalio/worker';

type Supplier = CustomSlotSupplier<ActivitySlotInfo>;

/**
 * How many steps a worker process does at once, counted over two Temporal workers: one that polls
 * for steps, and one that is only handed those that its own workflow tasks ask for, in the answer
 * to such a task ("eager"). A worker that holds a poll holds its slot as well.
 */
export class StepSlots {
  private taken = 0;
  private readonly waiting: (() => void)[] = [];

  /** @param limit steps at once */
  constructor(private readonly limit: number) {}

  /** For the worker that polls. */
  polled(): Supplier {
    return this.supplier((signal) => this.wait(signal));
  }

  /**
   * For the worker that does not. It asks for a slot before each poll, and never gets one: a
   * versioned worker that polled for steps would bind them to its version, and then their retries
   * are given to no other one.
   */
  handed(): Supplier {
    return this.supplier((signal) => aborted(signal));
  }

  private supplier(reserve: (signal: AbortSignal) => Promise<SlotPermit>): Supplier {
    return {
      type: 'custom',
      reserveSlot: (_, signal) => reserve(signal),
      tryReserveSlot: () => this.take(),
      markSlotUsed: () => undefined,
      releaseSlot: () => this.release(),
    };
  }

  private take(): SlotPermit | null {
    if (this.taken >= this.limit) return null;
    this.taken += 1;
    return {};
  }

  private async wait(signal: AbortSignal): Promise<SlotPermit> {
    const permit = this.take();
    if (permit) return permit;
    let mine: (() => void) | undefined;
    const given = new Promise<void>((resolve) => this.waiting.push((mine = resolve)));
    try {
      await Promise.race([given, aborted(signal)]);
    } catch (error) {
      const place = this.waiting.indexOf(mine as () => void);
      // Given in the same breath in which it was no longer wanted.
      if (place === -1) this.release();
      else this.waiting.splice(place, 1);
      throw error;
    }
    return {};
  }

  /** Whoever waits takes the slot over; otherwise it is free. */
  private release(): void {
    const next = this.waiting.shift();
    if (next) next();
    else this.taken -= 1;
  }
}

function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    const give = (): void => reject(signal.reason as Error);
    if (signal.aborted) give();
    else signal.addEventListener('abort', give, { once: true });
  });
}

/** Slots for steps as given, everything else as Temporal has it by default. */
export function stepTuner(steps: Supplier): WorkerTuner {
  const fixed = { type: 'fixed-size' as const, numSlots: 40 };
  return {
    workflowTaskSlotSupplier: fixed,
    activityTaskSlotSupplier: steps,
    localActivityTaskSlotSupplier: fixed,
    nexusTaskSlotSupplier: fixed,
  };
}
