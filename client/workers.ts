import protos from '@temporalio/proto';
import type { Temporal } from './connect.js';

export interface PollingWorker {
  /** `host:pid`. */
  identity: string;
  /** ISO time of its last poll; null when the server does not say. */
  lastSeen: string | null;
  /** Counts as live because it polled recently: a poll lasts a minute at most. */
  recent: boolean;
}

const pollMs = 75_000;

/**
 * The workers that poll the task queue. The server forgets one that died only after some minutes.
 */
export async function workersOf(temporal: Temporal): Promise<PollingWorker[]> {
  const { pollers } = await temporal.within(4_000, () =>
    temporal.connection.workflowService.describeTaskQueue({
      namespace: temporal.namespace,
      taskQueue: { name: temporal.taskQueue },
      taskQueueType: protos.temporal.api.enums.v1.TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW,
    }),
  );
  return (pollers ?? []).map(({ identity, lastAccessTime }) => {
    const at = lastAccessTime?.seconds ? Number(lastAccessTime.seconds) * 1_000 : null;
    return {
      identity: identity ?? 'unknown',
      lastSeen: at === null ? null : new Date(at).toISOString(),
      recent: at !== null && Date.now() - at < pollMs,
    };
  });
}
