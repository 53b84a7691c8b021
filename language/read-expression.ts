import type { Condition } from './condition.js';
import type { Expression } from './expression/ast.js';
import { chainsIn } from './expression/names.js';
import { parse } from './expression/index.js';
import type { Json, JsonObject } from './json.js';

/*
 * Expressions of a runbook as its plan keeps them, when the runbook is read.
 */

/** What a worker knows of itself: the answer of the step. */
const own = 'out';

/** @throws ExpressionProblem */
export function readExpression(source: string): Expression {
  const parsed = parse(source);
  if ('problem' in parsed) throw new ExpressionProblem(parsed.problem.message);
  return parsed.expression;
}

/** A text is no expression; the message says why. */
export class ExpressionProblem extends Error {}

/**
 * A condition on what a step answers. The engine gives the worker the values of all other names.
 * @throws ExpressionProblem
 */
export function readCondition(source: string): Condition {
  return conditionOf(readExpression(source));
}

/** As `readCondition`, of an expression that was read already. */
export function conditionOf({ $: cel, ast }: Expression): Condition {
  const given: JsonObject = {};
  for (const chain of chainsIn(ast)) if (chain[0] !== own) give(given, wholeOf(chain));
  return { cel, ast, ...(Object.keys(given).length > 0 ? { given } : {}) };
}

/** Up to the first list or odd key: that is given as a whole. */
function wholeOf(chain: readonly (string | number)[]): string[] {
  const end = chain.findIndex((key) => typeof key === 'number' || !/^[A-Za-z_]\w*$/.test(key));
  return chain.slice(0, end === -1 ? undefined : end).map(String);
}

/** Puts a reference at the place of a name, unless a whole that holds it is given. */
function give(given: JsonObject, keys: readonly string[]): void {
  let at = given;
  for (const [depth, key] of keys.slice(0, -1).entries()) {
    at[key] ??= {};
    const inner = at[key] as JsonObject;
    if (Object.hasOwn(inner, '$')) return;
    if (depth < keys.length - 1) at = inner;
  }
  at[keys.at(-1) ?? ''] = readExpression(keys.join('.')) as unknown as Json;
}
