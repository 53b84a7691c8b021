import { CancellationScope } from '@temporalio/workflow';
import type { LiveRun } from './live-run.js';
import { endsOnPurpose, StepFailed } from './outcome.js';
import { Rollback } from './rollback.js';

/**
 * Does steps that belong together, and undoes those of them that are temporary, however they end;
 * but where people have said that all stays as it is.
 * @param paths of the temporary steps that have begun; they become more while the steps are done
 */
export async function withTemporary<T>(
  run: LiveRun,
  paths: readonly string[],
  steps: () => Promise<T>,
): Promise<T> {
  const undo = (): Promise<void> =>
    CancellationScope.nonCancellable(() => new Rollback(run).undoTemporary(paths));
  let outputs: T;
  try {
    outputs = await steps();
  } catch (error) {
    if (paths.length > 0 && endsOnPurpose(error) && !leavesAll(run, error)) await undo();
    throw error;
  }
  if (paths.length > 0) await undo();
  return outputs;
}

function leavesAll(run: LiveRun, error: unknown): boolean {
  return run.isAborted || (error instanceof StepFailed && error.chosenEnding === 'abort');
}
