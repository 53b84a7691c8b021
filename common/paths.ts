/*
 * Paths that the engine adds to those that a plan declares.
 */

const undoSuffix = '.undo';
const probeSuffix = '.check';

/** The path under which a step's undo is recorded. */
export function undoPath(step: string): string {
  return `${step}${undoSuffix}`;
}

/** The path under which the probe of a reused result is recorded. */
export function probePath(step: string): string {
  return `${step}${probeSuffix}`;
}

/** The step that an undo's path belongs to; null for any other path. */
export function undoneBy(path: string): string | null {
  return path.endsWith(undoSuffix) ? path.slice(0, -undoSuffix.length) : null;
}

/** The step that a probe's path belongs to; null for any other path. */
export function probedAt(path: string): string | null {
  return path.endsWith(probeSuffix) ? path.slice(0, -probeSuffix.length) : null;
}

/** Whether a part's name would be mistaken for the undo, or the probe, of another part. */
export function isReservedName(part: string): boolean {
  return part.endsWith(undoSuffix) || part.endsWith(probeSuffix);
}
