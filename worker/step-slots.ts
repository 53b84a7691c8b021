import type {
  ActivitySlotInfo,
  CustomSlotSupplier,
  SlotPermit,
  WorkerTuner,
} from '@temporalio/worker';

type Supplier = CustomSlotSupplier<ActivitySlotInfo>;

/**
 * Limits the steps of a worker process across two Temporal workers: one that polls for steps, and
 * one that only gets steps of its own workflow tasks, in the answer to such a task ("eager"). A
 * pending poll also takes a slot.
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
   * For the worker that does not poll. It asks for a slot before each poll, and never gets one: a
   * versioned worker that polled for steps would bind them and their retries to its version.
   */
  eager(): Supplier {
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
      // The slot was granted at the moment of the abort.
      if (place === -1) this.release();
      else this.waiting.splice(place, 1);
      throw error;
    }
    return {};
  }

  /** Passes the slot to the next waiter, or frees it. */
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

/** These slots for steps; Temporal's default number for everything else. */
export function stepTuner(steps: Supplier): WorkerTuner {
  const fixed = { type: 'fixed-size' as const, numSlots: 40 };
  return {
    workflowTaskSlotSupplier: fixed,
    activityTaskSlotSupplier: steps,
    localActivityTaskSlotSupplier: fixed,
    nexusTaskSlotSupplier: fixed,
  };
}
