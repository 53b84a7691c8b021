import type { Expression } from './expression/ast.js';
import { evaluate, holds } from './expression/evaluate.js';
import { explain } from './expression/explain.js';
import type { Json, JsonObject } from './json.js';
import { describeAction, type Action } from './kinds/index.js';
import { shown } from './kinds/words.js';
import { below, partOf } from './paths.js';
import type { PlannedTarget } from './plan.js';
import { isReference, referencesIn, resolveKnown } from './reference.js';
import type { StepSpec, WorkTemplate } from './runbook.js';
import { targetsIn } from './target-facts.js';
import { hasOwnWords, undoneByHand } from './undo-words.js';

/*
 * The steps of a plan as people are shown them: what the inputs decide is decided, and a branch is
 * a branch and not the steps that the engine makes of it.
 */

/** A step, and what is known before the run of whether it is done. */
export interface FoldedStep {
  /** Declared path. */
  path: string;
  spec: StepSpec;
  /** Why it is not needed. Absent: it may be. */
  left?: string;
  /** The condition that decides it later, as it is written. Absent: it is done. */
  when?: string;
  /** Steps inside; none where it is left out. */
  steps: FoldedStep[];
  /** Of a branch, which has no steps beside them. */
  cases?: FoldedCase[];
}

export interface FoldedCase extends Omit<FoldedStep, 'spec'> {
  title: string;
}

/** What a plan knows beside its steps. */
export interface KnownBefore {
  /** Absent: they are not known. */
  inputs?: JsonObject;
  targets?: readonly PlannedTarget[];
}

/** The steps as people are shown them. */
export function foldSteps(
  steps: readonly StepSpec[],
  { inputs, targets = [] }: KnownBefore = {},
): FoldedStep[] {
  return folded(steps, '', { ...(inputs ? { inputs } : {}), steps: {}, ...targetsIn({ targets }) });
}

/** What a step is called that ends the runbook, for people. */
export const endings: Readonly<Partial<Record<StepSpec['kind'], string>>> = {
  succeed: 'ends the runbook well',
  fail: 'ends the runbook as failed',
};

/** Whether nothing of the runbook follows these steps, for certain. */
export function endsRunbook(steps: readonly FoldedStep[]): boolean {
  const last = steps.at(-1);
  if (!last || last.left !== undefined || last.when !== undefined) return false;
  if (last.spec.kind === 'group') return endsRunbook(last.steps);
  return endings[last.spec.kind] !== undefined;
}

function folded(steps: readonly StepSpec[], group: string, scope: JsonObject): FoldedStep[] {
  return steps.map((spec) => {
    const step = foldStep(spec, partOf(group, spec.id), scope);
    const value = step.left === undefined ? knownValue(spec, scope) : undefined;
    if (value !== undefined) (scope['steps'] as JsonObject)[spec.id] = value;
    return step;
  });
}

function foldStep(declared: StepSpec, path: string, scope: JsonObject): FoldedStep {
  const spec = withKnown(declared, scope);
  const due = spec.when ? judged(spec.when, scope) : {};
  if (due.left !== undefined) return { path, spec, left: due.left, steps: [] };
  const choice = choiceIn(spec);
  if (choice) return { path, spec, ...due, steps: [], cases: casesOf(spec, choice, path, scope) };
  return { path, spec, ...due, steps: folded(spec.steps ?? [], path, insideOf(spec, scope)) };
}

/** The step with the values that are known in what it does. */
function withKnown(spec: StepSpec, scope: JsonObject): StepSpec {
  if (spec.items !== undefined) return { ...spec, items: resolveKnown(spec.items, scope) };
  if (!spec.work) return spec;
  const work = resolveKnown(spec.work as unknown as Json, scope) as unknown as WorkTemplate;
  if (work.undoByHand !== undefined)
    return { ...spec, work, undo: undoneByHand(shown(work.undoByHand)) };
  if (spec.undo === undefined || !work.undo || hasOwnWords(spec)) return { ...spec, work };
  return { ...spec, work, undo: describeAction(work.undo as unknown as Action) };
}

/** Values of a step that computes them, where all are known and it is done for certain. */
function knownValue(spec: StepSpec, scope: JsonObject): JsonObject | undefined {
  if (spec.kind !== 'set' || (spec.when && judged(spec.when, scope).when !== undefined))
    return undefined;
  const values: JsonObject = {};
  for (const [name, value] of Object.entries(spec.values ?? {})) {
    const outcome = isReference(value) && value.ast ? evaluate(value as Expression, scope) : null;
    if (outcome && !('value' in outcome)) return undefined;
    values[name] = outcome ? outcome.value : value;
  }
  return values;
}

function judged(when: Expression, scope: JsonObject): { left?: string; when?: string } {
  const verdict = holds(when, scope);
  if (verdict === true) return {};
  return verdict === false
    ? { left: explain(when, scope)[0] ?? `${when.$} is false` }
    : { when: when.$ };
}

/** What the steps inside see: a nested runbook has inputs of its own, some of them known later. */
function insideOf({ kind, inputs = {} }: StepSpec, scope: JsonObject): JsonObject {
  if (kind === 'runbook') {
    const now = Object.entries(inputs).filter(([, value]) => referencesIn(value).length === 0);
    return { ...scope, inputs: Object.fromEntries(now), steps: {} };
  }
  return { ...scope, steps: { ...(scope['steps'] as JsonObject) } };
}

/** The step in which a group that the loader made of a branch takes its case. */
function choiceIn({ kind, steps: [first] = [] }: StepSpec): StepSpec | undefined {
  return kind === 'group' && first?.kind === 'choice' ? first : undefined;
}

function casesOf(spec: StepSpec, choice: StepSpec, path: string, scope: JsonObject): FoldedCase[] {
  let taken: string | undefined;
  let isOpen = false;
  return (choice.cases ?? []).map(({ case: id, title, when }) => {
    const own = { path: below(path) + id, title };
    if (taken !== undefined) return { ...own, left: `${taken} is taken before it`, steps: [] };
    const due = when ? judged(when, scope) : {};
    if (due.left !== undefined) return { ...own, left: due.left, steps: [] };
    if (due.when === undefined) taken = id;
    // What comes after a case that is open is taken only where that one is not.
    const last = due.when === undefined && isOpen ? { when: noOther } : {};
    isOpen ||= due.when !== undefined;
    const group = spec.steps?.find((each) => each.kind === 'group' && isGroupOf(each, id));
    const inner = group && foldStep(dueOf(group), partOf(path, group.id), scope);
    return {
      ...own,
      ...due,
      ...last,
      steps: inner?.steps ?? [],
      ...(inner?.cases ? { cases: inner.cases } : {}),
    };
  });
}

/** Its condition is that of the case. */
function dueOf({ when: _when, ...group }: StepSpec): StepSpec {
  return group;
}

const noOther = 'none of the others is true';

/** The loader gives a case an id that expressions can say. */
function isGroupOf({ id }: StepSpec, name: string): boolean {
  return id.replace(/_$/, '') === name.replaceAll('-', '_').replace(/_$/, '');
}
