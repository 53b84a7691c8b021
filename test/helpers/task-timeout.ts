import type { WorkflowHandle } from '@temporalio/client';

/**
 * How long a run is held up by a worker that dies with a workflow task in its hands, in seconds.
 */
export async function taskTimeoutSeconds(run: WorkflowHandle): Promise<number> {
  const { raw } = await run.describe();
  return Number(raw.executionConfig?.defaultWorkflowTaskTimeout?.seconds);
}
