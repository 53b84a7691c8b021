import { isObject } from '../../../language/objects.js';
import type { Json } from '../../../language/json.js';
import type { FieldPath } from '../../../language/pipeline.js';

/** Values in answers, as expressions, and placeholders in requests. */

/**
 * The value at the path, or null where it is not: an expression. The path's names are text in it,
 * never part of the expression itself.
 */
export function valueIn(object: string, path: FieldPath | undefined): string {
  if (path === undefined) return 'null';
  return path.split('.').reduce<{ text: string; isSure: boolean }>(
    ({ text, isSure }, name) => {
      const next = `${text}[?${JSON.stringify(name)}].orValue(null)`;
      return { text: isSure ? next : `(${text} == null ? null : ${next})`, isSure: false };
    },
    { text: object, isSure: true },
  ).text;
}

/** The same as text, so that a number is not rounded. */
export function textIn(object: string, path: FieldPath | undefined): string {
  const value = valueIn(object, path);
  return path === undefined ? value : `(${value} == null ? null : string(${value}))`;
}

/** Puts values in the place of texts that are a placeholder and nothing else. */
export function filledIn(template: Json, values: Readonly<Record<string, Json>>): Json {
  if (typeof template === 'string') {
    const [, name = ''] = /^\{(\w+)\}$/.exec(template) ?? [];
    return Object.hasOwn(values, name) ? (values[name] ?? null) : template;
  }
  if (Array.isArray(template)) return template.map((each) => filledIn(each, values));
  if (!isObject(template)) return template;
  return Object.fromEntries(
    Object.entries(template).map(([name, value]) => [name, filledIn(value, values)]),
  );
}
