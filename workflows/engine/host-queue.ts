import {
  ApplicationFailure,
  workflowInfo,
  type ActivityOptions,
  type TimeoutFailure,
} from '@temporalio/workflow';
import type { OtherHost } from '../../common/attempt.js';
import { hostQueue, namedHostQueue } from '../../common/queues.js';
import { isOtherHost } from '../../common/shapes.js';
import type { Problem } from '../../common/view.js';

export interface Where {
  /** What the activity is scheduled with; empty for the common queue. */
  options: Pick<ActivityOptions, 'taskQueue' | 'scheduleToStartTimeout'>;
  /**
   * The host on which no worker re-attached in time: the worker then decides without that host.
   */
  hostGone?: string;
}

/** The host that a step says it runs on gets this long before people are told, in milliseconds. */
const tellAfterMs = 10_000;
/** No wait for that host is longer: Temporal limits how many there are in one history. */
const longestWaitMs = 3_600_000;

/**
 * Runs an activity on the queue of the host that the step names, and waits there for a worker;
 * where it names none, on the common queue. When its worker finds that it belongs to another host,
 * runs it on that host's queue; when no worker there takes it in time, where it began again, and
 * the worker decides without that host.
 * @param waitMs how long the host of a started command gets, in milliseconds
 * @param onHostAsked learns which host is asked, and which has no worker
 * @param runsOn name of the host
 */
export async function onItsHost<T>(
  waitMs: number,
  activity: (where: Where) => Promise<T>,
  onHostAsked: (problem: Problem) => void = () => undefined,
  runsOn?: string,
): Promise<T> {
  const home = new Home(runsOn, Math.min(waitMs, tellAfterMs));
  let where: Where = { options: home.options };
  let asked: string | null = null;
  for (;;) {
    try {
      return await activity(where);
    } catch (error) {
      const host = otherHost(error);
      if (host) {
        asked = host.id;
        onHostAsked({
          type: 'OnAnotherHost',
          message: `was started on ${host.name}, and waits for a worker there`,
        });
        where = {
          options: {
            taskQueue: hostQueue(workflowInfo().taskQueue, host.id),
            scheduleToStartTimeout: waitMs,
          },
        };
      } else if (asked !== null && wasNotTaken(error)) {
        where = { options: home.options, hostGone: asked };
        asked = null;
      } else if (runsOn !== undefined && wasNotTaken(error)) {
        onHostAsked(home.waitLonger(runsOn));
        where = { ...where, options: home.options };
      } else throw error;
    }
  }
}

/** Where a step is sent as long as no host has begun it. */
class Home {
  constructor(
    private readonly host: string | undefined,
    private waitMs: number,
  ) {}

  get options(): Where['options'] {
    if (this.host === undefined) return {};
    return {
      taskQueue: namedHostQueue(workflowInfo().taskQueue, this.host),
      scheduleToStartTimeout: this.waitMs,
    };
  }

  /** @returns what people are told */
  waitLonger(host: string): Problem {
    this.waitMs = Math.min(2 * this.waitMs, longestWaitMs);
    return {
      type: 'NoWorker',
      message: `has to run on host ${host}, and no worker there has taken it`,
      next: `Start a worker on ${host}; where it calls itself otherwise, set RUNBOOK_HOST there.`,
    };
  }
}

/** The host that has to do the activity, when a worker on another host refused it. */
function otherHost(error: unknown): OtherHost | null {
  const { cause } = error as Error;
  if (!(cause instanceof ApplicationFailure) || cause.type !== 'OnAnotherHost') return null;
  const detail = cause.details?.[0] as { details?: unknown } | null | undefined;
  return isOtherHost(detail?.details) ? detail.details : null;
}

function wasNotTaken(error: unknown): boolean {
  const { cause } = error as { cause?: Partial<TimeoutFailure> };
  return cause?.timeoutType === 'SCHEDULE_TO_START';
}
