import type { WorkflowInterceptors } from '@temporalio/workflow';

const reserved = '__temporal_';

/**
 * With a default signal handler in place the SDK throws on signal names that begin with its own prefix, which fails the
 * workflow task for ever: anybody who reaches the server could wedge a run. Such a signal is renamed before the SDK
 * looks at it, and then answered and recorded like any other unknown one.
 */
export const interceptors = (): WorkflowInterceptors => ({
  internals: [
    {
      activate(input, next) {
        for (const job of input.activation.jobs ?? []) {
          const signal = job.signalWorkflow;
          if (signal?.signalName?.startsWith(reserved))
            signal.signalName = `reserved:${signal.signalName.slice(reserved.length)}`;
        }
        next(input);
      },
    },
  ],
});
