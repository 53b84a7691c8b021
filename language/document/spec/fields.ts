import type { Condition } from '../../condition.js';
import { durationMs } from '../../duration.js';
import type { Json, JsonObject } from '../../json.js';
import { field, isObject } from '../../objects.js';
import type { StepSpec } from '../../runbook.js';

/* Small readers and makers of the long form and of the engine's steps. */

export function group(
  id: string,
  title: string,
  steps: readonly StepSpec[],
  more: Partial<StepSpec> = {},
): StepSpec {
  return { ...more, ...grouped({ id, title, ...more }, 'group', steps) };
}

export function grouped(
  own: Pick<StepSpec, 'id' | 'title'> & Partial<StepSpec>,
  kind: StepSpec['kind'],
  steps: readonly StepSpec[],
): StepSpec {
  const effects = steps.map(({ effect }) => effect);
  const largest = (['destroy', 'change'] as const).find((each) => effects.includes(each));
  return { ...own, kind, effect: largest ?? 'read', steps };
}

export function retryOf(retry: JsonObject): NonNullable<StepSpec['retry']> {
  const { attempts, initialInterval, backoff, maxInterval } = retry;
  const ms = (value: Json | undefined): number | undefined =>
    typeof value === 'string' ? durationMs(value) : undefined;
  const [initialMs, maxMs] = [ms(initialInterval), ms(maxInterval)];
  return {
    attempts: Number(attempts),
    ...(initialMs === undefined ? {} : { initialMs }),
    ...(typeof backoff === 'number' ? { factor: backoff } : {}),
    ...(maxMs === undefined ? {} : { maxMs }),
  };
}

export function told(expectation: JsonObject, condition: Condition): JsonObject {
  const { message, hint } = expectation;
  return {
    condition: condition as unknown as JsonObject,
    otherwise: typeof message === 'string' ? message : 'the step did not answer as expected',
    ...(typeof hint === 'string' ? { next: hint } : {}),
  };
}

export function rootsIn(template: JsonObject): string[] {
  const text = JSON.stringify(template);
  return [...text.matchAll(/"\$":"([A-Za-z_]\w*)/g)].map(([, root]) => root ?? '');
}

export function isExpression(value: Json | undefined): value is JsonObject & { $: string } {
  return value !== undefined && isObject(value) && typeof value['$'] === 'string';
}

export function objectIn(from: JsonObject, key: string): JsonObject {
  const value = field(from, key);
  return value !== undefined && isObject(value) ? value : {};
}

export function listIn(from: JsonObject, key: string): readonly Json[] {
  const value = field(from, key);
  return Array.isArray(value) ? value : [];
}

export function listOrOne(value: Json | undefined): Json[] {
  if (value === undefined) return [];
  return Array.isArray(value) ? value : [value];
}

export function textOf(value: Json | undefined): string {
  return typeof value === 'string' ? value : '';
}

/** The type of an input as a plan has it. @param word for it in a file */
export function typeOfInput(word: string): string {
  return word === 'time' ? 'instant' : word;
}

export function minutesOf(duration: Json | undefined): number {
  const ms = typeof duration === 'string' ? durationMs(duration) : undefined;
  return ms === undefined ? defaultMinutes : Math.max(1, Math.round(ms / 60_000));
}

export function inWords(id: string): string {
  const words = id.replaceAll('_', ' ');
  return words.charAt(0).toUpperCase() + words.slice(1);
}

const defaultMinutes = 10;
