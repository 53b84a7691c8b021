import { CancellationScope, workflowInfo } from '@temporalio/workflow';
import type { RunKey } from '../../common/keys.js';
import { senderIn } from '../../common/sender.js';
import { isObject } from '../../common/shapes.js';
import type { Problem } from '../../common/view.js';
import { platformActivities } from './activities.js';

/** A workflow that was to start a run, or to be one. */
export interface Refused {
  key: RunKey;
  startedAt: string;
  runbook: string;
}

/** The workflow that this code runs in, as one that is refused. */
export function thisWorkflow(runbook: string): Refused {
  const { workflowId, firstExecutionRunId, startTime } = workflowInfo();
  const key = { run: workflowId, firstRunId: firstExecutionRunId };
  return { key, startedAt: startTime.toISOString(), runbook };
}

/**
 * Records that a start was refused: it outlives the workflow in Temporal.
 * @param argument what it was started with, a start envelope or not
 */
export async function recordRefusal(
  about: Refused,
  argument: unknown,
  problem: Problem,
): Promise<void> {
  const text = (value: unknown): string => (typeof value === 'string' ? value : '').slice(0, 200);
  const { by, reason, sender } = isObject(argument) ? argument : {};
  try {
    await CancellationScope.nonCancellable(() =>
      platformActivities.refuse({
        version: 1,
        ...about,
        by: text(by),
        reason: text(reason),
        sender: senderIn(sender),
        problem,
      }),
    );
  } catch {
    // The record is down: Temporal has the refusal all the same.
  }
}
