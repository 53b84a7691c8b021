import { comparable, isNamed, type NamedStep } from '../language/document/named-steps.js';
import type { JsonObject } from '../language/json.js';
import { gatedBy, provedBy } from '../language/document/spec/made-ids.js';
import { isGroup } from '../language/kinds/index.js';
import { groupPrefix, isInside, namesOf, pathOf, undoneBy } from '../language/paths.js';
import type { RunView, StepView } from '../common/view.js';
import type { TraceEntry } from './driver/trace.js';

/** Something that a run did, by the path that the author knows. */
export interface Entry {
  path: string;
  /**
   * Steps are what a test has to name; it may leave out gates, the choices of branches, looks
   * whether something is done already, and values that were only computed.
   */
  what: 'step' | 'gate' | 'choice' | 'value';
  row: StepView;
}

/** What the run did, in its order. */
export function entriesOf(view: RunView, steps: readonly NamedStep[]): Entry[] {
  return view.steps
    .filter(({ startedAt, state }) => startedAt !== null && !untouched.has(state))
    .map((row, place) => ({ row, place }))
    .sort((a, b) => compare(a.row.startedAt ?? '', b.row.startedAt ?? '') || a.place - b.place)
    .flatMap(({ row }) => entryOf(row, steps) ?? []);
}

const untouched: ReadonlySet<string> = new Set(['pending', 'not-needed']);

function entryOf(row: StepView, steps: readonly NamedStep[]): Entry | null {
  const { kind, id } = row;
  const proved = provedAt(id, steps);
  if (proved !== null) return { path: proved, what: 'value', row };
  if (isGroup(kind)) return null;
  if (kind === 'approval') return { path: gateOf(id, steps), what: 'gate', row };
  if (kind === 'set') return { path: id, what: 'value', row };
  if (kind !== 'choice') return { path: id, what: 'step', row };
  const chosen = (row.output as JsonObject | null)?.['case'];
  const names = namesOf(branchOf(row));
  return {
    path: pathOf(typeof chosen === 'string' ? [...names, chosen] : names),
    ...{ what: 'choice', row },
  };
}

/** The step that the engine's gate belongs to: `restart` of `approve_restart`. */
export function gateOf(path: string, steps: readonly NamedStep[]): string {
  const names = namesOf(path);
  const last = names.pop() ?? '';
  const own = pathOf([...names, gatedBy(last) ?? last]);
  return steps.some((step) => step.isGate && step.kind !== 'approval' && isNamed(own, step))
    ? own
    : path;
}

/** The step whose effect the engine looks for at a path; null when the path is that of a step. */
export function provedAt(path: string, steps: readonly NamedStep[]): string | null {
  const names = namesOf(path);
  const id = provedBy(names.pop() ?? '');
  const own = id === null ? '' : pathOf([...names, id]);
  const isOwn = id !== null && steps.some((step) => isNamed(own, step));
  return isOwn && !steps.some((step) => isNamed(path, step)) ? own : null;
}

/** The path that the author knows: of a choice, that of its branch. */
export function branchOf({ id, kind }: Pick<StepView, 'id' | 'kind'>): string {
  return kind === 'choice' ? groupPrefix(id).slice(0, -1) : id;
}

/** The steps that were undone, in that order. What people undo has no activity. */
export function undosOf(view: RunView, trace: readonly TraceEntry[]): string[] {
  const begun = trace.flatMap((entry) =>
    entry.type === 'activity' ? (undoneBy(entry.id) ?? []) : [],
  );
  const undone = view.steps.filter(({ state }) => state === 'undone');
  const at = ({ endedAt }: StepView): number => Date.parse(endedAt ?? '');
  return undone
    .sort((one, other) => at(one) - at(other) || begun.indexOf(one.id) - begun.indexOf(other.id))
    .map(({ id }) => id);
}

/** Where what was expected is not what was taken. */
export interface Difference {
  /** Place in what was expected; behind its end: something else was done after it. */
  at: number;
  taken: Entry | undefined;
}

/**
 * Compares paths. The name of a group stands for all that is done in it.
 */
export function differenceOf(
  expected: readonly string[],
  taken: readonly Entry[],
): Difference | null {
  let at = 0;
  const skipTo = (wanted: string | undefined): void => {
    for (let entry = taken[at]; entry; entry = taken[at]) {
      if (entry.what === 'step' || (wanted !== undefined && isOf(entry, wanted))) return;
      at += 1;
    }
  };
  for (const [place, wanted] of expected.entries()) {
    skipTo(wanted);
    const first = taken[at];
    if (!first || !isOf(first, wanted)) return { at: place, taken: first };
    const next = expected[place + 1];
    const isNext = (entry: Entry): boolean =>
      next !== undefined && isWithin(next, wanted) && isOf(entry, next);
    do at += 1;
    while (taken[at] && isOf(taken[at] as Entry, wanted) && !isNext(taken[at] as Entry));
  }
  skipTo(undefined);
  return at < taken.length ? { at: expected.length, taken: taken[at] } : null;
}

const isOf = (entry: Entry, wanted: string): boolean => isWithin(entry.path, wanted);

function isWithin(path: string, group: string): boolean {
  const [one, other] = [comparable(path), comparable(group)];
  return one === other || isInside(one, other);
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
