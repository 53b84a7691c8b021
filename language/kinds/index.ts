import { check, type CheckAction } from './check.js';
import { command } from './command.js';
import { delivery } from './delivery/index.js';
import { http } from './http.js';
import { notify } from './notify.js';
import type { ActionOf, ActionRules, KindRules } from './rules.js';
import { sql } from './sql.js';

/*
 * The one table of step kinds. A kind whose work is an activity has a file here with its rules, and
 * a handler in activities/. A kind that is missing from one of the two maps does not compile. The
 * kinds of a domain are a pack: a folder with a map of its own in both places, which the maps
 * include.
 */

const table = { command, sql, http, check, notify, ...delivery };

/** Everything that a worker can be asked to do. */
export type Action = ActionOf<typeof table>;
export type ActionKind = keyof typeof table;

/** Each kind stands under its own name. */
const actions: { [K in ActionKind]: ActionRules<Extract<Action, { kind: K }>> } = table;

const others = {
  approval: { doneBy: 'people' },
  manual: { doneBy: 'people' },
  /** Pure code of the procedure. */
  decide: { doneBy: 'engine' },
  /** Values of expressions. */
  set: { doneBy: 'engine' },
  /** Lets time pass. */
  wait: { doneBy: 'engine' },
  /** Which case of a branch is taken. */
  choice: { doneBy: 'engine' },
  /** Ends the runbook: there is nothing left to do. */
  succeed: { doneBy: 'engine' },
  /** Fails as the runbook says. */
  fail: { doneBy: 'engine' },
  /** Steps one after the other. */
  group: { doneBy: 'engine', isGroup: true, holdsGates: true },
  parallel: { doneBy: 'engine', isGroup: true, holdsGates: true },
  forEach: { doneBy: 'engine', isGroup: true },
  runbook: { doneBy: 'engine', isGroup: true, holdsGates: true },
} as const satisfies Record<string, KindRules>;

export type StepKind = ActionKind | keyof typeof others;

const kinds: Readonly<Record<StepKind, KindRules>> = { ...actions, ...others };

/** The kinds whose work is one Temporal activity. */
export const actionKinds = Object.keys(actions) as readonly ActionKind[];

/** Every kind, those of activities first. */
export const stepKinds = Object.keys(kinds) as readonly StepKind[];

/** The rules of a kind. */
export function rulesOf(kind: StepKind): KindRules {
  return kinds[kind];
}

/** The rules of a kind whose work is an activity. */
export function actionRules(kind: ActionKind): ActionRules<Action> {
  return actions[kind];
}

/** Whether the kind's work is one Temporal activity. */
export function isActionKind(kind: string): kind is ActionKind {
  return Object.hasOwn(actions, kind);
}

/** Whether a step of this kind contains other steps. */
export function isGroup(kind: StepKind): boolean {
  return kinds[kind].isGroup === true;
}

/**
 * What an action is going to do, as one line for people; the text that plan, gate, report and
 * message show.
 */
export function describeAction(action: Action): string {
  return actionRules(action.kind).describe(action);
}

/** The same in as many lines as it has parts: for a gate, where each part is read. */
export function listAction(action: Action): readonly string[] {
  const lines = actionRules(action.kind).list?.(action) ?? [];
  return lines.length > 0 ? lines : [describeAction(action)];
}

/** What an attempt does: its action, and what verifies it. */
export function whatItDoes(action: Action, verify?: CheckAction): string[] {
  return [...listAction(action), ...(verify ? [`then ${describeAction(verify)}`] : [])];
}

/** The host that an action runs on, by its name; undefined: any. */
export function hostOf(action: Action): string | undefined {
  const doing = innermost(action);
  return 'runsOn' in doing ? doing.runsOn : undefined;
}

/** The action that touches the world: the probe of a check, else the action itself. */
export function innermost(action: Action): Exclude<Action, CheckAction> {
  return action.kind === 'check' ? action.probe : action;
}
