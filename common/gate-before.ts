import type { Plan } from '../language/plan.js';
import { isGroup } from '../language/kinds/index.js';
import type { StepSpec } from '../language/runbook.js';
import { below, namesOf, pathOf } from '../language/paths.js';

/**
 * The gate whose approval the step needs.
 * @param top path of the declared step that `step` is, or is part of
 */
export function gateFor(
  step: StepSpec,
  top: string,
  plan: Pick<Plan, 'steps'>,
): string | undefined {
  return gatesFor(step, top, plan).at(-1);
}

/** The gate whose approval the step needs, and all that come before that one, in their order. */
export function gatesFor(step: StepSpec, top: string, plan: Pick<Plan, 'steps'>): string[] {
  return step.effect === 'read' ? [] : gatesBefore(plan.steps, top);
}

/** A declared step that does something itself, with its declared path. */
export interface DeclaredStep {
  path: string;
  spec: StepSpec;
}

/**
 * The steps between a gate and the next one, in their order: what follows its approval. Groups are
 * left out, their parts are there.
 */
export function stepsBehind(steps: readonly StepSpec[], gate: string): DeclaredStep[] {
  return leaves(steps).filter(({ path }) => gatesBefore(steps, path).at(-1) === gate);
}

function leaves(steps: readonly StepSpec[], around = ''): DeclaredStep[] {
  return steps.flatMap((spec) => {
    const path = `${around}${spec.id}`;
    if (isGroup(spec.kind)) return leaves(spec.steps ?? [], below(path));
    return spec.kind === 'approval' ? [] : [{ path, spec }];
  });
}

/** The approvals declared before the step, in its own runbook and in those around it. */
function gatesBefore(steps: readonly StepSpec[], top: string, prefix = ''): string[] {
  const [id, ...rest] = namesOf(top);
  const place = steps.findIndex((step) => step.id === id);
  const here = steps.slice(0, place).filter((step) => step.kind === 'approval');
  const inside =
    rest.length > 0
      ? gatesBefore(
          (steps[place] as StepSpec).steps as StepSpec[],
          pathOf(rest),
          below(`${prefix}${id}`),
        )
      : [];
  return [...here.map((gate) => `${prefix}${gate.id}`), ...inside];
}
