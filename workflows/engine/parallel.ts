import { CancellationScope, isCancellation } from '@temporalio/workflow';

/**
 * Runs all jobs at once. The first failure cancels the others, and only when every one has ended does it surface:
 * nothing of the group is still acting when the caller goes on (or undoes).
 */
export async function inParallel<T>(jobs: readonly (() => Promise<T>)[]): Promise<T[]> {
  const scope = new CancellationScope();
  return scope.run(async () => {
    const results = await Promise.allSettled(
      jobs.map(async (job) => {
        try {
          return await job();
        } catch (error) {
          scope.cancel();
          throw error;
        }
      }),
    );
    const failures = results.flatMap((result) => (result.status === 'rejected' ? [result.reason as unknown] : []));
    if (failures.length > 0) throw failures.find((failure) => !isCancellation(failure)) ?? failures[0];
    return results.map((result) => (result as PromiseFulfilledResult<T>).value);
  });
}
