import { readsClock } from './expression/names.js';
import { isActionKind, rulesOf } from './kinds/index.js';
import { mayFail, withItem } from './items.js';
import type { Plan } from './plan.js';
import type { Scope } from './reference.js';
import type { RunFacts } from './run-facts.js';
import type { StepSpec } from './runbook.js';
import {
  before,
  decidersIn,
  endsRunbook,
  inside,
  knownItems,
  hasFailedRound,
  neededOutputs,
  outputOf,
  roundsOf,
  scopeAt,
  type Level,
  type NeededOutputs,
  type Outputs,
  type StoredStep,
} from './stored-step.js';
import { seen } from './facts.js';
import { judgeWhen } from './work.js';
import { below, partOf, pathOf } from './paths.js';

/*
 * What has to be settled in the record before a step of a plan that is data may begin. Each step is
 * compared with those right before it only: they were compared with those before them.
 */

/** The steps right before a step, and what has to be known to tell whether they are settled. */
export interface StepsBefore {
  /** Nearest first. */
  steps: readonly StoredStep[];
  /** Paths that may be settled. */
  paths: string[];
  /** Prefixes below which everything may be settled, each ending with a slash. */
  below: string[];
  /** Paths of the groups among them. */
  groups: string[];
  /** Outputs that decide whether these steps were due. */
  outputs: NeededOutputs;
}

/** What the record has about these steps. */
export interface Settled {
  /** Paths of steps that have succeeded, or that people have answered for. */
  paths: ReadonlySet<string>;
  /** Paths of steps whose attempts have ended otherwise: they began when it was their turn. */
  tried: ReadonlySet<string>;
  /** The run goes on when steps fail. */
  goesOn: boolean;
  /** A drill may pass gates. */
  drill: boolean;
  /**
   * People have changed inputs: a step whose condition did not hold before does not have to be
   * done.
   */
  changed: boolean;
}

/** @param isSettled the groups that are known to be settled */
export function stepsBefore(step: StoredStep, isSettled: (path: string) => boolean): StepsBefore {
  const steps = back(step).filter((each) => !isSettled(ownPath(each)));
  const withInner = steps.filter(({ spec }) => spec.steps);
  const groups = withInner.map(ownPath);
  const needed = steps.map((each) => neededOutputs(each, innerNames(each.spec)));
  return {
    steps,
    paths: steps.map(ownPath),
    below: groups.map(below),
    groups,
    outputs: {
      paths: needed.flatMap(({ paths }) => paths),
      below: [
        ...needed.flatMap((outputs) => outputs.below),
        ...withInner.filter(({ spec }) => hasDeciders(spec)).map((group) => below(ownPath(group))),
      ],
    },
  };
}

/** Goes back to the first step that cannot have been left out. */
function back({ levels }: StoredStep): StoredStep[] {
  const found: StoredStep[] = [];
  for (let depth = levels.length - 1; depth >= 0; depth -= 1) {
    const level = levels[depth] as Level;
    for (const spec of [...before(level)].reverse()) {
      const own = [...levels.slice(0, depth), { ...level, spec }];
      found.push({ spec, top: pathOf(own.map((each) => each.spec.id)), levels: own });
      if (isFirm(spec)) return found;
    }
  }
  return found;
}

/** Whether the step always has an attempt: its start has proved what comes before it. */
function isFirm({ when, kind, items, steps }: StepSpec): boolean {
  if (when) return false;
  if (!steps) return isActionKind(kind);
  const isDone = kind !== 'forEach' || (Array.isArray(items) && items.length > 0);
  return isDone && steps.some(isFirm);
}

/** Names in the conditions of the steps inside, some of which are of steps outside. */
function innerNames({ steps = [] }: StepSpec): string[] {
  return steps.flatMap(decidersIn);
}

function hasDeciders(spec: StepSpec): boolean {
  return innerNames(spec).some((name) => name.startsWith('steps.'));
}

function ownPath({ levels, spec }: StoredStep): string {
  return `${levels.at(-1)?.prefix ?? ''}${spec.id}`;
}

/**
 * The path of a step that should be settled by now and is not; null when there is none.
 * @throws Unresolved
 */
export function firstOpen(
  steps: readonly StoredStep[],
  plan: Pick<Plan, 'inputs' | 'targets'>,
  run: RunFacts,
  outputs: Outputs,
  settled: Settled,
): string | null {
  for (const step of steps) {
    const { spec } = step;
    const isPlain = !spec.when && !spec.steps;
    // What a plain step knows does not matter.
    const scope = isPlain ? { inputs: {}, steps: {} } : scopeAt(step, plan, run, outputs);
    const open = scope && openIn(spec, ownPath(step), scope, outputs, settled);
    if (open) return open;
  }
  return null;
}

function openIn(
  spec: StepSpec,
  path: string,
  scope: Scope,
  outputs: Outputs,
  settled: Settled,
): string | null {
  const { when, kind, steps, onFailure } = spec;
  if (settled.paths.has(path)) return null;
  const goesOn = settled.goesOn || onFailure === 'continue';
  if (goesOn && settled.tried.has(path)) return null;
  if (when) {
    const due = settled.changed ? false : judgeWhen(when, scope);
    // When it cannot be told whether the step is due, a run that goes on leaves it out. Whether it
    // was in time, only the run can tell.
    if (due === false || (due !== true && (goesOn || readsClock(when.ast)))) return null;
  }
  if (!steps) return mayBeOpen(spec, settled) ? null : path;
  if (kind === 'parallel')
    return firstOf(steps, (each) => openIn(each, partOf(path, each.id), scope, outputs, settled));
  if (kind === 'group') return openInSequence(steps, below(path), scope, outputs, settled);
  if (kind === 'runbook')
    return openInSequence(steps, below(path), inside(spec, scope), outputs, settled);
  return openInRounds(spec, path, scope, outputs, settled);
}

/** Items that have failed are over, as long as no more have than may. */
function openInRounds(
  spec: StepSpec,
  path: string,
  scope: Scope,
  outputs: Outputs,
  settled: Settled,
): string | null {
  const items = knownItems(spec, scope);
  let left = mayFail(spec, items.length) ?? 0;
  return firstOf(roundsOf(spec, path, scope, outputs, items), ({ key, value }) => {
    const prefix = below(partOf(path, key));
    const within = withItem(spec, scope, value);
    const open = openInSequence(spec.steps ?? [], prefix, within, outputs, settled);
    if (open === null || left === 0 || !hasFailedRound(spec, prefix, outputs)) return open;
    left -= 1;
    return null;
  });
}

function openInSequence(
  steps: readonly StepSpec[],
  prefix: string,
  around: Scope,
  outputs: Outputs,
  settled: Settled,
): string | null {
  const scope = { ...around, steps: { ...around.steps } };
  for (const each of steps) {
    const path = `${prefix}${each.id}`;
    const open = openIn(each, path, scope, outputs, settled);
    if (open !== null) return open;
    if (endsRunbook(each, path, scope, outputs)) return null;
    scope.steps[each.id] = seen(each, outputOf(each, path, scope, outputs), outputs.looked);
  }
  return null;
}

/** The record need not say what became of it. */
function mayBeOpen({ kind }: StepSpec, { drill }: Settled): boolean {
  if (rulesOf(kind).doneBy === 'engine') return true;
  return kind === 'approval' && drill;
}

function firstOf<T>(list: readonly T[], find: (each: T) => string | null): string | null {
  for (const each of list) {
    const found = find(each);
    if (found !== null) return found;
  }
  return null;
}
