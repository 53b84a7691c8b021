import { QueryNotRegisteredError, ServiceError, type WorkflowHandle } from '@temporalio/client';
import { until } from '../../lab/until.js';

/** Milliseconds that a run may take to answer on a quiet machine. */
const limitMs = 10_000;

/**
 * Asks a run. On a busy machine its worker may not get to the question in time, or may not have
 * taken up yet what has just happened: then it is asked again, as the command line does.
 */
export async function ask<T>(handle: WorkflowHandle, query: string, ...args: unknown[]) {
  const { answer } = await until(
    `an answer of ${handle.workflowId} to ${query}`,
    async () => {
      try {
        return { answer: await handle.query<T, unknown[]>(query, ...args) };
      } catch (error) {
        if (error instanceof QueryNotRegisteredError || error instanceof ServiceError)
          return undefined;
        throw error;
      }
    },
    limitMs,
  );
  return answer;
}
