import { CancellationScope, CancelledFailure } from '@temporalio/workflow';

/**
 * Runs all jobs at once. The first failure, by time, cancels the others. It is thrown only when all
 * have ended, so that no job still acts when the caller goes on (or undoes).
 * @param atOnce how many may run at the same time; the others wait their turn, in order
 */
export async function inParallel<T>(
  jobs: readonly (() => Promise<T>)[],
  atOnce = Infinity,
): Promise<T[]> {
  const lanes = new Lanes(atOnce);
  const scope = new CancellationScope();
  return scope.run(async () => {
    const failures: unknown[] = [];
    const results = await Promise.allSettled(
      jobs.map(async (job) => {
        try {
          return await lanes.take(job);
        } catch (error) {
          failures.push(error);
          scope.cancel();
          throw error;
        }
      }),
    );
    if (failures.length > 0) throw failures[0];
    return results.map((result) => (result as PromiseFulfilledResult<T>).value);
  });
}

class Lanes {
  private readonly queue: (() => void)[] = [];
  constructor(private free: number) {}

  async take<T>(job: () => Promise<T>): Promise<T> {
    if (this.free > 0) this.free -= 1;
    else await new Promise<void>((go) => this.queue.push(go));
    try {
      if (CancellationScope.current().consideredCancelled)
        throw new CancelledFailure('cancelled before it began');
      return await job();
    } finally {
      // A job may end before those behind it have come: then the lane is free for them.
      const next = this.queue.shift();
      if (next) next();
      else this.free += 1;
    }
  }
}
