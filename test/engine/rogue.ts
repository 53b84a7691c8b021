import { ActivityCancellationType, proxyActivities, workflowInfo } from '@temporalio/workflow';
import type { StartEnvelope } from '../../common/envelope.js';
import { engineQueue } from '../../common/queues.js';
import type { Json, JsonObject } from '../../language/json.js';
import type { Call } from './strangers.js';

/**
 * Workflow code that is not ours, on a worker of our own task queue: it is admitted as a run of a
 * runbook, and then asks for what it likes in the run's name.
 */
export async function rogue(envelope: StartEnvelope, calls: readonly Call[]): Promise<Json[]> {
  const { workflowId, firstExecutionRunId, startTime, taskQueue } = workflowInfo();
  const key = { run: workflowId, firstRunId: firstExecutionRunId };
  const options = {
    startToCloseTimeout: '20s' as const,
    cancellationType: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
    retry: { maximumAttempts: 1 },
  };
  type Asked = Record<string, (request: object) => Promise<Json>>;
  const platform = proxyActivities<Asked>({ ...options, taskQueue: engineQueue(taskQueue) });
  const steps = proxyActivities<Asked>(options);
  await platform['admit']?.({ version: 1, key, envelope, startedAt: startTime.toISOString() });
  const answers: Json[] = [];
  for (const { activity, request } of calls) {
    const asked = { ...(request as JsonObject), key };
    answers.push(
      (await steps[activity]?.(asked).catch(
        (error: Error) => `refused: ${((error.cause ?? error) as Error).message}`,
      )) ?? null,
    );
  }
  return answers;
}
