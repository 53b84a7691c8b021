import type { Run } from '../engine/surface.js';

/** Marks steps as not needed, where the plan has them: it has none of another way of running. */
export function notNeeded(run: Run, steps: readonly string[], why: string): void {
  run.notNeeded(
    steps.filter((step) => run.plan.steps.some(({ id }) => id === step)),
    why,
  );
}
