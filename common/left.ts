import { isActionKind, isGroup } from '../language/kinds/index.js';
import { cannotBeUndone } from './undo-words.js';
import { outcomeOf } from './step-outcome.js';
import { endStates, type RunState, type StepState, type StepView } from './view.js';

/*
 * What a run has changed and left so: one rule for the run itself, for those who look at it, and
 * for lists.
 */

/** States of a step that has changed something, or may have, and that nothing has undone. */
const changed: readonly StepState[] = ['succeeded', 'done-by-hand', 'unknown'];

/** The same of a step that may have changed a part: it, or its undo, broke off. */
const perhapsChanged: readonly StepState[] = ['failed', 'needs-operator', 'running', 'undoing'];

/** States of steps that a run can have left changed. */
export const leftStates: readonly StepState[] = [...changed, ...perhapsChanged];

/** How a run ends that leaves what it changed as it was meant to be. */
const asMeant: readonly RunState[] = ['succeeded', 'succeeded-with-exceptions'];

/** How a run ends that may leave something which nobody wanted so. */
export const leavingStates: readonly RunState[] = [...endStates].filter(
  (state) => !asMeant.includes(state),
);

/** What has to be known of a step. */
type ChangedStep = Pick<
  StepView,
  'id' | 'title' | 'kind' | 'effect' | 'state' | 'attempts' | 'startedAt' | 'undo' | 'noUndo'
>;

/** Ends of a step that may come before any attempt of it: where what it needs is not there. */
export const endsUntried: readonly StepState[] = ['failed', 'needs-operator'];

/** Whether it may have done something: one that was only shown, or only asked people, has not. */
function hasBegun({ kind, state, attempts, startedAt }: ChangedStep): boolean {
  if (startedAt === null) return false;
  return attempts > 0 || !isActionKind(kind) || !endsUntried.includes(state);
}

function isChange({ effect, kind }: Pick<StepView, 'effect' | 'kind'>): boolean {
  return effect !== 'read' && !isGroup(kind);
}

/** Steps that have changed something and were not undone. */
export function changesIn(steps: readonly StepView[]): StepView[] {
  return steps.filter((step) => isChange(step) && changed.includes(step.state));
}

/** What an ended run has left of one step. */
export interface Left {
  step: string;
  title: string;
  state: StepState;
  /** In words: what is so now. */
  what: string;
  /** How it is taken back. */
  how: string;
}

/** What a run has left that did not end as it was meant to, in the order of its steps. */
export function leftBy({
  state,
  steps,
}: {
  state: RunState;
  steps: readonly ChangedStep[];
}): Left[] {
  if (!leavingStates.includes(state)) return [];
  return steps
    .filter((step) => isChange(step) && hasBegun(step) && leftStates.includes(step.state))
    .map((step) => ({
      ...{ step: step.id, title: step.title, state: step.state },
      what: whatIsLeft(step.state),
      how: howTakenBack(step),
    }));
}

function howTakenBack({ undo, noUndo }: Pick<StepView, 'undo' | 'noUndo'>): string {
  if (undo !== undefined) return `by hand: ${undo}`;
  if (noUndo === undefined) return 'it has no undo: look at the target, and decide';
  return `${cannotBeUndone(noUndo)}; look at the target, and decide`;
}

function whatIsLeft(state: StepState): string {
  if (state === 'unknown') return 'nobody knows whether it was done';
  return changed.includes(state) ? 'left as it is' : 'it may have changed something';
}

/** What stands above what a run has left, wherever it is shown. */
export const leftTitle = 'Not taken back';

/**
 * The state of a step, and whether the run has left it so.
 * @param left paths of what it has left
 */
export function stateText(step: StepView, left: ReadonlySet<string>): string {
  return left.has(step.id) ? `${outcomeOf(step)}, left` : outcomeOf(step);
}

/** `restart (Restart the job): left as it is; by hand: stop the job that was started`. */
export function leftLine({ step, title, what, how }: Left): string {
  return `${step} (${title}): ${what}; ${how}`;
}
