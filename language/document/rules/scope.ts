import { compile, type Names, type ObjectType, type Type } from '../../expression/index.js';
import { isList, isSame } from '../../expression/types.js';
import type { Json, JsonObject } from '../../json.js';
import { field, isObject } from '../../objects.js';
import { textIn } from '../expand/draft.js';
import { kindOf } from '../kinds.js';
import { runType, type Types } from './types.js';

/*
 * What expressions may name, and what it is: the type of a step follows from what it does.
 */

/** The names that stand at some place. */
export interface Scope {
  inputs: Type;
  steps: Readonly<Record<string, Type>>;
  /** The item of the loops around, by its names. */
  items: Readonly<Record<string, Type>>;
  target: Type;
}

/** What every step has, whatever it does; or what only groups have. */
export const reserved: readonly string[] = [
  ...['ok', 'failed', 'state', 'error', 'case', 'items', 'last'],
];

type Fields = Record<string, Type>;

const everyStep: Fields = {
  ...{ ok: 'boolean', failed: 'boolean', state: 'text' },
  error: { fields: { type: 'text', message: 'text' }, called: 'field' },
};

/** The names of a scope, as the checker of expressions takes them. */
export function namesOf({ inputs, steps, items, target }: Scope, more: Names = {}): Names {
  return {
    inputs,
    steps: { fields: steps, called: 'step' },
    ...{ now: 'timestamp', run: runType, target },
    ...items,
    ...more,
  };
}

const answers: Readonly<Record<string, Fields>> = {
  command: { exitCode: 'integer', stdout: 'text', stderr: 'text' },
  script: { exitCode: 'integer', stdout: 'text', stderr: 'text' },
  http: { status: 'integer', json: 'dyn', text: 'text', headers: { map: 'text' } },
  notify: { sent: 'dyn' },
  wait: { event: 'dyn' },
  succeed: {},
  fail: {},
  undoNow: {},
};

const parsedAs: Readonly<Record<string, Fields>> = {
  json: { json: 'dyn' },
  jsonl: { lines: { list: 'dyn' } },
  lines: { lines: { list: 'text' } },
  table: { table: { list: { map: 'text' } } },
  pairs: { pairs: { map: 'text' } },
};

/** What an action answers; null where that is not known. */
function answerOf(step: JsonObject, types: Types): Fields | null {
  const kind = kindOf(step);
  const { sql, action } = step;
  if (Object.hasOwn(step, 'branch')) return { case: caseType(step) };
  if (kind === 'use') {
    if (!isObject(action)) return null;
    const outputs = field(action, 'outputs');
    return isObject(outputs) ? types.record(outputs, 'output').fields : answerOf(action, types);
  }
  if (kind === 'sql') {
    const fields: Fields = { rows: { list: 'dyn' }, row: 'dyn', count: 'integer' };
    for (const each of Array.isArray(sql) ? sql : [])
      if (isObject(each) && typeof each['as'] === 'string') fields[each['as']] = { list: 'dyn' };
    return fields;
  }
  const usual = kind !== undefined && field(answers, kind);
  const parse = textIn(step, 'parse');
  return usual ? { ...usual, ...(Object.hasOwn(parsedAs, parse) ? parsedAs[parse] : {}) } : null;
}

/** What `out` is in a step. */
export function outType(step: JsonObject, types: Types): Type {
  const fields = answerOf(step, types);
  return fields ? { fields, called: 'field' } : 'dyn';
}

function caseType(step: JsonObject): Type {
  const ids = casesOf(step).map((each) => textIn(each, 'case'));
  return ids.length > 0 ? { choice: ids } : 'text';
}

/** The cases of a branch, those of branches in cases too. */
function casesOf(step: JsonObject): JsonObject[] {
  const cases = field(step, 'branch');
  const own = Array.isArray(cases) ? cases.filter(isObject) : [];
  return own.flatMap((each) => (Object.hasOwn(each, 'branch') ? casesOf(each) : [each]));
}

/** What others read of a step. `inner` are the types of the steps inside. */
export function stepType(
  step: JsonObject,
  scope: Scope,
  inner: Fields,
  types: Types,
  nested: (id: string) => JsonObject | null,
): Type {
  const own = outputTypes(step, scope, types);
  const fields = insideOf(step, { own, inner, scope, types, nested });
  return fields === null ? 'dyn' : { fields: { ...everyStep, ...fields }, called: 'output' };
}

interface Inside {
  own: Fields | null;
  inner: Fields;
  scope: Scope;
  types: Types;
  nested: (id: string) => JsonObject | null;
}

function insideOf(step: JsonObject, { own, inner, scope, types, nested }: Inside): Fields | null {
  switch (kindOf(step)) {
    case 'steps':
    case 'parallel':
      return { ...inner, ...own };
    case 'branch':
      return { ...inner, ...own, case: caseType(step) };
    case 'forEach': {
      const item: ObjectType = {
        fields: { ...inner, key: 'text', ok: 'boolean' },
        called: 'field',
      };
      return {
        ...own,
        items: { list: item },
        last: { fields: { ...everyStep, ...inner }, called: 'output' },
      };
    }
    case 'set':
      return expressionTypes(field(step, 'set'), namesOf(scope));
    case 'manual':
    case 'approval': {
      const approval = field(step, 'approval');
      const asked = isObject(approval) ? field(approval, 'questions') : undefined;
      const answered = field(step, 'answers');
      const given = isObject(answered) ? types.record(answered, 'output').fields : {};
      const answer = types.record(isObject(asked) ? asked : {}, 'field');
      return { ...own, ...given, answer, by: 'text', reason: 'text' };
    }
    case 'runbook': {
      const document = nested(textIn(step, 'runbook'));
      const outputs = document && field(document, 'outputs');
      if (!document) return null;
      const names = isObject(outputs ?? undefined) ? Object.keys(outputs as JsonObject) : [];
      return { ...own, ...Object.fromEntries(names.map((name) => [name, 'dyn' as const])) };
    }
    default:
      return own ?? answerOf(step, types);
  }
}

/** The types of the outputs that a step chooses; null when it chooses none. */
export function outputTypes(step: JsonObject, scope: Scope, types: Types): Fields | null {
  const outputs = field(step, 'outputs');
  if (!isObject(outputs)) return null;
  const names = namesOf(scope, { out: outType(step, types) });
  return Object.fromEntries(
    Object.entries(outputs).map(([name, each]) => {
      if (!isObject(each)) return [name, 'dyn' as const];
      const declared = Object.hasOwn(each, 'type') ? types.of(each) : undefined;
      return [name, declared ?? typeOf(field(each, 'value') ?? null, names)];
    }),
  );
}

function expressionTypes(expressions: Json | undefined, names: Names): Fields {
  if (!isObject(expressions)) return {};
  return Object.fromEntries(
    Object.entries(expressions).map(([name, each]) => [name, typeOf(each, names)]),
  );
}

/** The type of a value in long form; `dyn` when it is not known. */
export function typeOf(value: Json, names: Names): Type {
  if (typeof value === 'string') return 'text';
  if (typeof value === 'boolean') return 'boolean';
  if (typeof value === 'number') return Number.isInteger(value) ? 'integer' : 'number';
  if (Array.isArray(value)) return { list: sameType(value.map((each) => typeOf(each, names))) };
  if (!isObject(value)) return 'dyn';
  const { $: source } = value;
  if (Object.hasOwn(value, 'join')) return 'text';
  if (typeof source !== 'string') return 'dyn';
  const compiled = compile(source, names);
  return 'type' in compiled ? compiled.type : 'dyn';
}

/** What an item of a loop is. */
export function itemType(forEach: Json, names: Names): Type {
  const type = typeOf(forEach, names);
  return isList(type) ? type.list : 'dyn';
}

/** The type that all of them have; where they differ, anything. */
function sameType([first, ...others]: Type[]): Type {
  if (first === undefined) return 'dyn';
  return others.every((each) => isSame(each, first)) ? first : 'dyn';
}

/** Fields of several objects as those of one; where they differ, anything may be there. */
export function merged(all: readonly Fields[]): Fields {
  const fields: Fields = {};
  for (const each of all)
    for (const [name, type] of Object.entries(each)) {
      const known = fields[name];
      fields[name] = known === undefined || isSame(known, type) ? type : 'dyn';
    }
  return fields;
}
