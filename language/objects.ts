import type { Json, JsonObject } from './json.js';

/* Objects by what they have themselves: a name such as `constructor` finds nothing inherited. */

/** Whether the value is an object with fields. */
export function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** What the object itself has under the name. */
export function field<T>(object: Readonly<Record<string, T>>, name: string): T | undefined {
  return Object.hasOwn(object, name) ? object[name] : undefined;
}
