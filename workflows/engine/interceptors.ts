import { TemporalFailure, workflowInfo, type WorkflowInterceptors } from '@temporalio/workflow';
import { queryTooEarly } from '../../common/ask-again.js';
import { withoutStack } from '../../common/without-stack.js';

const reserved = '__temporal_';

export const interceptors = (): WorkflowInterceptors => {
  const isEarly = detectEarlyEvents();
  return {
    inbound: [
      {
        // Of a bug the stack stays: it fails the workflow task, and whoever mends it needs it.
        execute: (input, next) =>
          next(input).catch((error: unknown) => {
            throw error instanceof TemporalFailure ? withoutStack(error) : error;
          }),
      },
    ],
    internals: [
      {
        activate(input, next) {
          const jobs = input.activation.jobs as NonNullable<typeof input.activation.jobs>;
          if (isEarly()) throw new Error(queryTooEarly);
          for (const { signalWorkflow } of jobs) rename(signalWorkflow);
          next(input);
        },
      },
    ],
  };
};

/**
 * With a default signal handler in place the SDK throws on signal names that begin with its own
 * prefix, which fails the workflow task for ever: anybody who reaches the server could wedge a run.
 * Such a signal is renamed before the SDK looks at it, and then answered and recorded like any
 * other unknown one.
 */
function rename(signal: { signalName?: string | null } | null | undefined): void {
  if (signal?.signalName?.startsWith(reserved))
    signal.signalName = `reserved:${signal.signalName.slice(reserved.length)}`;
}

/**
 * Detects events that were applied before their workflow task. When a query reaches a worker that
 * has just taken over a run, Core applies the pending events at once. A signal that arrives before
 * the workflow task is then applied after them, but a replay applies signals first. The commands of
 * that task would match no replay, and the run would be wedged. So the query fails instead, the
 * worker evicts the run, and the task sees everything in the right order. The sign of such events:
 * history is longer, but its size, known only with a workflow task, is still that of the last one.
 */
function detectEarlyEvents(): () => boolean {
  let seen = { length: 0, bytes: 0 };
  return () => {
    const { historyLength: length, historySize: bytes } = workflowInfo();
    const isEarly = bytes > 0 && bytes === seen.bytes && length > seen.length;
    seen = { length, bytes };
    return isEarly;
  };
}
