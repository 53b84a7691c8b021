import {
  answersOf,
  answeredWith,
  outputCommand,
  runThen,
  usualForm,
} from '../../common/questions.js';
import type { DeclaredStep } from '../../common/gate-before.js';
import { leavingStates, leftBy, type Left } from '../../common/left.js';
import { asksPeople, type CallKind, type Message, type MessageKind } from '../../common/message.js';
import { problemLine } from '../../common/next-step.js';
import { endStates } from '../../common/view.js';
import { uiLink } from '../../common/ui-link.js';
import { foldSteps, type FoldedStep } from '../../language/fold.js';
import { listAction, type Action } from '../../language/kinds/index.js';
import type { StepSpec } from '../../language/runbook.js';
import type { CallFacts } from '../../store/index.js';
import { partOf } from '../../language/paths.js';
import { storedStep } from '../../language/stored-step.js';

/** What messages say of the worker that sends them. */
export interface TellingSettings {
  /** The name of the command line. */
  command: string;
  /** Where commands work as they stand; null: wherever the command line is installed. */
  where: string | null;
  /** Base address of the Temporal UI; null: messages have no link. */
  uiUrl: string | null;
  /** Name of the Temporal namespace. */
  namespace: string;
}

/** Which message about a call this is. */
export interface Telling {
  id: string;
  first: string;
  what: MessageKind;
  number: number;
  again: boolean;
}

/** Everything that a message says, from the record. */
export function contentOf(telling: Telling, facts: CallFacts, settings: TellingSettings): Message {
  const { id, first, number, again } = telling;
  const left = leftIn(facts);
  const what = telling.what === 'left' && left.length === 0 ? 'ended' : telling.what;
  const { key, call, execution } = facts;
  const asks = asksPeople(what);
  const { uiUrl, namespace, command } = settings;
  return {
    version: 1,
    ...{ id, first, what, number, again },
    run: key.run,
    runbook: facts.runbook,
    title: facts.title,
    drill: facts.drill,
    targets: facts.targets,
    requester: facts.requester,
    reason: facts.reason,
    startedAt: facts.startedAt,
    call: {
      kind: call.kind,
      id: call.id,
      title: call.title,
      since: call.since,
      deadline: call.deadline,
      who: call.who,
      evidence: call.evidence,
      follows: call.follows,
    },
    undo: undoOf(facts),
    left,
    undone: facts.undone,
    end: telling.what === 'left' ? endOf(facts, command) : null,
    taken: facts.taken,
    over: what === 'over' ? overBy(facts) : null,
    commands: asks ? commandsFor(command, key.run, call) : [],
    did: asks ? whatDid(facts) : [],
    output: asks ? outputCommand(command, key.run, call) : null,
    where: settings.where,
    form: asks ? formFor(command, key.run, call) : null,
    ack: asks && !facts.taken ? `${command} ack ${key.run}` : null,
    startAgain: leavingStates.includes(facts.state) ? `${command} start --from ${key.run}` : null,
    status: `${command} status ${key.run}`,
    link: uiUrl === null ? null : uiLink(uiUrl, namespace, key.run, execution ?? key.firstRunId),
  };
}

function commandsFor(name: string, run: string, call: CallFacts['call']): Message['commands'] {
  const { kind } = call;
  if (kind === 'pause') return [{ verb: 'go on', command: call.command }];
  return isQuestion(kind) ? answersOf(name, run, { ...call, kind }) : [];
}

function formFor(name: string, run: string, call: CallFacts['call']): string | null {
  const { kind } = call;
  return isQuestion(kind) ? usualForm(name, run, { ...call, kind }) : null;
}

/**
 * What a step that failed was asked to do. One that was never begun is described as the plan has
 * it, with the values that are known; what undoes it is evidence of its question.
 */
function whatDid({ call: { kind, id }, steps, inputs, did }: CallFacts): string[] {
  if (kind !== 'failure' && kind !== 'undo') return [];
  if (did !== null || kind === 'undo') return did ?? [];
  const top = storedStep({ steps }, id)?.top;
  const work = top === undefined ? undefined : foldedAt(foldSteps(steps, { inputs }), top)?.work;
  return work ? [...listAction(work.action as unknown as Action)] : [];
}

/** The step of a declared path. */
function foldedAt(steps: readonly FoldedStep[], path: string): StepSpec | undefined {
  for (const step of steps) {
    const found = step.path === path ? step.spec : foldedAt(insideOf(step), path);
    if (found) return found;
  }
  return undefined;
}

function insideOf({ steps, cases = [] }: FoldedStep): readonly FoldedStep[] {
  return [...steps, ...cases.flatMap((each) => each.steps)];
}

function isQuestion(kind: CallKind): kind is Exclude<CallKind, 'pause' | 'left'> {
  return kind !== 'pause' && kind !== 'left';
}

/** What the run has left; nothing while it goes on. */
function leftIn({ state, changes, steps }: CallFacts): Left[] {
  const why = reasonsIn(steps);
  const inOrder = changes.toSorted((one, other) => (one.ordinal ?? 0) - (other.ordinal ?? 0));
  return leftBy({
    state,
    steps: inOrder.map(({ path, undo, ...step }) => ({
      ...step,
      id: path,
      ...(undo === null ? {} : { undo }),
      ...noUndo(why.get(path)),
    })),
  });
}

function endOf({ state, problem, call }: CallFacts, command: string): Message['end'] {
  return { state, why: problem && problemLine(problem, command), at: call.since };
}

function undoOf({ changes, steps, begun }: CallFacts): Message['undo'] {
  const passed = new Set(begun);
  const why = reasonsIn(steps);
  const borders = pointsOfNoReturn(steps);
  const last = Math.max(
    -1,
    ...changes.flatMap(({ path, ordinal }) => (borders.includes(path) ? [ordinal ?? -1] : [])),
  );
  const behind = changes.filter(({ ordinal }) => ordinal === null || ordinal > last);
  return {
    possible: behind.flatMap(({ path, undo }) =>
      undo === null ? [] : [{ step: path, how: undo }],
    ),
    impossible: changes
      .filter((change) => change.undo === null || !behind.includes(change))
      .map(({ path }) => (why.has(path) ? `${path} (${why.get(path)})` : path)),
    pointsOfNoReturn: borders.filter((path) => !passed.has(path)),
  };
}

function noUndo(why: string | undefined): { noUndo?: string } {
  return why === undefined ? {} : { noUndo: why };
}

/** Why steps cannot be undone, in their authors' words, by their paths. */
function reasonsIn(steps: readonly StepSpec[]): ReadonlyMap<string, string> {
  const declared = declaredIn(steps).flatMap(({ path, spec: { noUndo: why } }) =>
    why === undefined ? [] : [[path, why] as const],
  );
  return new Map(declared);
}

/** Paths of the steps behind which nothing before them can be undone. */
function pointsOfNoReturn(steps: readonly StepSpec[]): string[] {
  return declaredIn(steps).flatMap(({ path, spec }) => (spec.pointOfNoReturn ? [path] : []));
}

/** All steps of a plan, groups and what is in them. */
function declaredIn(steps: readonly StepSpec[], around = ''): DeclaredStep[] {
  return steps.flatMap((spec) => {
    const path = partOf(around, spec.id);
    return [{ path, spec }, ...declaredIn(spec.steps ?? [], path)];
  });
}

function overBy({ call, decision, state }: CallFacts): Message['over'] {
  const at = call.closedAt ?? new Date().toISOString();
  const hasEnded = endStates.has(state) ? `it has ended: ${state}` : null;
  const nobody = { by: null, reason: null, at, then: hasEnded };
  if (decision) {
    const { verb, by, reason } = decision;
    const then = hasEnded ?? runThen(verb);
    return { how: answeredWith(verb).words, by, reason, at: decision.at, then };
  }
  if (call.kind === 'pause' && !endStates.has(state)) return { how: 'goes on', ...nobody };
  if (call.deadline !== null && call.deadline <= at) {
    const then = hasEnded ?? (call.kind === 'approval' ? runThen('reject') : null);
    return { ...nobody, how: 'nobody answered before its deadline', then };
  }
  if (endStates.has(state)) return { how: `the run has ended: ${state}`, ...nobody };
  return { how: 'it is not asked any more', ...nobody };
}
