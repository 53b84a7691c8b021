import protos, { type temporal as proto } from '@temporalio/proto';

type Event = proto.api.history.v1.IHistoryEvent;

const { WORKFLOW_TASK_FAILED_CAUSE_RESET_WORKFLOW: reset } =
  protos.temporal.api.enums.v1.WorkflowTaskFailedCause;

/**
 * Why somebody reset the run, from the event that Temporal writes then: it looks like a task that
 * failed. Null for any other event; empty where no reason was given.
 */
export function resetReason({ workflowTaskFailedEventAttributes: failed }: Event): string | null {
  return failed?.cause === reset ? (failed.failure?.message ?? '') : null;
}
