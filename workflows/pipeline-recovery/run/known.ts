import type { Expectation } from '../../../common/attempt.js';

/**
 * What is demanded of a look at a job: that it is known. A service that was restarted may have
 * forgotten it, although what it had written is there.
 * @param cel holds where the job is known: an expression
 * @param who knows jobs, as the beginning of a sentence
 */
export function jobIsKnown(cel: string, job: string, who: string): Expectation {
  return {
    condition: { cel },
    otherwise: `${who} does not know job ${job}, or has forgotten it: was the service restarted?`,
    next: 'Where it will know the job again, retry. Else see first that nothing of that job still writes; then abort this run, and start the runbook again: it begins with a job that is known, and proves every stage, so that what the forgotten job has written is found.',
  };
}
