import { durationMs } from './duration.js';
import type { Expression, Tree } from './expression/ast.js';
import { holds, type Verdict } from './expression/evaluate.js';
import { namesIn, readsClock } from './expression/names.js';
import type { Json, JsonObject } from './json.js';
import { shown } from './kinds/words.js';
import {
  isOpen,
  isReference,
  type Reference,
  resolve,
  resolveKnown,
  type Scope,
  valuePlaces,
} from './reference.js';
import type { CheckAction } from './kinds/check.js';
import type { Action } from './kinds/index.js';
import type { StepSpec, WorkTemplate } from './runbook.js';

/*
 * Resolves the work of a step that is data. The run and the worker share this code, so that both
 * get the same action.
 */

/** What a step does, without references. */
export interface ResolvedWork {
  action: Action;
  expect?: NonNullable<WorkTemplate['expect']>;
  outputs?: NonNullable<WorkTemplate['outputs']>;
  timeoutMs?: number;
  verify?: CheckAction;
  check?: CheckAction;
  undo?: Action;
  undoByHand?: string;
}

/** An argument of a program was resolved to something that is not text. */
export class NoText extends Error {
  constructor(readonly value: Json) {
    super('an argument is no text');
    this.name = 'NoText';
  }
}

/** The limit of an attempt was resolved to something that is no duration, or too long. */
export class NoLimit extends Error {
  constructor(readonly value: Json) {
    super('the limit is no duration');
    this.name = 'NoLimit';
  }
}

const longestMs = 7 * 24 * 3_600_000;

/** Why so many milliseconds are no time limit, as the end of a sentence; undefined: they are. */
export function limitFault(ms: number): string | undefined {
  if (ms < 1) return 'is no time at all';
  return ms > longestMs ? 'is longer than 7d' : undefined;
}

function limitOf(timeout: Json, scope: Scope): number {
  const value = resolve(timeout, scope);
  const ms = typeof value === 'string' ? durationMs(value) : undefined;
  if (ms === undefined || limitFault(ms) !== undefined) throw new NoLimit(value);
  return ms;
}

/** @throws Unresolved, NoText, NoLimit */
export function resolveWork(work: WorkTemplate, scope: Scope): ResolvedWork {
  const { action, expect, outputs, timeout, verify, check, undo, undoByHand } = work;
  return {
    action: resolveAction(action, scope),
    ...(expect ? { expect: resolve(expect as unknown as Json, scope) as never } : {}),
    ...(outputs ? { outputs: resolve(outputs as unknown as Json, scope) as never } : {}),
    ...(timeout === undefined ? {} : { timeoutMs: limitOf(timeout, scope) }),
    ...(verify ? { verify: resolveAction(verify, scope) as CheckAction } : {}),
    ...(check ? { check: resolveAction(check, scope) as CheckAction } : {}),
    ...(undo ? { undo: resolveAction(undo, scope) } : {}),
    ...(undoByHand === undefined ? {} : { undoByHand: shown(resolveKnown(undoByHand, scope)) }),
  };
}

/**
 * Replaces the references of an action by values.
 * @param marks the declared template, which shows the arguments that are references, when
 *   `template` is no longer the declared one
 * @throws Unresolved, NoText
 */
export function resolveAction(template: JsonObject, scope: Scope, marks = template): Action {
  return withTextArguments(resolve(template, scope) as JsonObject, marks);
}

/**
 * Arguments of a program are texts: a number becomes one, anything else is an error. `given` and
 * `partly` tell the worker where values stand, so that it treats them as data.
 */
function withTextArguments(action: JsonObject, template: JsonObject): Action {
  const { argv, probe } = action;
  if (Array.isArray(argv)) {
    const wrong = argv.find((part) => part === null || typeof part === 'object');
    if (wrong !== undefined) throw new NoText(wrong);
    const marks = valuePlaces(template['argv'] as Json[]);
    const variables = action['env'] === undefined ? {} : { env: variablesOf(action, template) };
    return { ...action, argv: argv.map(String), ...variables, ...marks } as unknown as Action;
  }
  if (probe && typeof probe === 'object' && !Array.isArray(probe)) {
    return {
      ...action,
      probe: withTextArguments(probe, template['probe'] as JsonObject),
    } as unknown as Action;
  }
  return action as unknown as Action;
}

/**
 * A value is text in a variable too: an answer that looks like a reference to a secret is none.
 * @throws NoText
 */
function variablesOf({ env }: JsonObject, template: JsonObject): JsonObject {
  const declared = (template['env'] ?? {}) as JsonObject;
  return Object.fromEntries(
    Object.entries(env as JsonObject).map(([name, value]) => {
      if (!isOpen(declared[name] ?? null)) return [name, value];
      if (value === null || typeof value === 'object') throw new NoText(value);
      return [name, String(value)];
    }),
  );
}

/**
 * Whether a step is to be done. An input that was not given is null: the runbook declares all that
 * there are.
 */
export function judgeWhen(when: Expression, scope: Scope): Verdict {
  return holds(when, { ...scope, inputs: { ...inputsIn(when), ...scope.inputs } });
}

/** Whether the condition of a step, or what it does or waits for, reads the time. */
export function readsTime({ when, work, until }: StepSpec): boolean {
  return holdersIn([when, work?.action, work?.verify, work?.check, until]).some(readsClock);
}

/** The trees of the expressions in a value, without conditions on what a step answers. */
function holdersIn(value: unknown): Tree[] {
  if (Array.isArray(value)) return value.flatMap(holdersIn);
  if (value === null || typeof value !== 'object' || Object.hasOwn(value, 'cel')) return [];
  if (isReference(value as Json)) return [(value as Reference).ast ?? []].flat();
  return Object.values(value).flatMap(holdersIn);
}

/** The inputs that a condition names, each as null. */
function inputsIn({ ast }: Expression): JsonObject {
  const names = namesIn(ast).flatMap((path) => {
    const [root, name] = path.split('.');
    return root === 'inputs' && name !== undefined ? [name] : [];
  });
  return Object.fromEntries(names.map((name) => [name, null]));
}
