import type { Info } from '@temporalio/activity';
import type { Execution } from '../store/index.js';

/** The execution of the run that asked for this activity. */
export function executionOf(info: Info): Execution | undefined {
  const runId = info.workflowExecution?.runId;
  return runId === undefined
    ? undefined
    : { runId, at: new Date(info.scheduledTimestampMs).toISOString() };
}
