import type { StepSpec } from '../../language/runbook.js';
import type { Run } from '../engine/run.js';

/**
 * Says of steps that this platform does not have that they are not needed.
 * @param paths as declared
 */
export function markNotNeeded(run: Run, paths: readonly string[], why: string): void {
  for (const path of paths) {
    const spec = declared(run.plan.steps, path.split('/'));
    if (spec) run.passBy(path, spec, why);
  }
}

function declared(
  steps: readonly StepSpec[],
  [id, ...rest]: readonly string[],
): StepSpec | undefined {
  const spec = steps.find((step) => step.id === id);
  return rest.length === 0 ? spec : declared(spec?.steps ?? [], rest);
}
