/*
 * The grammar of step paths, all of it:
 *
 *   GROUP/PART      a step inside a group, or inside a nested runbook
 *   GROUP/ITEM/PART the same for one item of a `forEach`
 *   STEP.2          a step that code does a second time
 *   STEP.undo       the undo of a step
 *   STEP.check      the probe of a result that was taken from a dead run
 */

const separator = '/';
/** Separates a step from what the engine adds to its path. */
const addition = '.';
const undoSuffix = `${addition}undo`;
const probeSuffix = `${addition}check`;
const time = /\.\d+$/;

/** The beginning of the paths of all that is inside a group. */
export function below(group: string): string {
  return `${group}${separator}`;
}

/** The path of a part of a group; of the step itself where there is no group around it. */
export function partOf(group: string, part: string): string {
  return group === '' ? part : below(group) + part;
}

/** Whether the step is inside a group. */
export function isPart(path: string): boolean {
  return path.includes(separator);
}

/** `shift/` of `shift/canary`: what all parts of its group begin with; empty at the top. */
export function groupPrefix(path: string): string {
  return path.slice(0, path.lastIndexOf(separator) + separator.length);
}

/** Whether the step is inside that group, or inside a group of it. */
export function isInside(path: string, group: string): boolean {
  return path.startsWith(below(group));
}

/** Whether the path is the step's own, or that of anything in it or added to it. */
export function belongsTo(path: string, step: string): boolean {
  return path === step || isInside(path, step) || path.startsWith(step + addition);
}

/** The names from the outermost group to the step. */
export function namesOf(path: string): string[] {
  return path.split(separator);
}

/** The path of these names. */
export function pathOf(names: readonly string[]): string {
  return names.join(separator);
}

/** `corrupt/load` and `corrupt.2/load` are of the declared step `corrupt`. */
export function groupOf(path: string): string {
  return path.split(/[/.]/, 1)[0] ?? path;
}

/** The path under which a step is done for this time, counted from 1. */
export function atTime(step: string, times: number): string {
  return times === 1 ? step : `${step}${addition}${times}`;
}

/** The declared name of a step that may be done for another time. */
export function withoutTime(name: string): string {
  return name.replace(time, '');
}

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

/**
 * `isInside` in SQL, where the record asks it of many rows.
 * @param path the expression of a path: a column or a parameter, never text of a user
 * @param group likewise
 */
export function isInsideSql(path: string, group: string): string {
  return `starts_with(${path}, ${group} || '${separator}')`;
}

/** `belongsTo` in SQL. @param path as for `isInsideSql` @param step likewise */
export function belongsToSql(path: string, step: string): string {
  return (
    `(${path} = ${step} OR ${isInsideSql(path, step)} ` +
    `OR starts_with(${path}, ${step} || '${addition}'))`
  );
}
