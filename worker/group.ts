import type { Worker } from '@temporalio/worker';

/** States of a worker that is not stopping. */
const takesWork: ReadonlySet<string> = new Set(['INITIALIZED', 'RUNNING']);

/**
 * Temporal workers that live and end together: people see one process as one worker, however many
 * queues it serves.
 */
export class WorkerGroup {
  constructor(private readonly workers: readonly Worker[]) {}

  /**
   * Takes work until `shutdown`, or until one of them fails: then the others stop as well.
   * @throws the error of that one
   */
  async run(): Promise<void> {
    const results = await Promise.allSettled(
      this.workers.map(async (worker) => {
        try {
          await worker.run();
        } catch (error) {
          this.shutdown();
          throw error;
        }
      }),
    );
    for (const result of results) if (result.status === 'rejected') throw result.reason;
  }

  /** True as soon as one of them is told to stop. */
  get isStopping(): boolean {
    return this.workers.some((worker) => !takesWork.has(worker.getState()));
  }

  /** Takes no new work and lets steps end; `run` returns when they have. */
  shutdown(): void {
    for (const worker of this.workers) if (worker.getState() === 'RUNNING') worker.shutdown();
  }
}
