import { isNamed, type NamedStep } from '../language/document/named-steps.js';
import type { CaseRun } from './run-case.js';

/** One way that a runbook can go, and whether any case went it. */
export interface Way {
  path: string;
  /** `done`: a step, or a case of a branch; the others are of a step with a condition. */
  way: 'done' | 'condition is true' | 'condition is false';
  taken: boolean;
}

/** As the engine says why a step was left out. */
const leftOut = 'its condition does not hold';

/** Every way through the runbook: its steps, the cases of its branches, and its conditions. */
export function waysOf(steps: readonly NamedStep[], runs: readonly CaseRun[]): Way[] {
  return steps.flatMap((step): Way[] => {
    const { path } = step;
    const isDone = runs.some((run) => wasDone(run, step));
    if (!step.isConditional) return [{ path, way: 'done', taken: isDone }];
    const isLeftOut = runs.some(({ view }) =>
      view.steps.some(({ id, output }) => isNamed(id, step) && output === leftOut),
    );
    return [
      { path, way: 'condition is true', taken: isDone },
      { path, way: 'condition is false', taken: isLeftOut },
    ];
  });
}

function wasDone({ view, path }: CaseRun, step: NamedStep): boolean {
  if (step.kind === 'case')
    return path.some(({ what, path: chosen }) => what === 'choice' && isNamed(chosen, step));
  return (
    path.some((entry) => isNamed(entry.path, step)) ||
    view.steps.some(
      ({ id, state, startedAt }) =>
        isNamed(id, step) && startedAt !== null && state !== 'pending' && state !== 'not-needed',
    )
  );
}
