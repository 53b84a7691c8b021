import { rulesOf } from '../../language/kinds/index.js';
import { partOf } from '../../language/paths.js';
import type { StepSpec } from '../../language/runbook.js';

/** The gates of a plan, each under its path: nested runbooks have gates of their own. */
export function gatesOf(steps: readonly StepSpec[], group = ''): StepSpec[] {
  return steps.flatMap((step) => {
    const spec = { ...step, id: partOf(group, step.id) };
    if (rulesOf(step.kind).holdsGates) return gatesOf(step.steps ?? [], spec.id);
    return step.kind === 'approval' ? [spec] : [];
  });
}
