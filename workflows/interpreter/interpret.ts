import type { Json, JsonObject } from '../../language/json.js';
import { wordsOf } from '../../language/expression/evaluate.js';
import { resolve, resolveKnown, Unresolved, type Scope } from '../../language/reference.js';
import { runFacts } from '../../language/run-facts.js';
import type { StepSpec, WorkTemplate } from '../../language/runbook.js';
import { targetsIn } from '../../language/target-facts.js';
import { shown } from '../../language/kinds/words.js';
import { judgeWhen, readsTime, resolveWork } from '../../language/work.js';
import { answerText, failureOf, messageOf, outputsOf } from '../../language/cases.js';
import {
  failureIn,
  hasFailed,
  isCaptured,
  lookedAt,
  seen,
  type LookedAt,
} from '../../language/facts.js';
import { ProcedureStopped } from '../engine/outcome.js';
import { inParallel } from '../engine/parallel.js';
import { withTemporary } from '../engine/temporary.js';
import type { Work } from '../engine/attempts.js';
import type { ListedWork } from '../../common/listed.js';
import type { Problem } from '../../common/view.js';
import type { Steps } from '../engine/steps.js';
import type { Run } from '../engine/surface.js';
import { itemsOf, withItem } from '../../language/items.js';
import { below } from '../../language/paths.js';
import { inRounds } from './rounds.js';
import { choice, wait } from './engine-steps.js';
import { needed } from './needed.js';

/** Where in the plan the interpreter is. */
interface Place {
  /** Path of the steps around, with a slash at its end; empty at the top. */
  path: string;
  /** The same as declared, without the items of a `forEach`. */
  declared: string;
  scope: Scope;
  looked: LookedAt;
  /** A `succeed` step has ended the runbook that this is part of. */
  ending: { isOver: boolean };
  /** Paths of the temporary steps that the group around has begun. */
  temporary: string[];
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
  const { startedAt, requester, reason } = run.view;
  const facts = runFacts({ id: run.id, startedAt, requester, reason });
  const known = { run: facts, ...targetsIn(run.plan) };
  const scope: Scope = { inputs: run.inputs, steps: {}, ...known };
  const looked = lookedAt(run.plan);
  const place = { path: '', declared: '', scope, looked, ending: { isOver: false } };
  await whole(engine, run.plan.steps, place);
  if (run.plan.outputs) run.setOutputs(resolveKnown(run.plan.outputs, scope) as JsonObject);
}

/** Steps that belong together: what is temporary among them ends with them. */
function whole(
  engine: Steps,
  steps: readonly StepSpec[],
  place: Omit<Place, 'temporary'>,
): Promise<JsonObject> {
  const temporary: string[] = [];
  return withTemporary(engine.run, temporary, () =>
    sequence(engine, steps, { ...place, temporary }),
  );
}

/** @returns the outputs by step */
async function sequence(
  engine: Steps,
  steps: readonly StepSpec[],
  place: Place,
): Promise<JsonObject> {
  for (const [index, spec] of steps.entries()) {
    const output = await one(engine, spec, place, () => steps.slice(index + 1));
    place.scope.steps[spec.id] = seen(spec, output, place.looked);
  }
  return place.scope.steps;
}

/** @param behind the steps that follow it */
async function one(
  engine: Steps,
  spec: StepSpec,
  place: Place,
  behind: () => readonly StepSpec[],
): Promise<Json> {
  const path = `${place.path}${spec.id}`;
  const top = `${place.declared}${spec.id}`;
  const timed = withTime(engine, spec, path, place.scope);
  if (place.ending.isOver) {
    engine.markNotNeeded(path, spec, 'the runbook had ended before');
    return null;
  }
  const due = spec.when ? judgeWhen(spec.when, timed) : true;
  if (typeof due !== 'boolean')
    return (await undecided(engine, spec, path, wordsOf(due.unknown))).output;
  if (!due) {
    engine.markNotNeeded(path, spec, 'its condition does not hold');
    return null;
  }
  if (spec.temporary) {
    engine.run.undos.limit(path);
    place.temporary.push(path);
  }
  switch (spec.kind) {
    case 'approval': {
      const evidence = known(spec.evidence ?? {}, place.scope);
      const actions = Object.fromEntries(listed(upToGate(behind()), place));
      await engine.gate(top, { evidence, actions });
      return null;
    }
    case 'manual':
      return engine.byHand(
        path,
        spec,
        top,
        shown(resolveKnown(spec.instructions ?? spec.title, place.scope)),
        { ...asked(spec), ...known(spec.evidence ?? {}, place.scope) },
      );
    case 'set':
      return set(engine, spec, path, place.scope);
    case 'choice':
      return choice(engine, spec, { path, top }, place.scope);
    case 'wait':
      return wait(engine, spec, path, timed);
    case 'succeed':
      place.ending.isOver = true;
      return engine.choose(path, spec, () => messageOf(spec, place.scope));
    case 'fail':
      return fail(engine, spec, place, behind);
    case 'group':
      return engine.group(path, spec, () => within(engine, spec, inside(place, spec)));
    case 'parallel':
      return engine.group(path, spec, () =>
        branches(engine, spec, { ...place, path: below(path), declared: below(top) }),
      );
    case 'forEach':
      return needed(
        engine,
        spec,
        path,
        () => itemsOf(spec, place.scope),
        (items) =>
          engine.group(path, spec, () =>
            each(engine, spec, path, { ...place, declared: below(top) }, items),
          ),
      );
    case 'runbook':
      return needed(
        engine,
        spec,
        path,
        () => resolve(spec.inputs ?? {}, place.scope) as JsonObject,
        (inputs) => nested(engine, spec, { path, top }, place, inputs),
      );
    default:
      if (!spec.work)
        throw new ProcedureStopped(
          `step ${path} does nothing`,
          'Report this to the owners of the runbook.',
        );
      return perform(engine, spec, { path, top }, { ...place, scope: timed }, spec.work);
  }
}

/** Does a nested runbook; its failure may end the one that it is part of. */
async function nested(
  engine: Steps,
  spec: StepSpec,
  { path, top }: { path: string; top: string },
  place: Place,
  inputs: JsonObject,
): Promise<Json> {
  const scope = { ...place.scope, inputs, steps: {} };
  const output = await engine.group(path, spec, () =>
    within(engine, spec, {
      ...{ ...place, path: below(path), declared: below(top), scope },
      ending: { isOver: false },
    }),
  );
  if (spec.onFailure === 'end' && failureIn(spec, output)) place.ending.isOver = true;
  return output;
}

/** Does an action; the failure of one may end the nested runbook that it is part of. */
function perform(
  engine: Steps,
  spec: StepSpec,
  { path, top }: { path: string; top: string },
  { scope, ending }: Place,
  template: WorkTemplate,
): Promise<Json> {
  const resolved = (): Work => workOf(spec, template, scope);
  return needed(engine, spec, path, resolved, async (work) => {
    const output = await engine.perform(path, spec, top, work);
    if (spec.onFailure === 'end' && hasFailed(output)) ending.isOver = true;
    return output;
  });
}

/** The place of the steps inside a group; they see what came before it. */
function inside(place: Place, { id }: StepSpec): Place {
  const steps = { ...place.scope.steps };
  return {
    ...place,
    path: below(`${place.path}${id}`),
    declared: below(`${place.declared}${id}`),
    scope: { ...place.scope, steps },
  };
}

/** @returns the outputs of the steps inside, and those that the group adds */
async function within(engine: Steps, spec: StepSpec, place: Place): Promise<JsonObject> {
  const steps = spec.steps ?? [];
  const outputs = await whole(engine, steps, place);
  return {
    ...Object.fromEntries(steps.map(({ id }) => [id, outputs[id] ?? null])),
    ...outputsOf(spec, place.scope),
  };
}

/** Evaluates the values of a `set` step; people are asked when one of them cannot be told. */
async function set(engine: Steps, spec: StepSpec, path: string, scope: Scope): Promise<Json> {
  for (;;) {
    try {
      const values = resolve(spec.values ?? {}, scope);
      return engine.choose(path, spec, () => values);
    } catch (error) {
      if (!(error instanceof Unresolved)) throw error;
      const problem: Problem = {
        type: 'ProcedureStopped',
        message: `${error.reference} cannot be told: ${error.message}`,
        next: 'The step before it answered otherwise than the runbook expects, or was skipped.',
      };
      const answer = await engine.undecided(path, spec, problem);
      if (answer) return answer.output;
    }
  }
}

/** Fails as the runbook says; a retry looks again whether it has to. */
async function fail(
  engine: Steps,
  spec: StepSpec,
  place: Place,
  behind: () => readonly StepSpec[],
): Promise<Json> {
  const problem: Problem = {
    type: 'RunbookFailed',
    message: messageOf(spec, place.scope),
    ...(spec.hint === undefined ? {} : { next: spec.hint }),
  };
  if (spec.onFailure === 'end') {
    place.ending.isOver = true;
    return engine.choose(`${place.path}${spec.id}`, spec, () => failureOf(spec, place.scope));
  }
  const answer = await engine.fail(`${place.path}${spec.id}`, spec, problem);
  return answer ? answer.output : one(engine, spec, place, behind);
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
    `whether step ${path} is to be done cannot be told: ${why} (${spec.when?.$ ?? ''})`,
    'The step before it answered otherwise than the runbook expects, or was skipped.',
  );
  for (;;) {
    const answer = await engine.undecided(path, spec, stopped.problem);
    if (answer) return answer;
  }
}

async function branches(engine: Steps, spec: StepSpec, place: Place): Promise<JsonObject> {
  const { steps = [] } = spec;
  const apart = (): Scope => ({ ...place.scope, steps: { ...place.scope.steps } });
  // Branches see what came before them, not each other.
  const outputs = await inParallel(
    steps.map((each) => () => one(engine, each, { ...place, scope: apart() }, () => [])),
  );
  const own = Object.fromEntries(
    steps.map((each, index) => [each.id, seen(each, outputs[index] as Json, place.looked)]),
  );
  const scope = apart();
  Object.assign(scope.steps, own);
  return { ...own, ...outputsOf(spec, scope) };
}

function each(
  engine: Steps,
  spec: StepSpec,
  path: string,
  place: Place,
  items: ReturnType<typeof itemsOf>,
): Promise<JsonObject> {
  const { scope } = place;
  return inRounds(engine, spec, { path, scope, items }, (prefix, within) =>
    whole(engine, spec.steps ?? [], { ...place, path: prefix, scope: within }),
  );
}

function workOf(spec: StepSpec, work: WorkTemplate, scope: Scope): Work {
  const capture = isCaptured(spec) ? { capture: true as const } : {};
  const { now } = scope;
  const time = typeof now === 'string' ? { now } : {};
  return { ...resolveWork(work, scope), ...capture, ...time };
}

/**
 * What a step sees that reads the time: when its turn came, the same however often the run
 * continues as new.
 */
function withTime(engine: Steps, spec: StepSpec, path: string, scope: Scope): Scope {
  if (!readsTime(spec)) return scope;
  return { ...scope, now: engine.run.board.startOf(path) ?? new Date().toISOString() };
}

/** What people are to answer. */
function asked({ asked = {} }: StepSpec): JsonObject {
  const texts = Object.entries(asked).map(([name, each]) => [name, answerText(each)]);
  return texts.length > 0 ? { 'what to answer': Object.fromEntries(texts) as JsonObject } : {};
}

function known(template: JsonObject, scope: Scope): JsonObject {
  return resolveKnown(template, scope) as JsonObject;
}

function upToGate(steps: readonly StepSpec[]): readonly StepSpec[] {
  const next = steps.findIndex((step) => step.kind === 'approval');
  return next === -1 ? steps : steps.slice(0, next);
}

/** What the steps do, by declared path, as far as it is known now. */
function listed(
  steps: readonly StepSpec[],
  { declared, scope }: Pick<Place, 'declared' | 'scope'>,
): [string, ListedWork[]][] {
  return steps.flatMap((spec): [string, ListedWork[]][] => {
    const top = `${declared}${spec.id}`;
    if (spec.work) return [[top, [known(workTemplate(spec.work), scope) as unknown as ListedWork]]];
    const inner = upToGate(spec.steps ?? []);
    const within = (known: JsonObject) => ({ declared: below(top), scope: { ...scope, ...known } });
    if (spec.kind === 'runbook') {
      const inputs = known(spec.inputs ?? {}, scope);
      return listed(inner, within({ inputs, steps: {} }));
    }
    const items = spec.kind === 'forEach' ? resolveKnown(spec.items ?? [], scope) : null;
    if (!Array.isArray(items)) return listed(inner, within({}));
    return merged(items.map((item) => listed(inner, within(withItem(spec, scope, item)))));
  });
}

function workTemplate({ action, undo }: WorkTemplate): JsonObject {
  return { action, ...(undo ? { undo } : {}) };
}

/** What each step does for every item. */
function merged(byItem: readonly [string, ListedWork[]][][]): [string, ListedWork[]][] {
  const all = new Map<string, ListedWork[]>();
  for (const [path, works] of byItem.flat()) all.set(path, [...(all.get(path) ?? []), ...works]);
  return [...all];
}
