import type { Json, JsonObject } from './json.js';
import { isObject } from './objects.js';
import type { Plan } from './plan.js';
import { referencesIn } from './reference.js';
import type { StepSpec } from './runbook.js';

/*
 * How a step went, as expressions read it: `steps.x.ok`, `.failed`, `.state`, `.error`. The run and
 * the worker share this code.
 */

/** What every step has, whatever it answers. */
const factNames: readonly string[] = ['ok', 'failed', 'state', 'error'];

/** Ids of the steps of which expressions of a plan ask how they went. */
export type LookedAt = ReadonlySet<string>;

const known = new WeakMap<readonly StepSpec[], LookedAt>();

export function lookedAt({ steps, outputs = {} }: Pick<Plan, 'steps' | 'outputs'>): LookedAt {
  const before = known.get(steps);
  if (before) return before;
  const names = referencesIn([steps, outputs] as unknown as Json).map((name) => name.split('.'));
  const ids = names.flatMap((parts) =>
    parts.filter((_id, at) => at > 0 && factNames.includes(parts[at + 1] ?? '')),
  );
  const found = new Set(ids);
  known.set(steps, found);
  return found;
}

/**
 * What later steps see of a step: what it has answered, and how it went where they ask. A step that
 * has answered nothing was not needed, or people went on without it: how it went is unknown, too.
 */
export function seen(spec: StepSpec, output: Json, looked: LookedAt): Json {
  if (!looked.has(spec.id) || !isObject(output)) return output;
  const failure = failureIn(spec, output);
  if (!failure) return { ok: true, failed: false, state: 'succeeded', ...output };
  return { ok: false, failed: true, state: 'failed', ...failure, ...output };
}

/** The first failure in it that was an answer; null: there is none. */
export function failureIn(spec: StepSpec, output: Json | undefined): JsonObject | null {
  if (output === undefined || !isObject(output)) return null;
  const { kind, steps } = spec;
  if (!steps) return hasFailed(output) ? errorOf(output) : null;
  if (kind !== 'forEach') return failureAmong(steps, output);
  for (const item of listIn(output['items'])) {
    const failure = failureAmong(steps, item);
    if (failure) return failure;
    if (isObject(item) && item['ok'] === false) return {};
  }
  return null;
}

function failureAmong(steps: readonly StepSpec[], outputs: Json): JsonObject | null {
  if (!isObject(outputs)) return null;
  for (const step of steps) {
    const failure = failureIn(step, outputs[step.id]);
    if (failure) return failure;
  }
  return null;
}

function errorOf({ error }: JsonObject): JsonObject {
  return error === undefined ? {} : { error };
}

/** Whether its failure is an answer. */
export function isCaptured({ onFailure }: StepSpec): boolean {
  return onFailure === 'capture' || onFailure === 'end';
}

/** Whether a step, or one inside the group, has failed, and its failure was its answer. */
export function hasFailed(output: Json): boolean {
  return isObject(output) && output['failed'] === true;
}

function listIn(value: Json | undefined): Json[] {
  return Array.isArray(value) ? value : [];
}
