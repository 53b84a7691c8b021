import { workflowInfo, type WorkflowInterceptors } from '@temporalio/workflow';
import { askAgain } from '../../common/ask-again.js';

const reserved = '__temporal_';

export const interceptors = (): WorkflowInterceptors => {
  const isEarly = earlyNews();
  return {
    internals: [
      {
        activate(input, next) {
          const jobs = input.activation.jobs as NonNullable<typeof input.activation.jobs>;
          if (isEarly()) throw new Error(askAgain);
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
 * Says whether events came that no workflow task has been given yet. A question that reaches a
 * worker which has just taken a run over makes Core apply them at once; what comes after them, and
 * before the workflow task, then follows them even if it is a signal, which a replay puts first.
 * The commands of that task would fit no replay, and the run would be wedged. So the question fails
 * instead, the worker forgets the run, and the task finds everything in its right order. Such
 * events are known by the size of history, which is told with each workflow task: it is still that
 * of the last one.
 */
function earlyNews(): () => boolean {
  let seen = { length: 0, bytes: 0 };
  return () => {
    const { historyLength: length, historySize: bytes } = workflowInfo();
    const isEarly = bytes > 0 && bytes === seen.bytes && length > seen.length;
    seen = { length, bytes };
    return isEarly;
  };
}
