import type { Expectation } from '../../../common/attempt.js';
import type { Json, JsonObject } from '../../../language/json.js';
import type { HttpAction } from '../../../language/kinds/http.js';
import { isObject } from '../../../language/objects.js';
import type { Work } from '../../engine/attempts.js';

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
    next:
      'Where it will know the job again, retry. Else see first that nothing of that job still ' +
      'writes; then abort this run, and start the runbook again: it begins with a job that is ' +
      'known, and proves every stage, so that what the forgotten job has written is found.',
  };
}

/**
 * Asks for one job by itself: an API may list the newest only.
 * @param isUnknown holds where there is no such job: an expression
 * @param row the job as the list of jobs has it: an expression
 */
export function askedFor(
  wanted: string | undefined,
  ofJob: (job: string) => HttpAction,
  isUnknown: string,
  row: string,
): Record<string, Work> {
  if (wanted === undefined) return {};
  const job = { cel: `${isUnknown} ? null : ${row}` };
  return { asked: { action: ofJob(wanted), outputs: { job } } };
}

/** The job that was asked for by itself, where it is known. */
export function jobAskedFor({ asked }: Record<string, Json>): JsonObject | undefined {
  const job = isObject(asked) ? asked['job'] : undefined;
  return isObject(job) ? job : undefined;
}
