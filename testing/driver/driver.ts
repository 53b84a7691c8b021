import type { Context } from 'node:vm';
/*
 * Inside of the SDK: nothing under lib/ is public, and each may change with any release. Only files
 * of this folder import it, `sdkVersion` says for which release they were written, and
 * test/driver/same-trace.test.ts holds them against a real server.
 */
import { parseWorkflowCode } from '@temporalio/worker/lib/worker.js';
import { ReusableVMWorkflowCreator } from '@temporalio/worker/lib/workflow/reusable-vm.js';
import { globalHandlers } from '@temporalio/worker/lib/workflow/vm-shared.js';
import { Run } from './run.js';
import type { RunOptions } from './server.js';

/**
 * The release of every `@temporalio/*` package that this driver imitates; sdk-version.test.ts says
 * what to do about a new one.
 */
export const sdkVersion = '1.24.0';

/**
 * Limit for workflow code that runs without a break: typed as a must, but handed on to node:vm,
 * where it is none. With one, each call into the sandbox starts a thread, which makes a run three
 * times as slow, and when it strikes, Node 20 aborts the process. So an endless loop in workflow
 * code hangs its test file, until the suite's own limit ends it.
 */
const noTimeLimit = undefined as unknown as number;

/**
 * Runs the real workflow bundle in the SDK's real sandbox without a server: this is the server, in
 * one process and in virtual time. Nothing of ours is replaced but the activities. Made for what
 * the engine uses: activities, timers, signals, queries, cancellation, memo, search attributes,
 * patches, continue-as-new. Anything else is refused by name. A rejection that workflow code
 * forgets to await is not a failed task here: jest sees it first, and fails the test with it.
 */
export class Driver {
  private readonly runs = new Set<Run>();

  private constructor(
    private readonly creator: ReusableVMWorkflowCreator,
    private readonly closed: () => void,
  ) {}

  /**
   * @param code as `bundleWorkflows` makes it; parsed once, for all runs
   * @param globals what code that measures itself finds on the sandbox's global
   * @param closed called when the driver is closed
   */
  static async create({
    code,
    globals = {},
    closed = () => undefined,
  }: DriverOptions): Promise<Driver> {
    const creator = await creatorWith(globals).create(
      parseWorkflowCode(code),
      noTimeLimit,
      new Set(),
    );
    stopTracingPromises();
    return new Driver(creator, closed);
  }

  /**
   * Starts a run. It moves only while the test awaits one of its methods, and time passes only
   * where the method says so.
   */
  start(workflowType: string, args: unknown[], options: RunOptions): Run {
    const run = new Run(this.creator, workflowType, args, options, () => this.runs.delete(run));
    this.runs.add(run);
    return run;
  }

  async close(): Promise<void> {
    for (const run of this.runs) await run.dispose();
    await this.creator.destroy();
    this.closed();
  }
}

export interface DriverOptions {
  code: string;
  globals?: Record<string, unknown>;
  closed?: () => void;
}

function creatorWith(globals: Record<string, unknown>): typeof ReusableVMWorkflowCreator {
  return class extends ReusableVMWorkflowCreator {
    override injectGlobals(context: Context): void {
      super.injectGlobals(context);
      Object.assign(context, globals);
    }
  };
}

/**
 * The SDK notes a source-mapped stack for each promise of a workflow, for the stack trace query
 * alone. Nobody asks for it here, and it costs most of a run's time.
 */
function stopTracingPromises(): void {
  const handlers = globalHandlers as unknown as {
    stopPromiseHook(): void;
    promiseHookInstalled: boolean;
  };
  handlers.stopPromiseHook();
  handlers.promiseHookInstalled = false;
}
