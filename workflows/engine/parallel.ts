import { CancellationScope } from '@temporalio/workflow';

/**
 * Runs all jobs at once. The first failure, by time, cancels the others, and only when every one has ended does it
 * surface: nothing of the group is still acting when the caller goes on (or undoes).
 */
export async function inParallel<T>(jobs: readonly (() => Promise<T>)[]): Promise<T[]> {
  const scope = new CancellationScope();
  return scope.run(async () => {
    const failures: unknown[] = [];
    const results = await Promise.allSettled(
      jobs.map(async (job) => {
        try {
          return await job();
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
