import { stepsBehind, type DeclaredStep } from '../../common/gate-before.js';
import type { ListedWork, ListedWorks } from '../../common/listed.js';
import { targetText } from '../../common/target-text.js';
import { triesWords } from '../../common/tries.js';
import type { FollowingStep } from '../../common/view.js';
import { manualWords } from '../../language/manual-words.js';
import { innermost } from '../../language/kinds/index.js';
import { partOf } from '../../language/paths.js';
import type { Plan } from '../../language/plan.js';
import type { StepSpec } from '../../language/runbook.js';
import { hasOwnWords } from '../../language/undo-words.js';

/**
 * The works of steps that a group contains, by the paths that they have around it.
 * @param works null: not needed this time
 */
export function inside(
  group: string,
  works: Readonly<Record<string, ListedWork | readonly ListedWork[] | null>>,
): ListedWorks {
  return Object.fromEntries(
    Object.entries(works).map(([step, work]) => [partOf(group, step), [work ?? []].flat()]),
  );
}

/**
 * The steps between the gate and the next one, as people are shown them.
 * @param isDone whether a step is not done again
 */
export function followingSteps(
  { steps, targets }: Pick<Plan, 'steps' | 'targets'>,
  gate: string,
  works: ListedWorks,
  isDone: (step: DeclaredStep) => boolean,
): FollowingStep[] {
  const following = ({ path, spec }: DeclaredStep): FollowingStep => {
    const listed = works[path] ?? [];
    const names = new Set(listed.map(({ action }) => innermost(action).target));
    return {
      step: path,
      title: spec.title,
      kind: spec.kind,
      effect: spec.effect,
      targets: targets.filter(({ name }) => names.has(name)).map(targetText),
      works: listed,
      ...(spec.kind === 'manual' ? { byHand: manualWords(spec) } : {}),
      tried: triesWords(spec),
      ...undoTitleOf(spec, listed),
      ...(spec.noUndo === undefined ? {} : { noUndo: spec.noUndo }),
      ...(spec.pointOfNoReturn ? { pointOfNoReturn: true } : {}),
    };
  };
  return stepsBehind(steps, gate)
    .filter(({ path, spec }) => spec.kind === 'manual' || (works[path] ?? []).length > 0)
    .filter((step) => !isDone(step))
    .map(following);
}

/** What its author calls its undo. Code decides each time whether a step has one. */
function undoTitleOf(spec: StepSpec, listed: readonly ListedWork[]): { undo?: string } {
  const isUndone = spec.work !== undefined || listed.some(({ undo }) => undo !== undefined);
  return isUndone && hasOwnWords(spec) ? { undo: spec.undo as string } : {};
}
