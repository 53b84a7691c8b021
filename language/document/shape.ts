import type { z } from 'zod';
import type { Json, JsonObject } from '../json.js';
import { field } from '../objects.js';
import { nearest } from '../nearest.js';
import { actions, controls } from './kinds.js';
import type { Place, Places } from './place.js';
import { problemAt, replacing, type Problem, type Said } from './problem.js';
import { fieldsAt } from './schema/json-schema.js';
import { ruled, unruled } from './schema/ruled.js';

type Issue = z.core.$ZodIssue;

/** What a document must look like, and what its parts are called in messages. */
export interface Shape {
  schema: z.ZodType;
  /** What the whole is, such as `a runbook`. */
  what: string;
}

/** Every place where the data is not of the shape. */
export function shapeProblems(data: JsonObject, places: Places, shape: Shape): Problem[] {
  const parsed = shape.schema.safeParse(withoutExtensions(data, places), { error: inWords });
  if (parsed.success) return [];
  return parsed.error.issues.flatMap((issue) => problemsOf(issue, data, places, shape));
}

/** The fields `x-…` hold what other programs need: they are kept, and nothing is said of them. */
function withoutExtensions(data: JsonObject, places: Places): JsonObject {
  const kept = Object.fromEntries(Object.entries(data).filter(([key]) => !key.startsWith('x-')));
  return places.copy(data, kept);
}

function problemsOf(issue: Issue, data: JsonObject, places: Places, shape: Shape): Problem[] {
  if (issue.code === 'invalid_union') {
    const inner = likeliest(issue);
    if (inner)
      return inner.flatMap((each) =>
        problemsOf({ ...each, path: [...issue.path, ...each.path] }, data, places, shape),
      );
  }
  const found = at(data, places, issue.path);
  if (issue.code === 'unrecognized_keys')
    return issue.keys.map((key) =>
      unknownField(key, found, places, fieldsAt(shape.schema, issue.path)),
    );
  const missing = found.missing;
  const said: Said =
    missing !== undefined && issue.code !== 'custom'
      ? {
          rule: 'field-missing',
          message: `${nameOf(found.container, shape.what)} needs ${missing}`,
        }
      : told(issue, found);
  return [problemAt(found.place, said)];
}

function told(issue: Issue, found: Found): Said {
  const { rule, message, hint } = unruled(issue.message);
  const field = rule === 'shape' && found.key !== undefined ? `${found.key} ` : '';
  return { rule, message: `${field}${message}`, hint };
}

/**
 * Of the forms that a value may have, the one that it was meant to be: the only one whose type it
 * has.
 */
function likeliest(issue: Extract<Issue, { code: 'invalid_union' }>): Issue[] | undefined {
  const forms = issue.errors.filter(
    (errors) => !errors.some(({ code, path }) => code === 'invalid_type' && path.length === 0),
  );
  const [only] = forms;
  if (forms.length === 1 && only) return only;
  // One of them knows the rule that was broken.
  return [...forms, ...issue.errors].find((errors) =>
    errors.some(({ message }) => message.startsWith('\u0001')),
  );
}

interface Found {
  place: Place;
  /** The list or object that the problem is about, or in. */
  container: Json;
  key?: string;
  /** Name of the field that is not there. */
  missing?: string;
}

/** Follows the path of an issue as far as the data goes. */
function at(data: JsonObject, places: Places, path: readonly PropertyKey[]): Found {
  let container: Json = data;
  let found: Found = { place: head(data, places), container };
  for (const key of path) {
    const name = String(key);
    if (typeof container !== 'object' || container === null) return found;
    if (!Object.hasOwn(container, name)) return { ...found, container, missing: name };
    const inner = (container as JsonObject)[name] as Json;
    const named = Array.isArray(container) ? found.key : name;
    found = {
      place: places.of(container, name),
      container: inner,
      ...(named === undefined ? {} : { key: named }),
    };
    container = inner;
    if (typeof inner === 'object' && inner !== null && !Array.isArray(inner))
      found.place = path.at(-1) === key ? found.place : head(inner, places);
  }
  return found;
}

/** Where an object is shown: at its first field, which names it. */
export function head(container: JsonObject, places: Places): Place {
  const [first] = Object.keys(container);
  if (first === undefined) return places.self(container);
  const [name, value] = [places.nameOf(container, first), places.of(container, first)];
  return value.style === 'plain' && value.end > name.start ? { ...name, end: value.end } : name;
}

function nameOf(container: Json, what: string): string {
  if (typeof container !== 'object' || container === null || Array.isArray(container)) return what;
  const { id, case: name } = container;
  if (typeof id === 'string') return `step ${id}`;
  if (typeof name === 'string') return `case ${name}`;
  return Object.hasOwn(container, 'steps') ? what : 'it';
}

/** Fields by the words of other tools and of older forms. */
const others: Readonly<Record<string, string>> = {
  name: 'id',
  run: 'script',
  // eslint-disable-next-line no-restricted-syntax -- a word of other tools
  shell: 'script',
  cmd: 'command',
  argv: 'command',
  exec: 'command',
  if: 'when',
  condition: 'when',
  retries: 'retry',
  attempts: 'retry',
  summary: 'description',
  owners: 'owner',
  inputs: 'with',
  items: 'forEach',
  loop: 'forEach',
  depends_on: 'when',
  needs: 'when',
  rescue: 'onFailure',
  catch: 'onFailure',
  finally: 'temporary',
  instructions: 'manual',
  approvers: 'approval',
};

function unknownField(
  key: string,
  { place, container }: Found,
  places: Places,
  known: readonly string[],
): Problem {
  const inside = container as JsonObject;
  const meant = otherWord(key, known) ?? nearest(key, known);
  const name = Object.hasOwn(inside, key) ? places.nameOf(inside, key) : place;
  const free = meant !== undefined && !Object.hasOwn(inside, meant);
  return problemAt(name, {
    rule: 'unknown-field',
    message: `there is no field ${key} here`,
    hint: meant === undefined ? doneByStep(key, known) : `did you mean ${meant}?`,
    fix: free && nearest(key, known) === meant ? replacing(name, meant) : undefined,
  });
}

/** A case, or a group, does nothing itself: the steps in it do. */
function doneByStep(key: string, known: readonly string[]): string | undefined {
  const isKind = ([...actions, ...controls] as readonly string[]).includes(key);
  return isKind && known.includes('steps')
    ? `a step does that: steps: [{ id: …, ${key}: … }]`
    : undefined;
}

function otherWord(key: string, known: readonly string[]): string | undefined {
  const word = field(others, key);
  return word !== undefined && known.includes(word) ? word : undefined;
}

/** What is wrong with a value, in plain words; undefined: as the schema says it. */
function inWords(issue: z.core.$ZodRawIssue): string | undefined {
  switch (issue.code) {
    case 'invalid_type':
      return `must be ${withArticle(issue.expected)}`;
    case 'invalid_value':
      return choice(issue.values.map(String), issue.input);
    case 'invalid_union':
      return 'has none of the forms that it may have';
    case 'too_small':
      return issue.minimum === 1 && issue.origin !== 'number'
        ? 'must not be empty'
        : `must be at least ${issue.minimum}`;
    case 'too_big':
      return `must be at most ${issue.maximum}${issue.origin === 'string' ? ' characters' : ''}`;
    default:
      return undefined;
  }
}

function choice(values: readonly string[], input: unknown): string {
  const meant = nearest(String(input), values);
  const listed = values.length > 1 ? `one of ${values.join(', ')}` : (values[0] ?? '');
  return meant === undefined
    ? `must be ${listed}`
    : ruled('shape', `must be ${listed}`, `did you mean ${meant}?`);
}

function withArticle(expected: string): string {
  const names: Record<string, string> = {
    ...{
      string: 'text',
      record: 'a map',
      object: 'a map',
      array: 'a list',
      boolean: 'true or false',
    },
    ...{ int: 'a whole number', number: 'a number' },
  };
  return names[expected] ?? expected;
}
