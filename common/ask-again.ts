/**
 * What a run answers to a question that comes between something that happened and the workflow task
 * that takes it up.
 */
export const askAgain =
  'something has just happened that the run has not taken up yet: ask again in a moment';

const pauseMs = 50;

/**
 * Asks a run, again and again while it says that it is between two moments, which a worker that has
 * just taken it over may be for as long as its dead worker is waited for.
 * @param question asks once
 * @returns its answer
 * @throws what it throws otherwise
 */
export async function asking<T>(question: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await question();
    } catch (error) {
      if (!(error instanceof Error && error.message.includes(askAgain))) throw error;
      await new Promise((wake) => setTimeout(wake, pauseMs));
    }
  }
}
