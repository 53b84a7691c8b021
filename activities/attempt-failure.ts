import { ApplicationFailure } from '@temporalio/activity';
import type { AttemptRequest, FailureDetail } from '../common/attempt.js';
import { failureTypes } from '../common/failures.js';
import { hadNoEffect, stays } from '../common/tries.js';
import type { Problem } from '../common/view.js';
import type { JsonObject } from '../language/json.js';
import type { Program } from '../language/plan.js';
import { LeaseLostError, NotConfirmedError } from '../store/index.js';
import { type Exit } from './exit.js';
import { StepFailure } from './failure.js';
import { lostLease } from './lease.js';
import { notConfirmed } from './not-confirmed.js';
import { isRecordAway } from './record-reachable.js';

/** Why the attempt has not begun; null when the error is another one. */
export function refusalOf(error: unknown, exit: Exit): ApplicationFailure | null {
  const refusal = (failure: StepFailure, attempt: number): ApplicationFailure =>
    asApplicationFailure(failure, exit, attempt, true);
  if (error instanceof StepFailure) return refusal(error, 0);
  if (error instanceof LeaseLostError) return refusal(lostLease(error.loss, false), error.attempt);
  if (error instanceof NotConfirmedError) return refusal(notConfirmed(error.doubts), error.attempt);
  return null;
}

/** End states of attempts that did not simply fail. */
export const endStates: Readonly<Record<string, 'timed-out' | 'unknown'>> = {
  StepTimeout: 'timed-out',
  OutcomeUnknown: 'unknown',
};

/** How many attempts the step has in all, given how one of them failed. */
export function attemptsAfter(
  failure: unknown,
  { type }: Problem,
  acted: boolean,
  { attempts, attemptsOnceActed, action }: AttemptRequest,
): number {
  const nothingDone = failure instanceof StepFailure && failure.extra.nothingDone === true;
  const isHarmless = hadNoEffect({
    ...{ type, kind: action.kind, acted, nothingDone },
    stays: stays(action),
  });
  return isHarmless ? attempts : attemptsOnceActed;
}

/** Trying again cannot help. */
export function isPermanent(failure: unknown): boolean {
  return !(failure instanceof StepFailure) || failureTypes[failure.type] === 'permanent';
}

export function isUnknown(error: unknown): boolean {
  return error instanceof StepFailure && error.type === 'OutcomeUnknown';
}

export function saysMore(error: unknown): boolean {
  return (
    (error instanceof StepFailure && error.type === 'StepTimeout') ||
    isUnknown(error) ||
    isRecordAway(error)
  );
}

export function asApplicationFailure(
  failure: unknown,
  exit: Exit,
  attempt: number,
  last: boolean,
  newlyRun: { programs?: Program[] } = {},
): ApplicationFailure {
  const problem = exit.problem(failure);
  const extra = failure instanceof StepFailure ? failure.extra : {};
  const detail: FailureDetail = {
    next: problem.next ?? null,
    ...(problem.command === undefined ? {} : { command: problem.command }),
    attempt,
    details: exit.details(failure),
    ...(newlyRun as JsonObject),
  };
  return ApplicationFailure.create({
    type: problem.type,
    message: problem.message,
    nonRetryable: isPermanent(failure) || last,
    details: [detail],
    ...(extra.retryAfterMs === undefined ? {} : { nextRetryDelay: extra.retryAfterMs }),
  });
}

/**
 * The attempt stays open in the record: the next worker follows its command, or proves its outcome.
 */
export function handover(): ApplicationFailure {
  return ApplicationFailure.create({
    type: 'WorkerLost',
    message: 'the worker handed the step over; the next worker takes it over as it is',
    nonRetryable: false,
  });
}

export function lostTooOften(lost: number): StepFailure {
  return new StepFailure('WorkerLost', `the worker died ${lost} times while it did this step`, {
    next: 'Look at the logs of the workers: the step may need more memory than they have.',
  });
}
