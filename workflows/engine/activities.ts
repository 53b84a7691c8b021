import {
  ActivityCancellationType,
  proxyActivities,
  workflowInfo,
  type ActivityOptions,
} from '@temporalio/workflow';
import type { Activities, LostAnswer, LostRequest } from '../../activities/index.js';
import type { AttemptRequest, AttemptResult } from '../../common/attempt.js';
import type { Admission } from '../../common/admission.js';
import { engineHeartbeat } from '../../common/defaults.js';
import type { JudgeAnswer, JudgeRequest } from '../../common/judgement.js';
import { engineQueue } from '../../common/queues.js';
import {
  areVerdicts,
  isAdmission,
  isAttemptResult,
  isLeaseAnswer,
  isLostAnswer,
  isSaveAnswer,
  isSettled,
} from '../../common/shapes.js';
import type { LeaseAnswer } from '../../activities/lease.js';
import type { Settled } from '../../activities/settle.js';
import { MisshapenAnswer } from './outcome.js';
import type { Verdict } from '../../common/envelope.js';
import { visibleLine } from '../../common/visible.js';
import type { Problem } from '../../common/view.js';
import type { ActionKind } from '../../language/kinds/index.js';
import type { RetrySpec } from '../../language/runbook.js';

/*
 * The only place where workflows call activities. Every proxy names its cancellationType: left out,
 * 1.24 behaves as TRY_CANCEL (against its own docs) and an undo would run beside a command that is
 * still alive. Steps name no queue: on the run's own queue the server can hand a worker the
 * activity together with the answer to its workflow task (eager dispatch).
 */
const cancellationType = ActivityCancellationType.WAIT_CANCELLATION_COMPLETED;

type Platform = Pick<Activities, 'admit' | 'judge' | 'lost' | 'record' | 'refuse' | 'settle'>;

/** The platform's own short activities: retried without limit, because nothing may be lost. */
function platform(options: ActivityOptions = {}) {
  return proxyActivities<Platform>({
    cancellationType,
    taskQueue: engineQueue(workflowInfo().taskQueue),
    startToCloseTimeout: '20s',
    heartbeatTimeout: engineHeartbeat,
    retry: { initialInterval: '200ms', backoffCoefficient: 1.5, maximumInterval: '5s' },
    ...options,
  });
}

/**
 * How often an activity is called while its result is malformed: anybody who reaches Temporal can
 * complete an activity with anything.
 */
const maxAsks = 3;

/**
 * Calls an activity, which must be idempotent, until its result is well-formed.
 * @returns null when it never is
 */
async function answerOf<T>(
  ask: () => Promise<unknown>,
  isAnswer: (answer: unknown) => answer is T,
): Promise<T | null> {
  for (let time = 1; time <= maxAsks; time += 1) {
    const answer = await ask();
    if (isAnswer(answer)) return answer;
  }
  return null;
}

/** Admission, verdicts and the record; each has a fallback for a result no worker of ours gave. */
export const platformActivities = {
  /** Refuses the start when no well-formed result comes. */
  async admit(request: Parameters<Platform['admit']>[0]): Promise<Admission> {
    const answer = await answerOf(() => platform().admit(request), isAdmission);
    return answer ?? { admitted: false, problem: noAdmission };
  },
  /** Refuses the decisions, which can be sent again, when no well-formed verdicts come. */
  async judge(request: JudgeRequest): Promise<JudgeAnswer> {
    const { decisions } = request;
    const isAnswer = (answer: unknown): answer is JudgeAnswer => areVerdicts(answer, decisions);
    const answer = await answerOf(() => platform().judge(request), isAnswer);
    return answer ?? { verdicts: decisions.map(({ id, at }) => notJudged(id, at)) };
  },
  /** Without a well-formed result nothing counts as lost: then a worker refuses the approval. */
  async lost(request: LostRequest): Promise<LostAnswer> {
    const answer = await answerOf(() => platform().lost(request), isLostAnswer);
    return answer ?? { text: '' };
  },
  /** A malformed result says nothing about what the record has: everything is sent again. */
  async record(request: Parameters<Platform['record']>[0]): Promise<{ incomplete: boolean }> {
    const answer: unknown = await platform().record(request);
    return isSaveAnswer(answer) ? answer : { incomplete: true };
  },
  /** Records that a start was refused; the refusal does not wait for a record that is down. */
  async refuse(request: Parameters<Platform['refuse']>[0]): Promise<void> {
    await platform({ scheduleToCloseTimeout: refusalMs }).refuse(request);
  },
};

/** How long recording a refused start may take, in milliseconds. */
const refusalMs = 30_000;

const noAdmission: Problem = {
  type: 'Refused',
  message: 'the answer of admission does not come from a worker',
  next: 'Look in Temporal at who completed the activity, then start it again.',
};

function notJudged(decision: string, at: string): Verdict {
  return {
    decision,
    accepted: false,
    code: 'not-judged',
    message:
      'Nothing was changed: the verdict does not come from a worker. Look in Temporal at ' +
      'who completed the activity, and decide again.',
    at,
  };
}

/** Ends what a cancelled step left running. @param where its queue, if not the common one */
export async function settleStep(
  request: Parameters<Platform['settle']>[0],
  where: ActivityOptions,
): Promise<Settled> {
  const answer = await answerOf(() => platform(where).settle(request), isSettled);
  return answer ?? { state: 'unknown' };
}

/**
 * Does an attempt by the activity of its kind, so that the Temporal UI shows what each one is.
 * @throws MisshapenAnswer
 */
export async function attemptStep(
  request: AttemptRequest,
  options: ActivityOptions,
): Promise<AttemptResult> {
  const activities = proxyActivities<Pick<Activities, ActionKind>>({
    ...options,
  });
  const answer: unknown = await activities[request.action.kind](request);
  if (isAttemptResult(answer)) return answer;
  throw new MisshapenAnswer();
}

/** Acquires leases on targets; retried until it succeeds. */
export async function acquireLeases(
  request: Parameters<Activities['acquireLeases']>[0],
  options: ActivityOptions,
): Promise<LeaseAnswer> {
  const activities = proxyActivities<Pick<Activities, 'acquireLeases'>>({
    taskQueue: engineQueue(workflowInfo().taskQueue),
    ...options,
  });
  const answer = await answerOf(() => activities.acquireLeases(request), isLeaseAnswer);
  return answer ?? { held: [], problem: noLease };
}

const noLease: Problem = {
  type: 'Refused',
  message: 'the answer about who holds the targets does not come from a worker',
  next: 'Look in Temporal at who completed the activity, then start it again.',
};

/**
 * The back-off grows, so that a short wait ends soon and a long one costs little.
 * @param summary who has the targets
 * @param heartbeatMs limit of one try: one that takes longer than a heartbeat has lost its worker
 */
export function leaseOptions(summary: string, heartbeatMs: number): ActivityOptions {
  return {
    cancellationType,
    summary: visibleLine(summary, 200),
    startToCloseTimeout: heartbeatMs,
    retry: { initialInterval: '500ms', backoffCoefficient: 1.1, maximumInterval: '3s' },
  };
}

/** Grace for an attempt that timed out to end what it started, in milliseconds. */
const endingGraceMs = 30_000;

/**
 * The options of one step's activity. Temporal's retries are unlimited: the worker counts attempts
 * in the record and says when the last one is used up, so that a dead worker or an absent
 * PostgreSQL costs the step nothing.
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
    summary: visibleLine(request.step.title),
    startToCloseTimeout: request.timeoutMs + endingGraceMs,
    heartbeatTimeout: heartbeatMs,
    retry: {
      initialInterval: retry.initialMs,
      backoffCoefficient: retry.factor,
      maximumInterval: retry.maxMs,
    },
  };
}
