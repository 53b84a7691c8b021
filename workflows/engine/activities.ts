import {
  ActivityCancellationType,
  proxyActivities,
  workflowInfo,
  type ActivityOptions,
} from '@temporalio/workflow';
import type { Activities } from '../../activities/index.js';
import type { AttemptRequest } from '../../common/attempt.js';
import { engineQueue } from '../../common/queues.js';
import type { ActionKind, RetrySpec } from '../../language/runbook.js';

/*
 * The only place where workflows get at activities. Every proxy names its cancellationType: left out, 1.24 behaves as
 * TRY_CANCEL (against its own docs) and an undo would run beside a command that is still alive. Steps name no queue: on
 * the run's own a worker may take one with the answer to its workflow task.
 */
const cancellationType = ActivityCancellationType.WAIT_CANCELLATION_COMPLETED;

type Platform = Pick<Activities, 'admit' | 'judge' | 'record' | 'settle'>;

/** The platform's own short work: it waits for PostgreSQL as long as it takes, because nothing may be lost. */
function platform(options: ActivityOptions = {}) {
  return proxyActivities<Platform>({
    cancellationType,
    taskQueue: engineQueue(workflowInfo().taskQueue),
    startToCloseTimeout: '20s',
    retry: { initialInterval: '200ms', backoffCoefficient: 1.5, maximumInterval: '5s' },
    ...options,
  });
}

/** Admission, verdicts and the record. */
export const platformActivities: Pick<Platform, 'admit' | 'judge' | 'record'> = {
  admit: (request) => platform().admit(request),
  judge: (request) => platform().judge(request),
  record: (request) => platform().record(request),
};

/** Ends what a cancelled step left. @param where the queue, when it is not the common one */
export function settleStep(
  request: Parameters<Platform['settle']>[0],
  where: ActivityOptions,
): ReturnType<Platform['settle']> {
  return platform(where).settle(request);
}

/** Does an attempt by the activity of its kind, so that the Temporal UI shows what each one is. */
export function attemptStep(
  request: AttemptRequest,
  options: ActivityOptions,
): ReturnType<Activities[ActionKind]> {
  const activities = proxyActivities<Pick<Activities, ActionKind>>({
    ...options,
  });
  return activities[request.action.kind](request);
}

/** Tries to get targets, as often as it takes. */
export function acquireLeases(
  request: Parameters<Activities['acquireLeases']>[0],
  options: ActivityOptions,
): ReturnType<Activities['acquireLeases']> {
  const activities = proxyActivities<Pick<Activities, 'acquireLeases'>>({
    taskQueue: engineQueue(workflowInfo().taskQueue),
    ...options,
  });
  return activities.acquireLeases(request);
}

/**
 * The pause grows, so that a short wait ends soon and a long one costs little.
 * @param summary who has the targets
 * @param heartbeatMs a try lasts shorter than a heartbeat: one that takes longer has lost its worker
 */
export function leaseOptions(summary: string, heartbeatMs: number): ActivityOptions {
  return {
    cancellationType,
    summary: summary.slice(0, 200),
    startToCloseTimeout: heartbeatMs,
    retry: { initialInterval: '500ms', backoffCoefficient: 1.1, maximumInterval: '3s' },
  };
}

/** Room for an attempt to end what it started after its time is over, in milliseconds. */
const endingGraceMs = 30_000;

/**
 * The options of one step's activity. Temporal's retries are unlimited: the worker counts attempts in the record and
 * says when the last one is used up, so that a dead worker or an absent PostgreSQL costs the step nothing.
 * @param heartbeatMs silence after which the worker counts as dead
 */
export function stepOptions(
  request: AttemptRequest,
  retry: Required<RetrySpec>,
  heartbeatMs: number,
): ActivityOptions {
  return {
    cancellationType,
    activityId: request.step.path,
    summary: request.step.title,
    startToCloseTimeout: request.timeoutMs + endingGraceMs,
    heartbeatTimeout: heartbeatMs,
    retry: {
      initialInterval: retry.initialMs,
      backoffCoefficient: retry.factor,
      maximumInterval: retry.maxMs,
    },
  };
}
