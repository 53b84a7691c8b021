import { judge, pathsIn, type Condition, type Judgement } from './condition.js';
import type { Json, JsonObject } from './json.js';
import { placesOf, resolve, type Scope } from './reference.js';
import type { Action, CheckAction, WorkTemplate } from './runbook.js';

/*
 * Resolves the work of a step that is data. The run and the worker share this code, so that both
 * get the same action.
 */

/** What a step does, without references. */
export interface ResolvedWork {
  action: Action;
  expect?: NonNullable<WorkTemplate['expect']>;
  verify?: CheckAction;
  check?: CheckAction;
  undo?: Action;
}

/** An argument of a program was resolved to something that is not text. */
export class NoText extends Error {
  constructor(readonly value: Json) {
    super('an argument is no text');
    this.name = 'NoText';
  }
}

/** @throws Unresolved, NoText */
export function resolveWork(work: WorkTemplate, scope: Scope): ResolvedWork {
  const { action, expect, verify, check, undo } = work;
  return {
    action: resolveAction(action, scope),
    ...(expect ? { expect } : {}),
    ...(verify ? { verify: resolveAction(verify, scope) as CheckAction } : {}),
    ...(check ? { check: resolveAction(check, scope) as CheckAction } : {}),
    ...(undo ? { undo: resolveAction(undo, scope) } : {}),
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
 * Arguments of a program are texts: a number becomes one, anything else is an error. `given` tells
 * the worker which arguments came from references, so that it treats them as data.
 */
function withTextArguments(action: JsonObject, template: JsonObject): Action {
  const { argv, probe } = action;
  if (Array.isArray(argv)) {
    const wrong = argv.find((part) => part === null || typeof part === 'object');
    if (wrong !== undefined) throw new NoText(wrong);
    const given = placesOf(template['argv'] as Json[]);
    const marked = given.length > 0 ? { given } : {};
    return { ...action, argv: argv.map(String), ...marked } as unknown as Action;
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
 * Whether a step is to be done. An input that was not given is null: the runbook declares all that
 * there are. What a step has not answered is nothing that could be compared.
 */
export function judgeWhen(when: Condition, scope: Scope): Judgement {
  return judge(when, { ...scope, inputs: { ...inputsIn(when), ...scope.inputs } });
}

/** The inputs that a condition names, each as null. */
function inputsIn(when: Condition): JsonObject {
  const names = pathsIn(when).flatMap((path) => {
    const [root, name] = path.split('.');
    return root === 'inputs' && name !== undefined ? [name] : [];
  });
  return Object.fromEntries(names.map((name) => [name, null]));
}
