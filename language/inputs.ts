import type { Json, JsonObject } from './json.js';
import { durationMs } from './duration.js';
import { instantForm, inUtc, readInstant } from './instant.js';
import type { InputSpec } from './runbook.js';

/** Why an input was refused: what is wrong, and what to do. */
interface InputProblem {
  type: 'Refused';
  message: string;
  next: string;
}

/** A target as inputs see it. */
export interface TargetChoice {
  name: string;
  kind: string;
}

export type ResolvedInputs =
  { ok: true; inputs: JsonObject } | { ok: false; problems: InputProblem[] };

/**
 * Checks all inputs of a start before anything begins, and reports every problem. Text from a
 * command line is read as the declared type (`5`, `true`); nothing else is coerced.
 */
export function resolveInputs(
  spec: Readonly<Record<string, InputSpec>>,
  given: JsonObject,
  targets: readonly TargetChoice[],
): ResolvedInputs {
  const problems: InputProblem[] = [];
  const refuse = (message: string, next: string): void =>
    void problems.push({ type: 'Refused', message, next });
  const inputs: JsonObject = {};
  const names = Object.keys(spec);

  for (const name of Object.keys(given)) {
    if (!Object.hasOwn(spec, name))
      refuse(
        `there is no input ${JSON.stringify(name)}`,
        `Its inputs are: ${names.join(', ') || 'none'}.`,
      );
  }
  for (const [name, input] of Object.entries(spec)) {
    const value = Object.hasOwn(given, name) ? given[name] : input.default;
    if (value === undefined || value === null) {
      if (!input.optional)
        refuse(
          `input ${name} is missing: ${input.description}`,
          `Add --input ${name}=${example(input, targets)}`,
        );
      continue;
    }
    const read = readInput(input, value, targets);
    if ('wrong' in read) refuse(`input ${name} ${read.wrong}`, read.next);
    else inputs[name] = read.value;
  }
  return problems.length > 0 ? { ok: false, problems } : { ok: true, inputs };
}

type Read = { value: Json } | { wrong: string; next: string };

function readInput(input: InputSpec, value: Json, targets: readonly TargetChoice[]): Read {
  if (typeof value === 'string' && /^(env|file|command):/.test(value)) {
    return {
      wrong: 'must not name a secret provider',
      next: 'Secrets are named in secrets.yaml, on the workers.',
    };
  }
  const shown = JSON.stringify(value).slice(0, 80);
  switch (input.type) {
    case 'target': {
      const fitting = targets
        .filter((target) => target.kind === input.kind)
        .map((target) => target.name);
      if (typeof value === 'string' && fitting.includes(value)) return { value };
      const other = targets.find((target) => target.name === value);
      const wrong = other
        ? `names ${shown}, a target of kind ${other.kind}, not ${input.kind}`
        : `names ${shown}, which is no target`;
      return {
        wrong,
        next:
          fitting.length > 0
            ? `Targets of kind ${input.kind}: ${fitting.join(', ')}.`
            : `Declare one of kind ${input.kind} in targets.yaml.`,
      };
    }
    case 'text': {
      if (typeof value !== 'string')
        return { wrong: `must be text, not ${shown}`, next: 'Put it in quotes.' };
      if (value.length > (input.maxLength ?? 1_000))
        return {
          wrong: `is longer than ${input.maxLength ?? 1_000} characters`,
          next: 'Shorten it.',
        };
      if (input.pattern !== undefined && !new RegExp(input.pattern).test(value)) {
        return { wrong: `does not match ${input.pattern}: ${shown}`, next: input.description };
      }
      return { value };
    }
    case 'integer':
    case 'number': {
      const number =
        typeof value === 'string' && /^-?\d+(\.\d+)?$/.test(value) ? Number(value) : value;
      if (
        typeof number !== 'number' ||
        (input.type === 'integer' && !Number.isSafeInteger(number))
      ) {
        return {
          wrong: `must be ${input.type === 'integer' ? 'a whole number' : 'a number'}, not ${shown}`,
          next: input.description,
        };
      }
      if (number < (input.minimum ?? -Infinity) || number > (input.maximum ?? Infinity)) {
        return {
          wrong: `must be from ${input.minimum ?? '-∞'} to ${input.maximum ?? '∞'}, not ${number}`,
          next: input.description,
        };
      }
      return { value: number };
    }
    case 'boolean': {
      const truth = value === 'true' ? true : value === 'false' ? false : value;
      return typeof truth === 'boolean'
        ? { value: truth }
        : { wrong: `must be true or false, not ${shown}`, next: input.description };
    }
    case 'duration':
      if (typeof value === 'string' && durationMs(value) !== undefined) return { value };
      return {
        wrong: `must be a duration, not ${shown}`,
        next: 'For example 250ms, 30s, 5m or 1h30m.',
      };
    case 'instant': {
      const { or = [] } = input;
      if (typeof value === 'string' && or.includes(value)) return { value };
      const text = typeof value === 'string' ? value : '';
      const read = readInstant(text);
      if ('micros' in read) return { value: inUtc(text) };
      return {
        wrong: `must be a point in time, and ${shown} ${read.wrong}`,
        next: `Write it as ${[instantForm, ...or].join(' or ')}, with up to six digits after the second.`,
      };
    }
    case 'choice':
      if (typeof value === 'string' && input.options.includes(value)) return { value };
      return {
        wrong: `must be one of ${input.options.join(', ')}, not ${shown}`,
        next: input.description,
      };
  }
}

function example(input: InputSpec, targets: readonly TargetChoice[]): string {
  switch (input.type) {
    case 'target':
      return targets.find((target) => target.kind === input.kind)?.name ?? 'TARGET';
    case 'choice':
      return input.options[0] ?? 'CHOICE';
    case 'duration':
      return '5m';
    case 'instant':
      return input.or?.[0] ?? instantForm;
    case 'boolean':
      return 'true';
    case 'integer':
    case 'number':
      return String(input.minimum ?? 1);
    case 'text':
      return 'TEXT';
  }
}
