import { evaluate } from './expression/evaluate.js';
import { hasFailed } from './facts.js';
import type { Json, JsonObject } from './json.js';
import { resolve, type Scope } from './reference.js';
import type { StepSpec } from './runbook.js';
import { judgeWhen } from './work.js';

/*
 * What a `forEach` goes through. The run and the worker share this code, so that both see the same
 * items, under the same names.
 */

/** One round of a `forEach`. */
export interface Item {
  /** Names it in paths. */
  key: string;
  value: Json;
}

/** The value is no list that a loop can go through. */
export class NoItems extends Error {}

/** An item becomes part of paths. */
const keyPattern = /^[^/\s][^/\n]{0,199}$/;
const keyRule = 'at most 200 characters and without a slash';

/** The items, in order. @throws Unresolved, NoItems */
export function itemsOf(spec: StepSpec, scope: Scope): Item[] {
  const list = resolve(spec.items ?? [], scope);
  if (!Array.isArray(list)) throw new NoItems(`step ${spec.id} needs a list`);
  const items = list.map((value) => ({ key: keyOf(spec, withItem(spec, scope, value)), value }));
  const seen = new Set<string>();
  for (const { key } of items) {
    if (seen.has(key)) throw wrongKey(spec, `two are called ${JSON.stringify(key)}`);
    seen.add(key);
  }
  return items;
}

function keyOf(spec: StepSpec, scope: Scope): string {
  const outcome = spec.key ? evaluate(spec.key, scope) : { value: scope['item'] ?? null };
  if (!('value' in outcome)) throw wrongKey(spec, outcome.unknown[0]?.text ?? 'one is not known');
  const key = typeof outcome.value === 'number' ? String(outcome.value) : outcome.value;
  if (typeof key === 'string' && keyPattern.test(key)) return key;
  throw wrongKey(spec, `one is ${JSON.stringify(key).slice(0, 80)}`);
}

function wrongKey({ id, key }: StepSpec, found: string): NoItems {
  const what = key ? `keys (${key.$})` : 'texts, or a `key` that makes such texts of them';
  return new NoItems(`step ${id} needs a list of different ${what}, each ${keyRule}: ${found}`);
}

/** What the steps of a round know. */
export function withItem({ as }: StepSpec, scope: Scope, item: Json): Scope {
  return { ...scope, item, ...(as === undefined ? {} : { [as]: item }) };
}

/** How many items may fail. Undefined: a failed step is handled as it is outside of loops. */
export function mayFail({ maxFailures }: StepSpec, items: number): number | undefined {
  return typeof maxFailures === 'string'
    ? Math.floor((items * Number.parseInt(maxFailures, 10)) / 100)
    : maxFailures;
}

/**
 * Whether no further item is needed.
 * @param last what the steps of the last round that went well know at its end
 */
export function isEnough({ stopWhen }: StepSpec, last: Scope | undefined): boolean {
  return stopWhen !== undefined && last !== undefined && judgeWhen(stopWhen, last) === true;
}

/** What became of one round; without outputs, it has failed. */
export interface Round {
  key: string;
  outputs?: JsonObject;
}

/** The output of a `forEach`. */
export function outputOfRounds({ steps = [] }: StepSpec, rounds: readonly Round[]): JsonObject {
  const items = rounds.map(({ key, outputs }): JsonObject => {
    if (!outputs) return { key, ok: false };
    const own = steps.map(({ id }): [string, Json] => [id, outputs[id] ?? null]);
    return { key, ok: !own.some(([, each]) => hasFailed(each)), ...Object.fromEntries(own) };
  });
  const last = items.filter((_item, at) => rounds[at]?.outputs).at(-1);
  return { items, ...(last ? { last } : {}) };
}
