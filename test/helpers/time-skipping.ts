import { randomUUID } from 'node:crypto';
import type { Client, WorkflowHandle } from '@temporalio/client';
import { defaultPayloadConverter, toPayloads } from '@temporalio/common';
import { until } from '../../lab/until.js';

/*
 * Time skipping on the real server: while a run has nothing in flight, the server lets its time
 * jump. The SDK's options do not know it, so these are raw calls. The server must have
 * `frontend.WorkflowTimeSkippingEnabled=true`.
 */

/** What lets a run's time jump often enough; the server's own limit is lower. */
const maxSessionSkipCount = 10_000;

export const timeSkippingConfig = [
  'frontend.WorkflowTimeSkippingEnabled=true',
  // A timer that is due is looked for by the second otherwise, and every jump waits for that.
  'history.timerProcessorMaxTimeShift="10ms"',
];

/** Starts a run whose time can be skipped, and is not yet. */
export async function startSkippable(
  client: Client,
  type: string,
  id: string,
  taskQueue: string,
  argument: unknown,
): Promise<WorkflowHandle> {
  await client.workflowService.startWorkflowExecution({
    namespace: client.options.namespace,
    workflowId: id,
    workflowType: { name: type },
    taskQueue: { name: taskQueue },
    input: { payloads: toPayloads(defaultPayloadConverter, argument) ?? [] },
    requestId: randomUUID(),
    identity: client.options.identity,
  });
  return client.workflow.getHandle(id);
}

/** Lets the run's time jump ahead. @param ms as much, and no further @returns when it is there */
export async function skip(
  client: Client,
  run: WorkflowHandle,
  ms: number,
  limitMs: number,
): Promise<void> {
  const id = randomUUID();
  const execution = {
    namespace: client.options.namespace,
    workflowExecution: { workflowId: run.workflowId },
  };
  const duration = { seconds: Math.floor(ms / 1_000), nanos: (ms % 1_000) * 1e6 };
  await client.workflowService.updateWorkflowExecutionOptions({
    ...execution,
    workflowExecutionOptions: {
      timeSkippingConfig: {
        enabled: true,
        fastForwardConfig: { id, duration: duration as never },
        maxSessionSkipCount,
      },
    },
    updateMask: { paths: ['time_skipping_config'] },
  });
  await until(
    'the time to have jumped',
    async () => {
      const { fastForwardInfo, failedReason } =
        await client.workflowService.pollWorkflowExecutionTimeSkipping({
          ...execution,
          fastForwardId: id,
        });
      // Or it never will have: the run has ended on the way.
      return fastForwardInfo?.hasCompleted === true || failedReason !== '';
    },
    limitMs,
  );
}
