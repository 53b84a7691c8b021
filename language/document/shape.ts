import type { z } from 'zod';
import type { Json, JsonObject } from '../json.js';
import { field } from '../objects.js';
import { nearest } from '../nearest.js';
import { actions, controls } from './kinds.js';
import type { Place, Places } from './place.js';
import { problemAt, replacing, type Problem, type Said } from './problem.js';
import { fieldsAt } from './schema/json-schema.js';
import { unruled } from './schema/ruled.js';
import { examples, inWords, otherFields } from './shape-words.js';

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
  // What is wrong is the name of the field, and not its value.
  if (issue.code === 'invalid_key') {
    const [place, name] = [nameAt(data, places, issue.path), issue.path.at(-1)];
    return [problemAt(place ?? found.place, told(issue, { ...found, key: String(name) }))];
  }
  if (issue.code === 'unrecognized_keys')
    return issue.keys.map((key) =>
      unknownField(key, found, places, fieldsAt(shape.schema, issue.path)),
    );
  const missing = found.missing;
  const said: Said =
    missing === undefined || issue.code === 'custom'
      ? told(issue, found)
      : lacking(missing, nameOf(found, data, shape.what));
  return [problemAt(found.place, said)];
}

function lacking(missing: string, what: string): Said {
  if (missing === 'case')
    return {
      rule: 'field-missing',
      message: 'each case of a branch needs a name',
      hint: 'write case: and a word for it; the last one may have no when',
    };
  return { rule: 'field-missing', message: `${what} needs ${missing}` };
}

function told(issue: Issue, found: Found): Said {
  const { rule, message, hint } = unruled(issue.message);
  const { key } = found;
  const isOne = typeof issue.path.at(-1) === 'number';
  const name = rule === 'shape' && key !== undefined ? `${isOne ? 'each of ' : ''}${key} ` : '';
  const isType = issue.code === 'invalid_type' || issue.code === 'invalid_union';
  const example =
    key !== undefined && isType ? exampleOf(key, isOne, issue.path.slice(-2, -1)) : undefined;
  return { rule, message: `${name}${message}`, hint: hint ?? example };
}

/** An input, and an answer, is called as it is in its map. */
function exampleOf(
  key: string,
  isOne: boolean,
  [around]: readonly PropertyKey[],
): string | undefined {
  if (around !== undefined && ['inputs', 'answers', 'questions'].includes(String(around)))
    return `write ${key}: { type: text, description: … }`;
  if (isOne && !['steps', 'parallel', 'branch'].includes(key)) return undefined;
  return field(examples, key);
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

function nameAt(data: JsonObject, places: Places, path: readonly PropertyKey[]): Place | undefined {
  const { container } = at(data, places, path.slice(0, -1));
  const name = String(path.at(-1));
  const isThere = typeof container === 'object' && container !== null;
  return isThere && !Array.isArray(container) ? places.nameOf(container, name) : undefined;
}

/** Where an object is shown: at its first field, which names it. */
export function head(container: JsonObject, places: Places): Place {
  const [first] = Object.keys(container);
  if (first === undefined) return places.self(container);
  const [name, value] = [places.nameOf(container, first), places.of(container, first)];
  return value.style === 'plain' && value.end > name.start ? { ...name, end: value.end } : name;
}

/** What a field is missing from. */
function nameOf({ container, key }: Found, document: JsonObject, what: string): string {
  if (container === document) return what;
  if (typeof container !== 'object' || container === null || Array.isArray(container)) return what;
  const { id, case: name } = container;
  if (typeof id === 'string') return `step ${id}`;
  if (typeof name === 'string') return `case ${name}`;
  return key ?? 'it';
}

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
  const word = field(otherFields, key);
  return word !== undefined && known.includes(word) ? word : undefined;
}
