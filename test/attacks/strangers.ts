import { ActivityCancellationType, proxyActivities } from '@temporalio/workflow';
import type { Json } from '../../language/json.js';

/** One call of an activity that is not the stranger's. */
export interface Call {
  activity: string;
  request: Json;
}

/** A workflow that is not ours: it asks workers of another task queue for their activities. */
export async function stranger(queue: string, calls: readonly Call[]): Promise<Json[]> {
  const activities = proxyActivities<Record<string, (request: Json) => Promise<Json>>>({
    taskQueue: queue,
    startToCloseTimeout: '20s',
    cancellationType: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
    retry: { maximumAttempts: 1 },
  });
  const answers: Json[] = [];
  for (const { activity, request } of calls) {
    answers.push(
      (await activities[activity]?.(request).catch(
        (error: Error) => `refused: ${((error.cause ?? error) as Error).message}`,
      )) ?? null,
    );
  }
  return answers;
}
