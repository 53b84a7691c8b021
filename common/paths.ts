/*
 * Paths that the engine makes itself, beside those that a plan declares.
 */

const undoSuffix = '.undo';
const probeSuffix = '.check';

/** Where taking a step back is recorded. */
export function undoPath(step: string): string {
  return `${step}${undoSuffix}`;
}

/** Where looking again at a result is recorded that was taken over. */
export function probePath(step: string): string {
  return `${step}${probeSuffix}`;
}

/** The step that is taken back there; null when it is a step's own path. */
export function undoneBy(path: string): string | null {
  return path.endsWith(undoSuffix) ? path.slice(0, -undoSuffix.length) : null;
}

/** The step that is looked at again there; null when it is a path of another kind. */
export function probedAt(path: string): string | null {
  return path.endsWith(probeSuffix) ? path.slice(0, -probeSuffix.length) : null;
}

/** A part of this name would be taken for the undo, or for the second look, of another one. */
export function isTakenName(part: string): boolean {
  return part.endsWith(undoSuffix) || part.endsWith(probeSuffix);
}
