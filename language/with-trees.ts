import { ExpressionProblem, readCondition, readExpression } from './read-expression.js';

/**
 * Gives every expression in a runbook its tree.
 * @param wrong told of each that is none, with its place
 */
export function withTrees<T>(value: T, wrong: (place: PropertyKey[], why: string) => void): T {
  return visit(value, []) as T;

  function visit(each: unknown, place: PropertyKey[]): unknown {
    if (Array.isArray(each)) return each.map((item, index) => visit(item, [...place, index]));
    if (each === null || typeof each !== 'object') return each;
    const { $: source, cel, ...others } = each as Record<string, unknown>;
    const isAlone = Object.keys(others).length === 0;
    try {
      if (isAlone && typeof source === 'string' && cel === undefined) return readExpression(source);
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
