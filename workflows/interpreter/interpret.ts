import { patched } from '@temporalio/workflow';
import { describeCondition } from '../../language/condition.js';
import type { Json, JsonObject } from '../../language/json.js';
import { resolve, resolveKnown, Unresolved, type Scope } from '../../language/reference.js';
import type { StepSpec, WorkTemplate } from '../../language/runbook.js';
import { judgeWhen, NoText, resolveWork } from '../../language/work.js';
import { ProcedureStopped } from '../engine/outcome.js';
import { inParallel } from '../engine/parallel.js';
import type { Work } from '../engine/attempts.js';
import type { Steps } from '../engine/steps.js';
import type { Run } from '../engine/surface.js';

/** Items of a `forEach` at once where it says nothing. */
const defaultConcurrency = 10;
/** An item becomes part of paths. */
const itemPattern = /^[^/\s][^/\n]{0,199}$/;

/** Where in the plan the interpreter is. */
interface Place {
  /** Path of the steps around, with a slash at its end; empty at the top. */
  path: string;
  /** The same as declared, without the items of a `forEach`. */
  declared: string;
  scope: Scope;
}

/**
 * Does a plan whose steps are data, in their order, over the same primitive as the code of a
 * code-first runbook.
 */
export async function interpret(run: Run, engine: Steps): Promise<void> {
  // A code-first runbook whose code this release no longer has: the run waits for a release that
  // has it.
  if (!run.plan.data)
    throw new TypeError(`this release has no code for runbook ${run.plan.runbook.id}`);
  const scope = { inputs: run.inputs, steps: {}, run: { id: run.id } };
  await sequence(engine, run.plan.steps, { path: '', declared: '', scope });
  if (run.plan.outputs) run.setOutputs(resolveKnown(run.plan.outputs, scope) as JsonObject);
}

/** @returns the outputs by step */
async function sequence(
  engine: Steps,
  steps: readonly StepSpec[],
  place: Place,
): Promise<JsonObject> {
  for (const [index, spec] of steps.entries()) {
    place.scope.steps[spec.id] = await one(engine, spec, place, () => steps.slice(index + 1));
  }
  return place.scope.steps;
}

/** @param behind the steps that follow it; what an approval covers */
async function one(
  engine: Steps,
  spec: StepSpec,
  place: Place,
  behind: () => readonly StepSpec[],
): Promise<Json> {
  const path = `${place.path}${spec.id}`;
  const top = `${place.declared}${spec.id}`;
  const due = spec.when ? judgeWhen(spec.when, place.scope) : { holds: true };
  if (due.holds === null) return (await undecided(engine, spec, path, due.why)).output;
  if (!due.holds) {
    engine.markNotNeeded(path, spec, 'its condition does not hold');
    return null;
  }
  switch (spec.kind) {
    case 'approval': {
      const evidence = known(spec.evidence ?? {}, place.scope);
      await engine.gate(top, { evidence, covers: coveredBy(behind(), place.scope) });
      return null;
    }
    case 'manual':
      return engine.byHand(
        path,
        spec,
        top,
        spec.instructions ?? spec.title,
        known(spec.evidence ?? {}, place.scope),
      );
    case 'parallel':
      return engine.group(path, spec, () =>
        branches(engine, spec.steps ?? [], { ...place, path: `${path}/`, declared: `${top}/` }),
      );
    case 'forEach':
      return engine.group(path, spec, () =>
        each(engine, spec, path, { ...place, declared: `${top}/` }),
      );
    case 'runbook': {
      const scope = {
        ...place.scope,
        inputs: needed(spec, spec.inputs ?? {}, place.scope) as JsonObject,
        steps: {},
      };
      return engine.group(path, spec, () =>
        sequence(engine, spec.steps ?? [], { path: `${path}/`, declared: `${top}/`, scope }),
      );
    }
    default:
      if (!spec.work)
        throw new ProcedureStopped(
          `step ${path} does nothing`,
          'Report this to the owners of the runbook.',
        );
      return engine.perform(path, spec, top, workOf(spec, spec.work, place.scope));
  }
}

/**
 * Asks people about a step whose condition cannot be evaluated. A retry helps after inputs were
 * changed: the run evaluates it with them in its next execution.
 * @throws StepFailed, ProcedureStopped
 */
async function undecided(
  engine: Steps,
  spec: StepSpec,
  path: string,
  why: string,
): Promise<{ output: Json }> {
  const stopped = new ProcedureStopped(
    `whether step ${path} is to be done cannot be told: ${why} (${describeCondition(spec.when ?? {})})`,
    'The step before it answered otherwise than the runbook expects, or was skipped.',
  );
  // Runs that stopped here may be taking back their changes by now.
  if (!patched('undecided-asks')) throw stopped;
  for (;;) {
    const answer = await engine.undecided(path, spec, stopped.problem);
    if (answer) return answer;
  }
}

async function branches(
  engine: Steps,
  steps: readonly StepSpec[],
  place: Place,
): Promise<JsonObject> {
  // Branches see what came before them, not each other.
  const outputs = await inParallel(
    steps.map(
      (spec) => () =>
        one(
          engine,
          spec,
          { ...place, scope: { ...place.scope, steps: { ...place.scope.steps } } },
          () => [],
        ),
    ),
  );
  return Object.fromEntries(steps.map((spec, index) => [spec.id, outputs[index] as Json]));
}

async function each(
  engine: Steps,
  spec: StepSpec,
  path: string,
  place: Place,
): Promise<JsonObject> {
  const items = itemsOf(spec, needed(spec, spec.items ?? [], place.scope));
  const outputs = await inParallel(
    items.map(
      (item) => () =>
        sequence(engine, spec.steps ?? [], {
          ...place,
          path: `${path}/${item}/`,
          scope: { ...place.scope, item, steps: { ...place.scope.steps } },
        }),
    ),
    spec.concurrency ?? defaultConcurrency,
  );
  const own = (spec.steps ?? []).map((step) => step.id);
  return Object.fromEntries(
    items.map((item, index) => [
      item,
      Object.fromEntries(own.map((id) => [id, outputs[index]?.[id] ?? null])),
    ]),
  );
}

function itemsOf(spec: StepSpec, items: Json): string[] {
  const list = Array.isArray(items)
    ? items.map((item) => (typeof item === 'number' ? String(item) : item))
    : [];
  const fine = list.every(
    (item): item is string => typeof item === 'string' && itemPattern.test(item),
  );
  if (!Array.isArray(items) || !fine || new Set(list).size !== list.length) {
    throw new ProcedureStopped(
      `step ${spec.id} needs a list of different texts, each at most 200 characters and without a slash`,
      'Look at what the list was taken from, and start again.',
    );
  }
  return list;
}

function workOf(spec: StepSpec, work: WorkTemplate, scope: Scope): Work {
  return stopping(spec, () => resolveWork(work, scope));
}

function needed(spec: StepSpec, template: Json, scope: Scope): Json {
  return stopping(spec, () => resolve(template, scope));
}

/** What cannot be resolved ends the run in words. @throws ProcedureStopped */
function stopping<T>(spec: StepSpec, resolving: () => T): T {
  try {
    return resolving();
  } catch (error) {
    if (error instanceof NoText)
      throw new ProcedureStopped(
        `an argument of step ${spec.id} is ${JSON.stringify(error.value).slice(0, 80)}, which is no text`,
        'Look at what it was taken from, and start again.',
      );
    if (!(error instanceof Unresolved)) throw error;
    if (error.missing === 'cut')
      throw new ProcedureStopped(
        `step ${spec.id} needs ${error.reference}, which was too large to be handed on whole`,
        'Let the step before answer less: `pick` what is needed of an HTTP answer, fewer rows or columns of a query, less that a program prints. Then start again.',
      );
    throw new ProcedureStopped(
      `step ${spec.id} needs ${error.reference}, which there is not`,
      'The step before it answered otherwise than the runbook expects, or was skipped.',
    );
  }
}

function known(template: JsonObject, scope: Scope): JsonObject {
  return resolveKnown(template, scope) as JsonObject;
}

/** What an approval allows: the steps up to the next gate, as far as they are known now. */
function coveredBy(behind: readonly StepSpec[], scope: Scope): JsonObject {
  const next = behind.findIndex((step) => step.kind === 'approval');
  const covered = next === -1 ? behind : behind.slice(0, next);
  return Object.fromEntries(
    covered.map((step) => [step.id, resolveKnown(step as unknown as Json, scope)]),
  );
}
