import type { Tree } from './expression/ast.js';
import { targetTable } from './expression/names.js';
import type { JsonObject } from './json.js';

/**
 * A condition on what a step answers, which the worker judges: an expression on `out`. It reads
 * nothing else but what is given with it.
 */
export interface Condition {
  cel: string;
  /** As the plan keeps it. Absent in the code of a procedure: the worker reads the text. */
  ast?: Tree;
  /** Values of the other names in it. */
  given?: JsonObject;
}

/** The condition in words, for errors and the step table. */
export function describeCondition({ cel, given }: Condition): string {
  const values = Object.entries(given ?? {}).flatMap(([name, value]) => told(name, value));
  return values.length === 0 ? cel : `${cel} (with ${values.join(', ')})`;
}

function told(name: string, value: unknown): string[] {
  if (value === null || typeof value !== 'object') return [`${name} ${JSON.stringify(value)}`];
  // The facts of other targets decide nothing that is not among the names themselves.
  if (Object.hasOwn(value, '$') || name === targetTable) return [];
  return Object.entries(value).flatMap(([key, inner]) => told([name, key].join('.'), inner));
}
