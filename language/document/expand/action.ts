import type { Json, JsonObject } from '../../json.js';
import { field, isObject } from '../../objects.js';
import { isAction, kindOf, type Kind } from '../kinds.js';
import type { Place } from '../place.js';
import { textIn, type Draft } from './draft.js';
import { expectations } from './expect.js';
import { targetOf } from './target.js';
import type { Values } from './values.js';

/*
 * The fields of an action, in steps, undos, verifications and named actions alike.
 */

/** How often and how long, where nothing is said. */
const defaults = {
  every: '5s',
  timeout: '1m',
  retry: { attempts: 3, initialInterval: '1s', backoff: 2, maxInterval: '30s' },
} as const;

type Write = (values: Values, value: Json, place: Place) => Json;
const asIs: Write = (_values, value) => value;
const template: Write = (values, value, place) => values.template(value, place);
const deep: Write = (values, value, place) => values.deep(value, place);
const expression: Write = (values, value, place) => values.expression(value, place);
const record: Write = (values, value) =>
  values.record(value, (each, place) => values.template(each, place));
const list: Write = (values, value, place) => {
  const long = values.deep(value, place);
  return typeof long === 'string' || (isObject(long) && Object.hasOwn(long, 'join'))
    ? [long]
    : long;
};

/** How each field is written, in the order of the long form. */
const writers: Readonly<Record<string, Write>> = {
  command: (values, value, place) => values.words(value, place),
  script: asIs,
  sql: statements,
  http: asIs,
  notify: template,
  use: asIs,
  with: deep,
  traffic: asIs,
  analysis: list,
  rollout: asIs,
  // eslint-disable-next-line no-restricted-syntax -- the field of a script
  shell: asIs,
  args: deep,
  stdin: template,
  cwd: template,
  files: asIs,
  parse: asIs,
  identifiers: record,
  literals: record,
  transaction: asIs,
  isolation: asIs,
  statementTimeout: template,
  lockTimeout: template,
  address: asIs,
  params: record,
  query: record,
  headers: record,
  body: deep,
  idempotencyKey: template,
  to: list,
  fields: deep,
  servers: deep,
  limit: asIs,
  baseline: list,
  versions: deep,
  window: asIs,
  patience: asIs,
  limits: deep,
  before: deep,
  expected: deep,
  deployment: template,
  state: deep,
  image: template,
  replicas: template,
  since: template,
};

/** Fields that say when it has been done well. */
const judges: Readonly<Record<string, Write>> = {
  expect: expectations,
  outputs: outputsOf,
  until: expression,
  failWhen: expression,
  inconclusiveWhen: expression,
  every: asIs,
  for: asIs,
  consecutive: asIs,
  idempotent: asIs,
};

/** Statements; their texts are never searched for expressions. */
function statements(values: Values, value: Json): Json {
  if (!Array.isArray(value)) return value;
  const { places } = values;
  const long = value.map((each) => {
    const own = isObject(each) ? field(each, 'values') : undefined;
    if (!isObject(each) || own === undefined) return each;
    return places.copy(each, { ...each, values: values.deep(own, places.of(each, 'values')) });
  });
  return places.copy(value, long);
}

/** Outputs of a step: each with its expression. */
export function outputsOf(values: Values, value: Json): Json {
  return values.record(value, (each, place) => {
    const isTyped = isObject(each) && Object.hasOwn(each, 'value');
    if (!isTyped) return wrapped(values, values.expression(each, place), place);
    const long = values.places.copy(each, { ...each });
    long['value'] = values.expression(each['value'] ?? null, values.places.of(each, 'value'));
    return long;
  });
}

function wrapped(values: Values, value: Json, place: Place): Json {
  const long = { value };
  values.places.setSelf(long, place);
  values.places.set(long, 'value', place);
  return long;
}

/** Where an action stands: what it takes from around it, and what it cannot be without. */
export interface Standing {
  /** Fields of the groups around it, or of the step that it undoes or verifies. */
  inherited: JsonObject;
  /** What it is where nothing is said. */
  effect?: 'read';
  /** A verification is polled for a minute. */
  isVerify?: true;
}

const inheritable = ['target', 'runsOn', 'credentials', 'env'] as const;

/** Writes the fields of an action that say where it is done: `target`, `runsOn` and their like. */
export function putWhere(draft: Draft, values: Values, step: JsonObject, standing: Standing): void {
  const kind = kindOf(step);
  for (const key of inheritable) {
    const own = field(step, key);
    const around = field(standing.inherited, key);
    const takes = isAction(kind) && kind !== 'notify' && (key !== 'env' || runsPrograms(kind));
    if (own !== undefined) draft.keep(key, whereValue(values, step, key, own, around));
    else if (around !== undefined && takes)
      draft.put(key, around, values.places.of(standing.inherited, key));
  }
}

function runsPrograms(kind: Kind | undefined): boolean {
  return kind === 'command' || kind === 'script';
}

function whereValue(
  values: Values,
  step: JsonObject,
  key: string,
  own: Json,
  around: Json | undefined,
): Json {
  const place = values.places.of(step, key);
  if (key === 'target' || key === 'runsOn') return targetOf(values, own, place);
  const long = values.deep(own, place);
  if (key !== 'env' || !isObject(long) || !isObject(around)) return long;
  const both = values.places.copy(around, { ...around });
  values.places.copy(long, both);
  return Object.assign(both, long);
}

/** Writes what an action does, and when it has been done well. */
export function putAction(
  draft: Draft,
  values: Values,
  step: JsonObject,
  standing: Standing,
): void {
  const { places } = values;
  for (const [key, write] of Object.entries(writers)) {
    const value = field(step, key);
    if (value === undefined) continue;
    if (key === 'sql') putSql(draft, values, step);
    else if (key === 'with') putWith(draft, values, step);
    else draft.keep(key, write(values, value, places.of(step, key)));
  }
  if (!Object.hasOwn(step, 'sql')) draft.keep('values', field(step, 'values'));
  if (!Object.hasOwn(step, 'with')) putWith(draft, values, step);
  putEffect(draft, values, step, standing);
  for (const [key, write] of Object.entries(judges)) {
    const value = field(step, key);
    if (value !== undefined) draft.keep(key, write(values, value, places.of(step, key)));
  }
  const isPoll = Object.hasOwn(step, 'until') || standing.isVerify === true;
  if (isPoll && isAction(kindOf(step)) && !Object.hasOwn(step, 'every'))
    draft.put('every', defaults.every, places.self(step));
}

function putSql(draft: Draft, values: Values, step: JsonObject): void {
  const { places } = values;
  const given = field(step, 'sql') ?? null;
  const place = places.of(step, 'sql');
  if (typeof given !== 'string') {
    draft.keep('sql', statements(values, given));
    draft.keep('values', field(step, 'values'));
    return;
  }
  const one: JsonObject = { text: given };
  places.setSelf(one, place);
  places.set(one, 'text', place);
  const own = field(step, 'values');
  if (own !== undefined) {
    one['values'] = values.deep(own, places.of(step, 'values'));
    places.set(one, 'values', places.of(step, 'values'), places.nameOf(step, 'values'));
  }
  const all = [one];
  places.setSelf(all, place);
  places.set(all, 0, place);
  draft.keep('sql', all);
}

/** `pass: [a]` is `with: { a: ${inputs.a} }`. */
function putWith(draft: Draft, values: Values, step: JsonObject): void {
  const { places } = values;
  const given = field(step, 'with');
  const pass = field(step, 'pass');
  const long = given === undefined ? undefined : values.deep(given, places.of(step, 'with'));
  if (!Array.isArray(pass)) {
    draft.keep('with', long);
    return;
  }
  const both: JsonObject = {};
  if (isObject(long)) places.copy(long, Object.assign(both, long));
  else places.setSelf(both, places.of(step, 'pass'));
  for (const [at, name] of pass.entries()) {
    if (typeof name !== 'string' || Object.hasOwn(both, name)) continue;
    const place = places.of(pass, at);
    both[name] = values.expression(`inputs.${name}`, place);
    places.set(both, name, place, place);
  }
  draft.put('with', both, places.of(step, given === undefined ? 'pass' : 'with'));
}

/** The effect of an action that does not say it, where something else says it. */
function impliedEffect(step: JsonObject): 'read' | 'change' | undefined {
  const kind = kindOf(step);
  switch (kind) {
    case 'sql':
    case 'analysis':
      return 'read';
    case 'http':
      return /^(GET|HEAD) /.test(textIn(step, 'http')) ? 'read' : undefined;
    case 'notify':
      return 'change';
    case 'traffic':
      return field(step, 'traffic') === 'observe' ? 'read' : undefined;
    case 'rollout':
      return ['observe', 'compare', 'follow', 'watch'].includes(textIn(step, 'rollout'))
        ? 'read'
        : undefined;
    default:
      return undefined;
  }
}

function putEffect(draft: Draft, values: Values, step: JsonObject, standing: Standing): void {
  const own = field(step, 'effect');
  const kind = kindOf(step);
  if (own !== undefined) draft.keep('effect', own);
  if (own !== undefined || !isAction(kind)) return;
  const around = field(standing.inherited, 'effect');
  if (around === 'read')
    draft.put('effect', 'read', values.places.of(standing.inherited, 'effect'));
  else if (kind !== 'use') {
    const implied = impliedEffect(step) ?? standing.effect;
    if (kind !== undefined) draft.put('effect', implied, values.places.of(step, kind));
  }
}

/** Writes how often and how long. */
export function putTries(draft: Draft, values: Values, step: JsonObject, standing: Standing): void {
  const { places } = values;
  const { inherited, isVerify } = standing;
  const kind = kindOf(step);
  const retry = field(step, 'retry');
  if (retry !== undefined) draft.keep('retry', retryOf(values, retry, places.of(step, 'retry')));
  else if (isAction(kind) && field(inherited, 'retry') !== undefined)
    draft.put(
      'retry',
      retryOf(values, field(inherited, 'retry') ?? null, places.of(inherited, 'retry')),
      places.of(inherited, 'retry'),
    );
  else if (draft.data['effect'] === 'read' && kind !== 'use' && !isVerify)
    draft.put(
      'retry',
      draft.data['onFailure'] === 'capture' ? { attempts: 1 } : { ...defaults.retry },
      places.self(step),
    );
  const timeout = field(step, 'timeout');
  const around = field(inherited, 'timeout');
  if (timeout !== undefined)
    draft.keep('timeout', values.template(timeout, places.of(step, 'timeout')));
  else if (isAction(kind) && around !== undefined)
    draft.put(
      'timeout',
      values.template(around, places.of(inherited, 'timeout')),
      places.of(inherited, 'timeout'),
    );
  else if (isAction(kind) && (isVerify || !Object.hasOwn(step, 'until')))
    draft.put('timeout', defaults.timeout, places.self(step));
}

function retryOf(values: Values, retry: Json, place: Place): Json {
  if (typeof retry === 'number') {
    const long: JsonObject = retry === 1 ? { attempts: 1 } : { ...defaults.retry, attempts: retry };
    values.places.setSelf(long, place);
    return long;
  }
  if (!isObject(retry)) return retry;
  const { attempts } = retry;
  const long = attempts === 1 ? { ...retry } : { ...defaults.retry, ...retry };
  return values.places.copy(retry, long);
}
