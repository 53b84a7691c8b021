import type { Condition } from './condition.js';
import { type Expression, isTargets, partsOf, type Tree } from './expression/ast.js';
import { partsRead, targetTable } from './expression/names.js';
import { cutFrom } from './expression/write.js';
import { parse } from './expression/index.js';
import type { Json, JsonObject } from './json.js';

/*
 * Expressions of a runbook as its plan keeps them, when the runbook is read.
 */

/** What a worker knows of itself: the answer of the step, and the time. */
const own: ReadonlySet<unknown> = new Set(['out', 'now']);

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
  const read = partsRead(ast);
  for (const { keys, parts } of read) {
    const whole = wholeOf(keys);
    const part = parts[whole.length - 1];
    if (!own.has(keys[0]) && part) give(given, whole, cutFrom(cel, part));
  }
  if (looksUpTargets(ast, new Set(read.flatMap(({ parts }) => parts))))
    given[targetTable] = { $: targetTable, ast: { is: 'name', name: targetTable, at: [0, 0] } };
  return { cel, ast, ...(Object.keys(given).length > 0 ? { given } : {}) };
}

/** Up to the first list or odd key: that is given as a whole. */
function wholeOf(chain: readonly (string | number)[]): string[] {
  const end = chain.findIndex((key) => typeof key === 'number' || !/^[A-Za-z_]\w*$/.test(key));
  return chain.slice(0, end === -1 ? undefined : end).map(String);
}

/** Puts an expression at the place of a name, unless a whole that holds it is given. */
function give(given: JsonObject, keys: readonly string[], expression: Expression): void {
  let at = given;
  for (const [depth, key] of keys.slice(0, -1).entries()) {
    at[key] ??= {};
    const inner = at[key] as JsonObject;
    if (Object.hasOwn(inner, '$')) return;
    if (depth < keys.length - 1) at = inner;
  }
  at[keys.at(-1) ?? ''] = expression as unknown as Json;
}

/** Whether it reads a target that is not given: one that may be absent, or of an item. */
function looksUpTargets(tree: Tree, given: ReadonlySet<Tree>): boolean {
  if (given.has(tree)) return false;
  return (
    ('as' in tree && isTargets(tree.as)) ||
    partsOf(tree).some((part) => looksUpTargets(part, given))
  );
}
