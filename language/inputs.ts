import { canBeKept, isExact, parseJson, type Json, type JsonObject } from './json.js';
import { durationMs, longestDuration, longestDurationMs } from './duration.js';
import { resolve, Unresolved } from './reference.js';
import { instantForm, inUtc, readInstant } from './instant.js';
import type { InputSpec, ItemSpec } from './runbook.js';
import { isWhole } from './whole-text.js';

/** Why an input was refused: what is wrong, and what to do. */
interface InputProblem {
  type: 'Refused';
  message: string;
  next: string;
  /** The declared input that it is about. */
  input?: string;
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
 * @param facts what expressions in defaults know of targets
 */
export function resolveInputs(
  spec: Readonly<Record<string, InputSpec>>,
  given: JsonObject,
  targets: readonly TargetChoice[],
  facts: JsonObject = {},
): ResolvedInputs {
  const problems: InputProblem[] = [];
  const refuse = (message: string, next: string, input?: string): void =>
    void problems.push({
      ...{ type: 'Refused', message, next },
      ...(input === undefined ? {} : { input }),
    });
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
    const value = Object.hasOwn(given, name) ? given[name] : defaultOf(input, inputs, facts);
    if (value === undefined || value === null) {
      if (!input.optional)
        refuse(
          `input ${name} is missing: ${input.description}`,
          `Add --input ${name}=${example(input, targets)}`,
          name,
        );
      continue;
    }
    const read = readInput(input, value, targets);
    if ('wrong' in read) refuse(`input ${name} ${read.wrong}`, read.next, name);
    else inputs[name] = read.value;
  }
  return problems.length > 0 ? { ok: false, problems } : { ok: true, inputs };
}

/** Undefined when there is none, or it is made of inputs that are not given. */
function defaultOf(input: InputSpec, inputs: JsonObject, facts: JsonObject): Json | undefined {
  if (input.computed === undefined) return input.default as Json | undefined;
  try {
    return resolve(input.computed, { inputs, ...facts });
  } catch (error) {
    if (error instanceof Unresolved) return undefined;
    throw error;
  }
}

type Read = { value: Json } | { wrong: string; next: string };

/** One value as what is declared; text is read as it, and nothing else is coerced. */
export function readInput(input: InputSpec, value: Json, targets: readonly TargetChoice[]): Read {
  const read = readAs(input, value, targets);
  if ('wrong' in read || canBeKept(read.value)) return read;
  return {
    wrong:
      'holds a character that cannot be kept, NUL or half of a surrogate pair: ' +
      `${JSON.stringify(value).slice(0, 80)}`,
    next: 'Give it without that character.',
  };
}

function readAs(input: InputSpec, value: Json, targets: readonly TargetChoice[]): Read {
  if (typeof value === 'string' && /^(env|file|command):/.test(value)) {
    return {
      wrong: 'must not name a secret provider',
      next: 'Secrets are named in secrets.yaml, on the workers.',
    };
  }
  const shown = JSON.stringify(value).slice(0, 80);
  switch (input.type) {
    case 'target':
      return readTarget(input.kind, value, targets);
    case 'text': {
      if (typeof value !== 'string')
        return { wrong: `must be text, not ${shown}`, next: 'Put it in quotes.' };
      if (value.length > (input.maxLength ?? 1_000))
        return {
          wrong: `is longer than ${input.maxLength ?? 1_000} characters`,
          next: 'Shorten it.',
        };
      const fits = input.pattern === undefined || isWhole(input.pattern, value);
      if (fits === true) return { value };
      if (fits !== false)
        return {
          wrong: `cannot be compared with ${input.pattern}: ${fits.why}`,
          next: 'Tell the owners of the runbook: its pattern is at fault, not what you gave.',
        };
      return {
        wrong: `does not match ${input.pattern}: ${shown}`,
        next: `Give what matches as a whole: ${input.description}`,
      };
    }
    case 'integer':
    case 'number': {
      const isNumber = typeof value === 'string' && /^-?\d+(\.\d+)?$/.test(value);
      if (input.type === 'number' && isNumber && !isExact(value))
        return {
          wrong: `would be rounded: ${shown}`,
          next:
            'Give fewer digits. A number that needs them ' +
            'all is a text: the runbook declares it so.',
        };
      const number = isNumber ? Number(value) : value;
      if (
        typeof number !== 'number' ||
        (input.type === 'integer' && !Number.isSafeInteger(number))
      ) {
        return {
          wrong:
            `must be ${input.type === 'integer' ? 'a whole number' : 'a number'}, not ` +
            `${shown}`,
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
      if (typeof value === 'string' && (durationMs(value) ?? Infinity) <= longestDurationMs)
        return { value };
      return {
        wrong: `must be a duration, not ${shown}`,
        next: `For example 250ms, 30s, 5m or 1h30m, and at most ${longestDuration}.`,
      };
    case 'instant': {
      const { or = [] } = input;
      if (typeof value === 'string' && or.includes(value)) return { value };
      const text = typeof value === 'string' ? value : '';
      const read = readInstant(text);
      if ('micros' in read) return { value: inUtc(text) };
      return {
        wrong: `must be a point in time, and ${shown} ${read.wrong}`,
        next:
          `Write it as ${[instantForm, ...or].join(' or ')}, ` +
          'with up to six digits after the second.',
      };
    }
    case 'choice':
      if (typeof value === 'string' && input.options.includes(value)) return { value };
      return {
        wrong: `must be one of ${input.options.join(', ')}, not ${shown}`,
        next: input.description,
      };
    case 'list':
      return readList(input, value, targets);
    case 'object': {
      const read = typeof value === 'string' && value.startsWith('{') ? jsonOf(value) : value;
      if (read !== null && typeof read === 'object' && !Array.isArray(read)) return { value: read };
      return {
        wrong: `must be an object, not ${shown}`,
        next: 'Write JSON, or use --inputs-file.',
      };
    }
  }
}

function readTarget(
  kind: string | readonly string[],
  value: Json,
  targets: readonly TargetChoice[],
): Read {
  const kinds = [kind].flat();
  const fitting = namesOf(kinds, targets);
  if (typeof value === 'string' && fitting.includes(value)) return { value };
  const shown = JSON.stringify(value).slice(0, 80);
  const other = targets.find((target) => target.name === value);
  return {
    wrong: other
      ? `names ${shown}, a target of kind ${other.kind}, not ${kinds.join(' or ')}`
      : `names ${shown}, which is no target`,
    next:
      fitting.length > 0
        ? `Targets of kind ${kinds.join(' or ')}: ${fitting.join(', ')}.`
        : `Declare one of kind ${kinds.join(' or ')} in targets.yaml.`,
  };
}

function namesOf(kinds: readonly string[], targets: readonly TargetChoice[]): string[] {
  return targets.filter(({ kind }) => kinds.includes(kind)).map(({ name }) => name);
}

/** Items at most: each may become a step. */
const itemsAtMost = 1_000;

function readList(
  input: ItemSpec & { description: string },
  value: Json,
  targets: readonly TargetChoice[],
): Read {
  if (input.of === 'target' && value === 'all')
    return { value: namesOf([input.kind ?? []].flat(), targets) };
  const given = typeof value === 'string' ? [value] : value;
  if (!Array.isArray(given) || given.length > itemsAtMost)
    return {
      wrong: `must be a list of at most ${itemsAtMost}, not ${JSON.stringify(value).slice(0, 80)}`,
      next: 'Give it once for each item: --input name=a --input name=b.',
    };
  const items: Json[] = [];
  for (const [at, item] of given.entries()) {
    const read = readItem(input, item, targets);
    if ('wrong' in read)
      return { wrong: `has an item ${at + 1} that ${read.wrong}`, next: read.next };
    items.push(read.value);
  }
  return { value: items };
}

function readItem(
  { of, ...input }: ItemSpec & { description: string },
  item: Json,
  targets: readonly TargetChoice[],
): Read {
  if (of === undefined) return { value: item };
  if (typeof of === 'string') return readInput({ ...input, type: of } as InputSpec, item, targets);
  const known = typeof item === 'string' && item.startsWith('{') ? jsonOf(item) : item;
  if (known === null || typeof known !== 'object' || Array.isArray(known))
    return { wrong: 'is no object', next: input.description };
  const other = Object.keys(known).find((name) => !Object.hasOwn(of, name));
  if (other !== undefined)
    return { wrong: `has a field ${other}`, next: `Its fields: ${Object.keys(of).join(', ')}.` };
  const fields: JsonObject = {};
  for (const [name, type] of Object.entries(of)) {
    const read = readInput(
      { type, description: input.description } as InputSpec,
      known[name] ?? null,
      targets,
    );
    if ('wrong' in read)
      return { wrong: `has a field ${name} that ${read.wrong}`, next: read.next };
    fields[name] = read.value;
  }
  return { value: fields };
}

/** The text itself when it is no JSON. */
function jsonOf(text: string): Json {
  try {
    return parseJson(text);
  } catch {
    return text;
  }
}

/** Names of the targets that an input chooses, one or several. */
export function targetsChosen(input: InputSpec, value: Json | undefined): string[] {
  if (!isOfTargets(input)) return [];
  return [value ?? []].flat().filter((each) => typeof each === 'string');
}

/** Whether an input chooses targets. */
export function isOfTargets(input: InputSpec): boolean {
  return input.type === 'target' || (input.type === 'list' && input.of === 'target');
}

function example(input: InputSpec, targets: readonly TargetChoice[]): string {
  switch (input.type) {
    case 'target':
      return namesOf([input.kind].flat(), targets)[0] ?? 'TARGET';
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
    case 'list':
      return input.of === 'target'
        ? (namesOf([input.kind ?? []].flat(), targets)[0] ?? 'TARGET')
        : 'ITEM';
    case 'object':
      return '{}';
  }
}
