import { CancelledFailure } from '@temporalio/activity';
import type { AttemptRequest } from '../common/attempt.js';
import type { Json } from '../language/json.js';
import { StepFailure } from './failure.js';
import type { AttemptContext, Handlers } from './handler.js';
import { TimeLimit } from './time-limit.js';

/** How long a check may take to prove an outcome, in milliseconds. */
const proofMs = 15_000;

/**
 * Runs the step's own check to find the outcome of an attempt: if it holds the step is done; if its
 * `failWhen` holds it is not, and may be retried. Anything else proves nothing: a slow effect may
 * still come.
 */
export async function prove(
  check: NonNullable<AttemptRequest['check']>,
  context: AttemptContext,
  handlers: Handlers,
): Promise<{ answer: Json } | { notDone: StepFailure | null }> {
  const limit = new TimeLimit(context.signal, proofMs);
  try {
    return {
      answer: await handlers.check(check, { ...context, timeoutMs: proofMs, signal: limit.signal }),
    };
  } catch (error) {
    if (error instanceof CancelledFailure) throw error;
    const isProof = error instanceof StepFailure && error.type === 'CheckFailed';
    return {
      notDone: isProof
        ? new StepFailure(
            'NotDone',
            'the attempt broke off, and its check shows that nothing was done',
          )
        : null,
    };
  } finally {
    limit.clear();
  }
}
