import type { Expression, Joined, Tree } from './expression/ast.js';
import { changeIn, evaluate, wordsOf } from './expression/evaluate.js';
import type { Reason } from './expression/evaluation.js';
import { namesIn } from './expression/names.js';
import { textOf } from './expression/text-form.js';
import { Wrong } from './expression/values.js';
import { canonicalJson, type Json, type JsonObject } from './json.js';
import { isObject } from './objects.js';

/**
 * A value that is known only later, as a plan keeps it. Without its tree it is a name for people,
 * and has no value.
 */
export type Reference = { $: string; ast?: Tree };

/** What expressions may name. */
export interface Scope extends JsonObject {
  inputs: JsonObject;
  /** Outputs of the steps so far. */
  steps: JsonObject;
}

/** An expression named what there is not, or what was changed for people and is not whole. */
export class Unresolved extends Error {
  readonly missing: 'absent' | 'cut' | 'blanked';

  constructor(
    readonly reference: string,
    readonly reasons: readonly Reason[] = [],
  ) {
    super(wordsOf(reasons) || `there is no ${reference}`);
    this.name = 'Unresolved';
    this.missing = changeIn(reasons) ?? 'absent';
  }
}

/**
 * A value that only a later step decides, in an action that people are shown before.
 * @param name what it is, for people
 */
export function later<T>(name: string): T {
  return { $: name } as T;
}

/** Whether the value is the template with something in the place of each reference. */
export function fits(template: Json | undefined, value: Json | undefined): boolean {
  const [wanted, given] = [template ?? null, value ?? null];
  if (isReference(wanted)) return given !== null;
  if (isJoined(wanted))
    return isReference(given) || isJoined(given)
      ? canonicalJson(wanted) === canonicalJson(given)
      : typeof given === 'string' && fitsText(wanted, given);
  if (wanted === null || given === null || typeof wanted !== 'object' || typeof given !== 'object')
    return wanted === given;
  if (Array.isArray(wanted) !== Array.isArray(given)) return false;
  const [one, other] = [wanted, given] as JsonObject[];
  const names = new Set([...Object.keys(one ?? {}), ...Object.keys(other ?? {})]);
  return [...names].every((name) => fits(one?.[name], other?.[name]));
}

/** Whether the literal parts stand in the text, in their order, from its beginning to its end. */
function fitsText({ join }: Joined, text: string): boolean {
  let at = 0;
  for (const [index, part] of join.entries()) {
    if (typeof part !== 'string') continue;
    const isLast = index === join.length - 1;
    const found = isLast ? text.length - part.length : text.indexOf(part, at);
    if (found < at || !text.startsWith(part, found) || (index === 0 && found > 0)) return false;
    at = found + part.length;
  }
  return typeof join.at(-1) !== 'string' || at === text.length;
}

export function isReference(value: Json): value is Json & Reference {
  if (!isObject(value) || typeof value['$'] !== 'string') return false;
  const { length } = Object.keys(value);
  return length === 1 || (length === 2 && isObject(value['ast'] ?? null));
}

/** Whether the value is text with expressions in it. */
export function isJoined(value: Json): value is Json & Joined {
  return isObject(value) && Object.keys(value).length === 1 && Array.isArray(value['join']);
}

/** Whether the value, or a part of its text, is known only later. */
export function isOpen(value: Json): boolean {
  return isReference(value) || isJoined(value);
}

/**
 * Puts values in the place of expressions, everywhere in the template.
 * @throws Unresolved
 */
export function resolve(template: Json, scope: JsonObject): Json {
  return replaced(template, scope, (reference, reasons) => {
    throw new Unresolved(reference.$, reasons);
  });
}

/** The same, but what is not known yet stays as it is: for showing what a step will do. */
export function resolveKnown(template: Json, scope: JsonObject): Json {
  return replaced(template, scope, (reference) => reference as unknown as Json);
}

type Unknowns = (reference: Reference, reasons?: readonly Reason[]) => Json;

function replaced(template: Json, scope: JsonObject, unknown: Unknowns): Json {
  if (isReference(template)) {
    if (template.ast === undefined) return unknown(template);
    const outcome = evaluate(template as Expression, scope);
    return 'value' in outcome ? outcome.value : unknown(template, outcome.unknown);
  }
  if (isJoined(template)) return joined(template, scope, unknown);
  if (Array.isArray(template)) return template.map((item) => replaced(item, scope, unknown));
  if (!isObject(template)) return template;
  return Object.fromEntries(
    Object.entries(template).map(([key, value]) => [key, replaced(value, scope, unknown)]),
  );
}

/** One text, or what is known of it when a part is not. */
function joined({ join }: Joined, scope: JsonObject, unknown: Unknowns): Json {
  const parts = join.map((part) => {
    if (typeof part === 'string') return part;
    const value = replaced(part as unknown as Json, scope, unknown);
    if (isReference(value)) return value;
    const text = textOf(value);
    return text instanceof Wrong
      ? unknown(part, [{ at: part.ast.at, kind: 'error', text: `${part.$}: ${text.why}` }])
      : text;
  });
  return parts.every((part) => typeof part === 'string') ? parts.join('') : { join: parts };
}

/** Every name that expressions in the template read, dotted. */
export function referencesIn(template: Json): string[] {
  if (isReference(template)) return template.ast ? namesIn(template.ast) : [];
  if (Array.isArray(template)) return template.flatMap(referencesIn);
  return isObject(template) ? Object.values(template).flatMap(referencesIn) : [];
}

/** Where values stand among the arguments of a program. Absent: nowhere. */
export interface ValuePlaces {
  /** Arguments that begin with a value. */
  given?: number[];
  /** Arguments in which a value stands behind text of the runbook. */
  partly?: number[];
}

export function valuePlaces(list: readonly Json[]): ValuePlaces {
  const at = (isWanted: (item: Json) => boolean) =>
    list.flatMap((item, place) => (isWanted(item) ? [place] : []));
  const begins = (item: Json): boolean =>
    isReference(item) || (isJoined(item) && typeof item.join[0] !== 'string');
  const given = at(begins);
  const partly = at((item) => isJoined(item) && !begins(item));
  return { ...(given.length > 0 ? { given } : {}), ...(partly.length > 0 ? { partly } : {}) };
}
