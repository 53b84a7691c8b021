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

/**
 * How long a host gets to take back its own command where the run's settings do not say, in
 * milliseconds.
 */
const defaultWaitMs = 120_000;

export interface Where {
  /** What the activity is scheduled with; empty for the common queue. */
  options: Pick<ActivityOptions, 'taskQueue' | 'scheduleToStartTimeout'>;
  /**
   * Told to the worker when a host did not take its command back in time: it then decides without
   * that host.
   */
  hostGone?: string;
}

/**
 * Does an activity on the common queue, unless the worker that takes it finds that another host has
 * to: then on that host's own queue, and when nobody there takes it in time, on the common queue
 * again, where it is decided without it.
 * @param waitMs how long a host gets, in milliseconds
 * @param told learns which host is asked
 */
export async function onItsHost<T>(
  waitMs: number | undefined,
  activity: (where: Where) => Promise<T>,
  told: (problem: Problem) => void = () => undefined,
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
        told({
          type: 'OnAnotherHost',
          message: `was started on ${host.name}, and waits for a worker there`,
        });
        where = {
          options: {
            taskQueue: hostQueue(workflowInfo().taskQueue, host.id),
            scheduleToStartTimeout: waitMs ?? defaultWaitMs,
          },
        };
      } else if (asked !== null && wasNotTaken(error)) {
        where = { options: {}, hostGone: asked };
        asked = null;
      } else throw error;
    }
  }
}

/** The host that the failure names, when it is the one of a worker that is on the wrong host. */
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
