import type { Json, JsonObject } from './json.js';
import { lookUp, valueAt } from './condition.js';

/**
 * A value that is known only later: `{"$": "steps.restart.job"}`. Takes the value as it is; nothing
 * is put together as text.
 */
export interface Reference {
  $: string;
}

/** What references may name. */
export interface Scope extends JsonObject {
  inputs: JsonObject;
  /** Outputs of the steps so far. */
  steps: JsonObject;
}

/** A reference named what there is not, or what was shortened for people and is not whole. */
export class Unresolved extends Error {
  constructor(
    readonly reference: string,
    readonly missing: 'absent' | 'cut',
  ) {
    super(missing === 'cut' ? `${reference} is not whole` : `there is no ${reference}`);
    this.name = 'Unresolved';
  }
}

export function isReference(value: Json): value is Json & Reference {
  return isObject(value) && Object.keys(value).length === 1 && typeof value['$'] === 'string';
}

/**
 * Puts values in the place of references, everywhere in the template; never a part of one.
 * @throws Unresolved
 */
export function resolve(template: Json, scope: JsonObject): Json {
  if (isReference(template)) {
    const found = lookUp(scope, template.$);
    if ('missing' in found) throw new Unresolved(template.$, found.missing);
    return found.value as Json;
  }
  if (Array.isArray(template)) return template.map((item) => resolve(item, scope));
  if (!isObject(template)) return template;
  return Object.fromEntries(
    Object.entries(template).map(([key, value]) => [key, resolve(value, scope)]),
  );
}

/** The same, but what is not known yet stays as it is: for showing what a step will do. */
export function resolveKnown(template: Json, scope: JsonObject): Json {
  if (isReference(template)) return (valueAt(scope, template.$) as Json | undefined) ?? template;
  if (Array.isArray(template)) return template.map((item) => resolveKnown(item, scope));
  if (!isObject(template)) return template;
  return Object.fromEntries(
    Object.entries(template).map(([key, value]) => [key, resolveKnown(value, scope)]),
  );
}

/** Everything that the template refers to. */
export function referencesIn(template: Json): string[] {
  if (isReference(template)) return [template.$];
  if (Array.isArray(template)) return template.flatMap(referencesIn);
  return isObject(template) ? Object.values(template).flatMap(referencesIn) : [];
}

/** Places in a list that are references. */
export function placesOf(list: readonly Json[]): number[] {
  return list.flatMap((item, at) => (isReference(item) ? [at] : []));
}

function isObject(value: Json): value is JsonObject {
  return value !== null && typeof value === 'object' && !Array.isArray(value);
}
