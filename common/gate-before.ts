import type { Plan } from '../language/plan.js';
import type { StepSpec } from '../language/runbook.js';

/**
 * The gate whose approval the step needs.
 * @param top path of the declared step that `step` is, or is part of
 */
export function gateFor(
  step: StepSpec,
  top: string,
  plan: Pick<Plan, 'steps'>,
): string | undefined {
  return step.effect === 'read' ? undefined : gateBefore(plan.steps, top);
}

/** The nearest approval declared before the step, in its own runbook or in those around it. */
function gateBefore(steps: readonly StepSpec[], top: string, prefix = ''): string | undefined {
  const [id, ...rest] = top.split('/');
  const place = steps.findIndex((step) => step.id === id);
  const inside =
    rest.length > 0
      ? gateBefore(
          (steps[place] as StepSpec).steps as StepSpec[],
          rest.join('/'),
          `${prefix}${id}/`,
        )
      : undefined;
  if (inside !== undefined) return inside;
  const before = steps.slice(0, place).findLast((step) => step.kind === 'approval');
  return before && `${prefix}${before.id}`;
}
