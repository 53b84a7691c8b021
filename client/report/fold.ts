import type { StepView } from '../../common/view.js';
import { brief } from './words.js';
import { groupPrefix } from '../../language/paths.js';

/**
 * Folds rows for people: neighbours of one group that were not needed for the same reason become
 * one row with their number and the reason. Reports list every step elsewhere, and JSON has them
 * all.
 */
export function foldNotNeeded(steps: readonly StepView[]): StepView[] {
  const rows: StepView[][] = [];
  for (const step of steps) {
    const row = rows.at(-1);
    if (row?.[0] && belongTogether(row[0], step)) row.push(step);
    else rows.push([step]);
  }
  return rows.flatMap(([first, ...others]) =>
    first ? [others.length === 0 ? first : folded(first, others.length + 1)] : [],
  );
}

function belongTogether(one: StepView, other: StepView): boolean {
  return (
    one.state === 'not-needed' &&
    other.state === 'not-needed' &&
    groupPrefix(one.id) === groupPrefix(other.id) &&
    brief(one.output) === brief(other.output)
  );
}

function folded(first: StepView, count: number): StepView {
  const why = brief(first.output);
  return {
    ...first,
    id: `${groupPrefix(first.id)}…`,
    title: `${count} steps${why && `: ${why}`}`,
    startedAt: null,
    endedAt: null,
  };
}
