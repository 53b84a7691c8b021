import type { Json, JsonObject } from '../language/json.js';
import type { FailureType } from '../common/failures.js';

/**
 * Why an attempt failed, in words for people. The only error that step handlers throw on purpose:
 * its text goes into history and reports, so it never holds secrets, whole outputs or a library's
 * message that may hold them.
 */
export class StepFailure extends Error {
  constructor(
    readonly type: FailureType,
    message: string,
    readonly extra: {
      /** What the operator should do next, one sentence. */
      next?: string;
      /** What to type for it, behind the name of the command line. */
      command?: string;
      /** Bounded facts for the report (exit code, status, tail of output). */
      details?: JsonObject;
      /** What was answered all the same; for steps whose failure is an answer. */
      answer?: Json;
      /** The other side said how long to wait, in milliseconds (Retry-After). */
      retryAfterMs?: number;
      /** The other side said that it did nothing. */
      nothingDone?: boolean;
    } = {},
  ) {
    super(message);
    this.name = 'StepFailure';
  }
}
