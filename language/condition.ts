import type { Json } from './json.js';

/**
 * A test on a step's output, as data, so that workflow, activity and plan read the same thing.
 * `path` is dotted (`status`, `rows.0.count`). All given tests must hold; `all` and `any` combine.
 */
export interface Condition {
  path?: string;
  is?: Json;
  isNot?: Json;
  in?: readonly Json[];
  atLeast?: number;
  atMost?: number;
  all?: readonly Condition[];
  any?: readonly Condition[];
}

/** The value at a dotted path, or undefined where the data has none. Own properties only. */
export function valueAt(data: unknown, path: string): unknown {
  let value: unknown = data;
  for (const key of path.split('.')) {
    if (value === null || typeof value !== 'object' || !Object.hasOwn(value, key)) return undefined;
    value = (value as Record<string, unknown>)[key];
  }
  return value;
}

/** Does `data` meet `condition`? Scalars compare by value; a number compares with a numeric string (as SQL's bigint arrives). */
export function holds(condition: Condition, data: unknown): boolean {
  const value = condition.path === undefined ? data : valueAt(data, condition.path);
  const number = typeof value === 'string' && value.trim() !== '' ? Number(value) : value;
  const same = (expected: Json): boolean =>
    value === expected || (typeof expected === 'number' && number === expected);
  return (
    (condition.is === undefined || same(condition.is)) &&
    (condition.isNot === undefined || !same(condition.isNot)) &&
    (condition.in === undefined || condition.in.some(same)) &&
    (condition.atLeast === undefined ||
      (typeof number === 'number' && number >= condition.atLeast)) &&
    (condition.atMost === undefined ||
      (typeof number === 'number' && number <= condition.atMost)) &&
    (condition.all === undefined || condition.all.every((c) => holds(c, data))) &&
    (condition.any === undefined || condition.any.some((c) => holds(c, data)))
  );
}

/** The condition in words, for errors and the step table. */
export function describeCondition(condition: Condition): string {
  const name = condition.path ?? 'the output';
  const parts: string[] = [];
  if (condition.is !== undefined) parts.push(`${name} is ${JSON.stringify(condition.is)}`);
  if (condition.isNot !== undefined)
    parts.push(`${name} is not ${JSON.stringify(condition.isNot)}`);
  if (condition.in !== undefined)
    parts.push(`${name} is one of ${condition.in.map((v) => JSON.stringify(v)).join(', ')}`);
  if (condition.atLeast !== undefined) parts.push(`${name} is at least ${condition.atLeast}`);
  if (condition.atMost !== undefined) parts.push(`${name} is at most ${condition.atMost}`);
  if (condition.all) parts.push(...condition.all.map(describeCondition));
  if (condition.any) parts.push(`(${condition.any.map(describeCondition).join(' or ')})`);
  return parts.join(' and ');
}
