import type { Expression } from './expression/ast.js';
import { ExpressionProblem, readCondition, readExpression } from './read-expression.js';

/**
 * Gives every expression in a runbook its tree, unless it has one.
 * @param wrong told of each that is none, with its place
 * @param read the expression that an object holds
 */
export function withTrees<T>(
  value: T,
  wrong: (place: PropertyKey[], why: string) => void,
  read: (holder: { $: string }) => Expression = ({ $ }) => readExpression($),
): T {
  return visit(value, []) as T;

  function visit(each: unknown, place: PropertyKey[]): unknown {
    if (Array.isArray(each)) return each.map((item, index) => visit(item, [...place, index]));
    if (each === null || typeof each !== 'object') return each;
    if (Object.hasOwn(each, 'ast')) return each;
    const { $: source, cel, ...others } = each as Record<string, unknown>;
    const isAlone = Object.keys(others).length === 0;
    try {
      if (isAlone && typeof source === 'string' && cel === undefined)
        return read(each as { $: string });
      if (isAlone && typeof cel === 'string' && source === undefined) return readCondition(cel);
    } catch (error) {
      if (!(error instanceof ExpressionProblem)) throw error;
      wrong(place, error.message);
      return each;
    }
    return Object.fromEntries(
      Object.entries(each).map(([key, inner]) => [key, visit(inner, [...place, key])]),
    );
  }
}
