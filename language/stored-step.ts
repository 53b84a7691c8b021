import type { Json, JsonObject } from './json.js';
import { field } from './objects.js';
import type { Plan } from './plan.js';
import { isEnough, itemsOf, NoItems, outputOfRounds, withItem, type Item } from './items.js';
import { referencesIn, resolve, Unresolved, type Scope } from './reference.js';
import type { StepSpec } from './runbook.js';
import { choiceOf, failureOf, outputsOf } from './cases.js';
import { failureIn, hasFailed, seen, type LookedAt } from './facts.js';
import type { RunFacts } from './run-facts.js';
import { targetsIn } from './target-facts.js';
import { judgeWhen } from './work.js';
import { below, namesOf, partOf, pathOf, withoutTime } from './paths.js';

/*
 * Finds a step of a run in the plan that the record has, and what is known when its turn comes: the
 * same as the interpreter knows then, from the recorded inputs and outputs.
 */

/** A step, or one around it, among its neighbours. */
export interface Level {
  steps: readonly StepSpec[];
  spec: StepSpec;
  /** Of the steps around, with a slash at its end. */
  prefix: string;
  /** Parts of a `parallel` see nothing of each other. */
  ordered: boolean;
  /** The key of the item, of the `forEach` around. */
  item?: string;
}

export interface StoredStep {
  spec: StepSpec;
  /** Path as declared, without the items of a `forEach`. */
  top: string;
  /** Outermost first, the step itself last. */
  levels: readonly Level[];
}

/** The outputs needed to resolve a step. */
export interface NeededOutputs {
  /** Paths of steps. */
  paths: string[];
  /** Prefixes of which all steps are needed, each ending with a slash. */
  below: string[];
}

/** What was fetched of them. */
export interface Outputs {
  /** By path; what is not there is null. */
  values: Readonly<Record<string, Json>>;
  below: readonly string[];
  /** The steps of which the plan asks how they went. */
  looked: LookedAt;
  /** Paths of attempts that have failed, and for which people have not answered. */
  failed?: readonly string[];
  /** People have let the step go on with other outputs than these: conditions are not judged. */
  despite?: boolean;
  /** When the turn of the step came, where it reads the time. */
  now?: string;
}

/** Id of the nested runbook that the step is part of; undefined in the run's own. */
export function runbookOf({ levels }: StoredStep): string | undefined {
  return levels.slice(0, -1).findLast(({ spec }) => spec.kind === 'runbook')?.spec.runbook;
}

/** The step at a path of a plan that is data; null when there is none. */
export function storedStep(plan: Pick<Plan, 'steps'>, path: string): StoredStep | null {
  return find(namesOf(path), { steps: plan.steps, prefix: '', ordered: true }, []);
}

function find(
  [id = '', ...rest]: readonly string[],
  around: Omit<Level, 'spec'>,
  outer: readonly Level[],
): StoredStep | null {
  const spec = around.steps.find((step) => step.id === id);
  if (!spec) return null;
  const levels = [...outer, { ...around, spec }];
  if (rest.length === 0) return { spec, top: pathOf(levels.map((level) => level.spec.id)), levels };
  const steps = spec.steps ?? [];
  const prefix = below(around.prefix + id);
  if (spec.kind !== 'forEach')
    return find(rest, { steps, prefix, ordered: spec.kind !== 'parallel' }, levels);
  const [item = '', ...inside] = rest;
  return find(inside, { steps, prefix: below(prefix + item), ordered: true, item }, levels);
}

/** The declared step of a path in the plan of a code-first runbook; null when there is none. */
export function declaredStep(
  steps: readonly StepSpec[],
  path: string,
  around = '',
): Pick<StoredStep, 'spec' | 'top'> | null {
  const [head = '', ...rest] = namesOf(path);
  // A step done again has a path of its own, such as `follow.2`.
  const spec = named(steps, head) ?? named(steps, withoutTime(head));
  if (!spec) return null;
  const top = `${around}${spec.id}`;
  if (rest.length === 0) return { spec, top };
  const inside = spec.steps ?? [];
  if (spec.kind === 'runbook') return declaredStep(inside, pathOf(rest), below(top));
  // Items of a `forEach` are named by code, and all do its one part.
  const part = spec.kind === 'forEach' ? inside[0] : named(inside, pathOf(rest));
  return part ? { spec: part, top: partOf(top, part.id) } : null;
}

function named(steps: readonly StepSpec[], id: string): StepSpec | undefined {
  return steps.find((step) => step.id === id);
}

/**
 * Finds the outputs that have to be known to resolve the step.
 * @param names what to find beside what decides whether the step is due
 */
export function neededOutputs(
  { levels, spec }: StoredStep,
  names: readonly string[] = namesIn(spec),
): NeededOutputs {
  const needed = { paths: new Set<string>(), below: new Set<string>() };
  const seen = new Set<string>();
  const want = (name: string, depth: number): void => {
    const [root, id = ''] = name.split('.');
    if (root !== 'steps' || seen.has(`${depth} ${id}`)) return;
    seen.add(`${depth} ${id}`);
    const found = neighbour(levels, depth, id);
    if (!found) return;
    const path = `${found.level.prefix}${id}`;
    if (!found.spec.steps) needed.paths.add(path);
    else needed.below.add(below(path));
    for (const other of behindOutputs(found.spec)) want(other, found.depth);
  };
  for (const name of names) want(name, levels.length - 1);
  for (const { spec: around, prefix } of levels)
    if (around.stopWhen && around !== spec) needed.below.add(below(`${prefix}${around.id}`));
  levels.forEach((level, depth) => {
    for (const name of decidersOf(level.spec)) want(name, depth);
    for (const ending of before(level).filter(mayEnd)) {
      for (const name of decidersIn(ending)) want(name, depth);
      if (mayFailEarly(ending)) want(`steps.${ending.id}`, depth);
    }
  });
  return { paths: [...needed.paths], below: [...needed.below] };
}

/** The step of that id before the one at a depth, in its own sequence or in one around it. */
function neighbour(
  levels: readonly Level[],
  depth: number,
  id: string,
): { spec: StepSpec; level: Level; depth: number } | null {
  const level = levels[depth];
  if (!level) return null;
  const spec = before(level).find((step) => step.id === id);
  if (spec) return { spec, level, depth };
  // A nested runbook sees its inputs, and nothing outside it.
  return levels[depth - 1]?.spec.kind === 'runbook' ? null : neighbour(levels, depth - 1, id);
}

/** The steps that come before it in its own sequence. */
export function before({ steps, spec, ordered }: Level): readonly StepSpec[] {
  return ordered ? steps.slice(0, steps.indexOf(spec)) : [];
}

/** What the step's own work names. */
function namesIn({ work }: StepSpec): string[] {
  return referencesIn((work ?? null) as unknown as Json);
}

/** What decides whether a step is done, for which items and with which inputs. */
function decidersOf({ when, items, inputs, key, stopWhen }: StepSpec): string[] {
  return [
    ...referencesIn([when, key, stopWhen].map((each) => each ?? null) as Json),
    ...referencesIn(items ?? null),
    ...referencesIn(inputs ?? null),
  ];
}

export function decidersIn(spec: StepSpec): string[] {
  return [
    ...decidersOf(spec),
    ...referencesIn([spec.values, spec.cases, spec.outputs].map((each) => each ?? null) as Json),
    ...(spec.steps ?? []).flatMap(decidersIn),
  ];
}

/** What else decides the outputs of a step beside what the record has of it. */
function behindOutputs(spec: StepSpec): string[] {
  return spec.steps || spec.values || spec.cases ? decidersIn(spec) : [];
}

/**
 * What is known when the step's turn comes.
 * @returns null when it has none: its condition, or that of a step around it, does not hold, or the
 *   list of the `forEach` lacks its item
 * @throws Unresolved
 */
export function scopeOf(
  step: StoredStep,
  plan: Pick<Plan, 'inputs' | 'targets'>,
  run: RunFacts,
  outputs: Outputs,
): Scope | null {
  const scope = scopeAt(step, plan, run, outputs);
  return scope && (outputs.despite || isDue(step.spec, scope)) ? scope : null;
}

/** As `scopeOf`, whether or not the step's own condition holds. */
export function scopeAt(
  { levels }: StoredStep,
  plan: Pick<Plan, 'inputs' | 'targets'>,
  run: RunFacts,
  outputs: Outputs,
): Scope | null {
  const time = outputs.now === undefined ? {} : { now: outputs.now };
  let scope: Scope = { inputs: plan.inputs, steps: {}, run, ...targetsIn(plan), ...time };
  for (const [depth, level] of levels.entries()) {
    if (level.ordered) {
      const known = withOutputs(level, scope, outputs);
      if (!known) return null;
      scope = known;
    }
    if (depth === levels.length - 1) return scope;
    const { spec } = level;
    if (!outputs.despite && !isDue(spec, scope)) return null;
    if (spec.kind === 'forEach') {
      const path = `${level.prefix}${spec.id}`;
      const own = roundsOf(spec, path, scope, outputs).find(
        ({ key }) => key === levels[depth + 1]?.item,
      );
      if (!own) return null;
      scope = withItem(spec, scope, own.value);
    }
    if (spec.kind === 'runbook') scope = inside(spec, scope);
  }
  return null;
}

/** What the steps of a nested runbook know. */
export function inside(spec: StepSpec, scope: Scope): Scope {
  return { ...scope, inputs: resolve(spec.inputs ?? {}, scope) as JsonObject, steps: {} };
}

/** When its condition cannot be evaluated, the run asks people, and does not do the step. */
function isDue({ when }: StepSpec, scope: Scope): boolean {
  return when === undefined || judgeWhen(when, scope) === true;
}

/** The scope with the outputs of the steps before; null when they have ended the runbook. */
function withOutputs(level: Level, around: Scope, outputs: Outputs): Scope | null {
  const { scope, isOver } = after(before(level), level.prefix, around, outputs);
  return isOver && !outputs.despite ? null : scope;
}

/** What is known behind steps that follow one another. */
function after(
  steps: readonly StepSpec[],
  prefix: string,
  around: Scope,
  outputs: Outputs,
): { scope: Scope; isOver: boolean } {
  const scope = { ...around, steps: { ...around.steps } };
  let isOver = false;
  for (const spec of steps) {
    const path = `${prefix}${spec.id}`;
    const known = isOver ? null : outputOf(spec, path, scope, outputs);
    isOver ||= endsRunbook(spec, path, scope, outputs);
    scope.steps[spec.id] = seen(spec, known, outputs.looked);
  }
  return { scope, isOver };
}

/** Whether a step in it has ended the runbook that it is part of. */
export function endsRunbook(spec: StepSpec, path: string, scope: Scope, outputs: Outputs): boolean {
  if (!mayEnd(spec) || !isDue(spec, scope)) return false;
  const { kind, steps = [] } = spec;
  if (kind === 'succeed' || kind === 'fail') return true;
  if (spec.work) return hasFailed(field(outputs.values, path) ?? null);
  if (kind === 'runbook') return failureIn(spec, outputOf(spec, path, scope, outputs)) !== null;
  if (kind === 'parallel')
    return steps.some((each) => endsRunbook(each, below(path) + each.id, scope, outputs));
  if (kind !== 'forEach') return after(steps, below(path), scope, outputs).isOver;
  return roundsOf(spec, path, scope, outputs).some(
    ({ key, value }) =>
      after(steps, below(partOf(path, key)), withItem(spec, scope, value), outputs).isOver,
  );
}

function mayEnd({ kind, onFailure, steps = [] }: StepSpec): boolean {
  if (kind === 'succeed' || onFailure === 'end') return true;
  return kind !== 'runbook' && steps.some(mayEnd);
}

/** Whether the failure of an action in it may end the nested runbook around it. */
function mayFailEarly({ work, kind, onFailure, steps = [] }: StepSpec): boolean {
  if (work || kind === 'runbook') return onFailure === 'end';
  return steps.some(mayFailEarly);
}

/** As the interpreter hands it on. What was not fetched is nothing that anything refers to. */
export function outputOf(spec: StepSpec, path: string, scope: Scope, outputs: Outputs): Json {
  const own = field(outputs.values, path) ?? null;
  if (spec.kind === 'fail' && spec.onFailure === 'end')
    return isDue(spec, scope) ? failureOf(spec, scope) : null;
  if (spec.values || spec.cases) return own ?? valuesOf(spec, scope);
  if (!spec.steps) return own;
  if (!outputs.below.some((fetched) => below(path).startsWith(fetched))) return null;
  if (!isDue(spec, scope)) return null;
  if (spec.kind === 'forEach')
    return outputOfRounds(
      spec,
      roundsOf(spec, path, scope, outputs).map(({ key, value }) => {
        const prefix = below(partOf(path, key));
        if (hasFailedRound(spec, prefix, outputs)) return { key };
        return { key, outputs: sequenceOf(spec, prefix, withItem(spec, scope, value), outputs) };
      }),
    );
  return sequenceOf(
    spec,
    below(path),
    spec.kind === 'runbook' ? inside(spec, scope) : scope,
    outputs,
  );
}

/** Null when it was not due, or when people went on without it. */
function valuesOf(spec: StepSpec, scope: Scope): Json {
  if (!isDue(spec, scope)) return null;
  // What people have to confirm, the record has from them.
  if (spec.cases) return spec.confirm ? null : choiceOf(spec, scope);
  try {
    return resolve(spec.values ?? {}, scope);
  } catch (error) {
    if (error instanceof Unresolved) return null;
    throw error;
  }
}

function sequenceOf(group: StepSpec, prefix: string, scope: Scope, outputs: Outputs): JsonObject {
  const { steps = [] } = group;
  const within = after(steps, prefix, scope, outputs).scope;
  return {
    ...Object.fromEntries(steps.map(({ id }) => [id, within.steps[id] as Json])),
    ...outputsOf(group, within),
  };
}

/** The items of a `forEach` that have their turn: those up to the one that was enough. */
export function roundsOf(
  spec: StepSpec,
  path: string,
  scope: Scope,
  outputs: Outputs,
  items = knownItems(spec, scope),
): Item[] {
  if (!spec.stopWhen) return items;
  let last: Scope | undefined;
  const end = items.findIndex(({ key, value }) => {
    if (isEnough(spec, last)) return true;
    const prefix = below(partOf(path, key));
    if (!hasFailedRound(spec, prefix, outputs))
      last = after(spec.steps ?? [], prefix, withItem(spec, scope, value), outputs).scope;
    return false;
  });
  return end === -1 ? items : items.slice(0, end);
}

/** All items; none where the list cannot be gone through. */
export function knownItems(spec: StepSpec, scope: Scope): Item[] {
  try {
    return itemsOf(spec, scope);
  } catch (error) {
    if (error instanceof NoItems) return [];
    throw error;
  }
}

/** Whether a step of the item has failed, and with it the item: the loop says how many may. */
export function hasFailedRound(spec: StepSpec, prefix: string, { failed = [] }: Outputs): boolean {
  if (spec.maxFailures === undefined) return false;
  return failed.some(
    (path) => path.startsWith(prefix) && failsItem(spec, namesOf(path.slice(prefix.length))),
  );
}

/** An inner loop with failures of its own counts them itself. */
function failsItem({ steps = [] }: StepSpec, [id = '', ...rest]: readonly string[]): boolean {
  const spec = steps.find((each) => each.id === id);
  if (!spec || spec.maxFailures !== undefined) return false;
  if (rest.length === 0) return (spec.onFailure ?? 'ask') === 'ask';
  return failsItem(spec, spec.kind === 'forEach' ? rest.slice(1) : rest);
}
