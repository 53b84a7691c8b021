import {
  ActivityCancellationType,
  ActivityFailure,
  ApplicationFailure,
  CancellationScope,
  condition,
  continueAsNew,
  isCancellation,
  makeContinueAsNewFunc,
  patched,
  proxyActivities,
  sleep,
  TimeoutFailure,
  upsertMemo,
  upsertSearchAttributes,
  uuid4,
  workflowInfo,
  type ActivityOptions,
} from '@temporalio/workflow';
import { searchAttributes } from '../../common/search-attributes.js';
import type { Json } from '../../language/json.js';

/*
 * Workflows that lead the driver where the test procedures do not go. They run on a real server as
 * well, and what they return is compared: it tells how each failure looks from inside.
 */

/** What workflows.ts wants of its activities. */
export interface Activities {
  echo(value: Json): Promise<Json>;
  /** Fails with the type given. */
  fail(type: string): Promise<never>;
  /** Runs until it is cancelled. */
  wait(): Promise<void>;
  /** Runs until it is cancelled, and then fails. */
  stubborn(): Promise<never>;
  /** Neither ends nor heartbeats in good time. */
  silent(): Promise<void>;
}

const { WAIT_CANCELLATION_COMPLETED, TRY_CANCEL } = ActivityCancellationType;

function activities(options: ActivityOptions = {}): ReturnType<typeof proxyActivities<Activities>> {
  return proxyActivities<Activities>({
    cancellationType: WAIT_CANCELLATION_COMPLETED,
    startToCloseTimeout: '30s',
    heartbeatTimeout: '10s',
    ...options,
  });
}

/** Three executions: memo and search attributes, once inherited and once given. */
export async function chained(left: number): Promise<Json> {
  const { memo, typedSearchAttributes, historyLength, continuedFromExecutionRunId } =
    workflowInfo();
  const seen = {
    memo: memo as Json,
    attributes: typedSearchAttributes.toJSON() as unknown as Json,
    historyLength,
  };
  await activities().echo({ left, ...seen, continued: continuedFromExecutionRunId !== undefined });
  upsertMemo({ [`upserted${left}`]: left });
  upsertSearchAttributes([{ key: searchAttributes.step, value: `step ${left}` }]);
  await sleep(10, { summary: 'a short sleep' });
  if (left === 2) return continueAsNew<typeof chained>(left - 1);
  if (left === 1) return makeContinueAsNewFunc<typeof chained>({ memo: { given: true } })(left - 1);
  return seen;
}

/** What is scheduled and cancelled in the same breath never happens. */
export async function instant(): Promise<Json> {
  const outcomes: Json[] = [];
  const scope = new CancellationScope();
  const work = scope.run(() =>
    Promise.allSettled([failureOf(activities().echo('never')), sleep('1 day')]),
  );
  scope.cancel();
  for (const result of await work)
    outcomes.push(
      result.status === 'fulfilled' ? (result.value ?? null) : isCancellation(result.reason),
    );
  outcomes.push(await condition(() => true, '1 hour'));
  outcomes.push(await activities().echo('after'));
  return outcomes;
}

/** How failures look to the workflow. */
export async function failures(): Promise<Json> {
  const twice = { retry: { maximumAttempts: 2, initialInterval: 10 } };
  return [
    await failureOf(activities(twice).fail('Plain')),
    await failureOf(activities({ retry: { nonRetryableErrorTypes: ['Plain'] } }).fail('Plain')),
    await failureOf(activities().fail('Permanent')),
    await failureOf(activities({ ...twice, startToCloseTimeout: '500ms' }).silent()),
    await failureOf(
      activities({ scheduleToCloseTimeout: '3s', retry: { initialInterval: '5s' } }).fail('Plain'),
    ),
  ];
}

async function failureOf(work: Promise<unknown>): Promise<Json> {
  try {
    return { ended: (await work) as Json };
  } catch (error) {
    if (!(error instanceof ActivityFailure)) throw error;
    const { message, retryState, activityType, activityId, cause } = error;
    return {
      ...{
        message,
        retryState: String(retryState),
        activityType,
        activityId: activityId ?? null,
        cancelled: isCancellation(error),
      },
      cause: cause?.message ?? null,
      type: cause instanceof ApplicationFailure ? (cause.type ?? null) : null,
      timeout: cause instanceof TimeoutFailure ? String(cause.timeoutType) : null,
    };
  }
}

/**
 * Cancels an activity that runs, waiting for its end or not, one that fails then, or one that waits
 * for its next attempt.
 */
export async function cancelling(
  how: 'wait' | 'try' | 'stubborn' | 'between attempts',
): Promise<Json> {
  const scope = new CancellationScope();
  const { wait, stubborn, fail } = activities({
    cancellationType: how === 'try' ? TRY_CANCEL : WAIT_CANCELLATION_COMPLETED,
    retry: { initialInterval: '1 day' },
  });
  const work = { wait, try: wait, stubborn, 'between attempts': () => fail('Plain') }[how];
  const ended = scope.run(() => failureOf(work()));
  await sleep(300);
  scope.cancel();
  return [await ended, await activities().echo('next')];
}

export async function patchy(): Promise<Json> {
  const names = ['one', 'two', 'one'].filter((name) => patched(name));
  return [await activities().echo(names), workflowInfo().historyLength];
}

export async function random(): Promise<Json> {
  return [Math.random(), uuid4(), await activities().echo(null)];
}

/** Continues as new when Temporal says that it is time. */
export async function untilSuggested(executions: number): Promise<Json> {
  if (executions === 3) return executions;
  while (!workflowInfo().continueAsNewSuggested) await activities().echo(null);
  return continueAsNew<typeof untilSuggested>(executions + 1);
}

/** A bug: no failure that Temporal knows. */
export async function broken(): Promise<void> {
  await activities().echo(null);
  throw new TypeError('a bug');
}
