import {
  ApplicationFailure,
  workflowInfo,
  type ActivityOptions,
  type TimeoutFailure,
} from '@temporalio/workflow';
import type { OtherHost } from '../../common/attempt.js';
import { hostQueue } from '../../common/queues.js';
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

/**
 * Runs an activity on the common queue. When its worker finds that it belongs to another host, runs
 * it on that host's queue; when no worker there takes it in time, on the common queue again, where
 * the worker decides without that host.
 * @param waitMs how long a host gets, in milliseconds
 * @param onHostAsked learns which host is asked
 */
export async function onItsHost<T>(
  waitMs: number,
  activity: (where: Where) => Promise<T>,
  onHostAsked: (problem: Problem) => void = () => undefined,
): Promise<T> {
  let where: Where = { options: {} };
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
        where = { options: {}, hostGone: asked };
        asked = null;
      } else throw error;
    }
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
