/**
 * The error of a query that arrives between new history events and the workflow task that handles
 * them.
 */
export const queryTooEarly =
  'something has just happened that the run has not taken up yet: ask again in a moment';

const pauseMs = 50;

/**
 * Sends a query again while the run answers that it is too early. A worker that has just taken over
 * a run may answer so until Temporal gives up on the dead worker.
 * @param question sends the query once
 * @returns its answer
 * @throws any other error of the query
 */
export async function queryWithRetry<T>(question: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await question();
    } catch (error) {
      if (!(error instanceof Error && error.message.includes(queryTooEarly))) throw error;
      await new Promise((wake) => setTimeout(wake, pauseMs));
    }
  }
}
