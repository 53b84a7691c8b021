import type { Plan } from '../../language/plan.js';
import { innermost, type Action } from '../../language/kinds/index.js';
import type { StepSpec } from '../../language/runbook.js';
import { gateFor } from '../../common/gate-before.js';
import { changesTarget } from '../../common/lease.js';
import { ProcedureStopped } from './outcome.js';

/** What the guards may look at before a step has its effect. */
export interface GuardView {
  plan: Plan;
  /** True when the gate's present approval is valid. */
  approved(gate: string): boolean;
}

/**
 * @param actions what the step is about to do, and what would take it back; none when people do it
 */
type Guard = (step: StepSpec, top: string, run: GuardView, actions: readonly Action[]) => void;

/**
 * Asked in this order before every effect; each throws to refuse. Whether the record can be reached
 * is asked last, by the worker that does the attempt, because a workflow cannot look.
 */
const guards: readonly Guard[] = [
  /**
   * A change declared behind a gate needs that gate's approval, whatever the procedure's code does.
   */
  function approval(step, top, run) {
    const gate = gateFor(step, top, run.plan);
    if (gate !== undefined && !run.approved(gate)) {
      throw new ProcedureStopped(
        `step ${step.id} changes something behind gate ${gate}, which is not approved`,
        'This is a fault of the procedure: report it to its owners.',
      );
    }
  },
  /** A drill changes isolated targets only, whatever the procedure's code does. */
  function isolation(step, _top, { plan }, actions) {
    if (!plan.drill || !changesTarget(step)) return;
    for (const name of actions.map(targetOf)) {
      if (plan.targets.find((target) => target.name === name)?.isolated) continue;
      const what =
        name === undefined
          ? 'something, and names no target'
          : `target ${name}, which is not isolated`;
      throw new ProcedureStopped(
        `step ${step.id} of a drill would change ${what}`,
        'A drill changes isolated targets only: report this to the owners of the runbook.',
      );
    }
  },
];

/**
 * @param top path of the declared step that `step` is, or is part of
 * @throws ProcedureStopped
 */
export function assertAllowed(
  step: StepSpec,
  top: string,
  run: GuardView,
  actions: readonly Action[],
): void {
  for (const guard of guards) guard(step, top, run, actions);
}

function targetOf(action: Action): string | undefined {
  return innermost(action).target;
}
