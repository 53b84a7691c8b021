import type { Plan } from '../../language/plan.js';
import type { StepSpec } from '../../language/runbook.js';
import { ProcedureStopped } from './outcome.js';

/** What the guards may look at before a step has its effect. */
export interface GuardView {
  plan: Plan;
  /** True when the gate's present approval is valid. */
  approved(gate: string): boolean;
}

type Guard = (step: StepSpec, top: string, run: GuardView) => void;

/**
 * Asked in this order before every effect; each throws to refuse. Whether the record can be reached is asked last, by
 * the worker that does the attempt, because a workflow cannot look.
 */
const guards: readonly Guard[] = [
  /** A change declared behind a gate needs that gate's approval, whatever the procedure's code does. */
  function approval(step, top, run) {
    const gate = gateFor(step, top, run.plan);
    if (gate !== undefined && !run.approved(gate)) {
      throw new ProcedureStopped(
        `step ${step.id} changes something behind gate ${gate}, which is not approved`,
        'This is a fault of the procedure: report it to its owners.',
      );
    }
  },
];

/** @param top path of the declared step that `step` is, or is part of */
export function assertAllowed(step: StepSpec, top: string, run: GuardView): void {
  for (const guard of guards) guard(step, top, run);
}

/** The gate whose approval the step needs. @param top as `assertAllowed` */
export function gateFor(step: StepSpec, top: string, plan: Plan): string | undefined {
  return step.effect === 'read' ? undefined : gateBefore(plan.steps, top);
}

/** The nearest approval declared before the step, in its own runbook or in those around it. */
function gateBefore(steps: readonly StepSpec[], top: string, prefix = ''): string | undefined {
  const [id, ...rest] = top.split('/');
  const place = steps.findIndex((step) => step.id === id);
  const inside =
    rest.length > 0 ? gateBefore((steps[place] as StepSpec).steps as StepSpec[], rest.join('/'), `${prefix}${id}/`) : undefined;
  if (inside !== undefined) return inside;
  const before = steps.slice(0, place).findLast((step) => step.kind === 'approval');
  return before && `${prefix}${before.id}`;
}
