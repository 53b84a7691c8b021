import { describeAction, type Action } from '../language/kinds/index.js';
import type { StepSpec } from '../language/runbook.js';
import { hasOwnWords } from '../language/undo-words.js';

/*
 * What an undo does, for people who may have to do it by hand: the words of its author, and the
 * action itself.
 */

/**
 * `Put the old key back: run mv /keys/old /keys/new`.
 * @param action with its values
 */
export function undoWords(spec: StepSpec, action: Action): string {
  const does = describeAction(action);
  return hasOwnWords(spec) ? `${spec.undo ?? ''}: ${does}` : does;
}

/** What people are asked to do about a step that they have done. */
export function undoOfHandWork(spec: StepSpec): string {
  const what = hasOwnWords(spec) ? spec.undo?.replace(/^by hand: /, '') : `Undo: ${spec.title}`;
  return `${what} (the step was done by hand, so its undo is, too)`;
}

/** What an attempt of the undo is called. */
export function undoTitle(spec: StepSpec): string {
  return `Undo: ${hasOwnWords(spec) ? spec.undo : spec.title}`;
}

/** That nothing undoes a step, and why, where its author says so. */
export function cannotBeUndone(why: string | undefined): string {
  return why === undefined ? 'cannot be undone' : `cannot be undone: ${why}`;
}
