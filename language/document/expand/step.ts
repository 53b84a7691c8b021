import type { Json, JsonObject } from '../../json.js';
import { field, isObject } from '../../objects.js';
import { isAction, isGroup, kindOf } from '../kinds.js';
import type { Place } from '../place.js';
import { outputsOf, putAction, putTries, putWhere, type Standing } from './action.js';
import { Draft, textIn } from './draft.js';
import { targetOf } from './target.js';
import type { Values } from './values.js';

/*
 * A step in long form: nothing is left to be taken from what is around it.
 */

/** Fields of a group that are defaults for what is inside. */
const passedOn = [
  ...['target', 'runsOn', 'credentials', 'effect', 'env', 'onFailure', 'timeout', 'retry'],
] as const;

/** Of those, what a group keeps: they say something of the group itself, too. */
const kept: readonly string[] = ['effect', 'onFailure'];

/** What steps take from around them. */
export interface Around {
  /** Defaults of the groups, in long form. */
  defaults: JsonObject;
  /** Whether the step stands in the document itself. */
  isTop: boolean;
  /** Inserts a named action, in long form; undefined when there is none of that name. */
  action(id: string): JsonObject | undefined;
  /** The only target input of a kind; undefined when there is none or more than one. */
  onlyTarget(kinds: readonly string[]): string | undefined;
}

/** The steps of a list, in long form. */
export function longSteps(values: Values, steps: Json, around: Around): Json {
  if (!Array.isArray(steps)) return steps;
  const long = steps.map((each) => (isObject(each) ? longStep(values, each, around) : each));
  return values.places.copy(steps, long);
}

/** A step, in long form. */
function longStep(values: Values, step: JsonObject, around: Around): JsonObject {
  const { places } = values;
  const draft = new Draft(places, step);
  const kind = kindOf(step);
  const standing: Standing = { inherited: around.defaults };
  draft.keep('id', field(step, 'id'));
  const id = field(step, 'id');
  if (Object.hasOwn(step, 'title')) draft.keep('title', field(step, 'title'));
  else if (!around.isTop && typeof id === 'string')
    draft.put('title', inWords(id), places.of(step, 'id'));
  draft.keep('note', field(step, 'note'));
  if (kind !== undefined) draft.put('kind', kind, places.of(step, kind), places.nameOf(step, kind));
  expressionField(draft, values, step, 'when');
  if (!isGroup(kind)) putWhere(draft, values, step, standing);
  putImplicitTarget(draft, values, step, around);
  putOnFailure(draft, values, step, around);
  putAction(draft, values, step, standing);
  putInserted(draft, values, step, around);
  putTries(draft, values, step, isGroup(kind) ? { inherited: {} } : standing);
  if (isGroup(kind)) for (const key of passedOn) if (!kept.includes(key)) delete draft.data[key];
  if (field(step, 'softTimeout') !== undefined)
    draft.keep(
      'softTimeout',
      values.template(field(step, 'softTimeout') ?? null, places.of(step, 'softTimeout')),
    );
  putControl(draft, values, step, around);
  const own = { inherited: draft.data };
  const undo = field(step, 'undo');
  if (undo !== undefined)
    draft.keep('undo', isObject(undo) ? longUndo(values, undo, own, around) : undo);
  const verify = field(step, 'verify');
  if (verify !== undefined)
    draft.keep('verify', isObject(verify) ? longVerify(values, verify, own, around) : verify);
  const approval = field(step, 'approval');
  if (approval !== undefined)
    draft.keep('approval', isObject(approval) ? longApproval(values, approval) : approval);
  for (const key of ['pointOfNoReturn', 'temporary']) draft.keep(key, field(step, key));
  return withExtras(draft, step);
}

/** What nothing here knows is kept: the shape has told it. */
function withExtras(draft: Draft, step: JsonObject): JsonObject {
  for (const key of Object.keys(step))
    if (!Object.hasOwn(draft.data, key) && !known.has(key)) draft.keep(key, field(step, key));
  return draft.data;
}

/** Fields that the long form has in another place. */
const known = new Set<string>(['pass', ...passedOn, 'values']);

function inWords(id: string): string {
  const words = id.replaceAll('_', ' ');
  return words.charAt(0).toUpperCase() + words.slice(1);
}

function expressionField(draft: Draft, values: Values, from: JsonObject, key: string): void {
  const value = field(from, key);
  if (value !== undefined) draft.keep(key, values.expression(value, values.places.of(from, key)));
}

function putImplicitTarget(draft: Draft, values: Values, step: JsonObject, around: Around): void {
  if (Object.hasOwn(draft.data, 'target')) return;
  const kind = kindOf(step);
  if (kind === undefined) return;
  const needed = neededKinds(step, around);
  const only = needed && around.onlyTarget(needed);
  if (only !== undefined)
    draft.put(
      'target',
      targetOf(values, only, values.places.of(step, kind)),
      values.places.of(step, kind),
    );
}

/** The kinds of target of which an action needs one. */
function neededKinds(step: JsonObject, around: Around): string[] | undefined {
  switch (kindOf(step)) {
    case 'sql':
      return ['postgres'];
    case 'rollout':
      return ['cluster'];
    case 'use': {
      const action = around.action(textIn(step, 'use'));
      const kinds = action && field(action, 'targetKind');
      if (typeof kinds === 'string') return [kinds];
      return Array.isArray(kinds) ? kinds.map(String) : undefined;
    }
    default:
      return undefined;
  }
}

function putOnFailure(draft: Draft, values: Values, step: JsonObject, around: Around): void {
  const own = field(step, 'onFailure');
  const inherited = field(around.defaults, 'onFailure');
  const kind = kindOf(step);
  if (own !== undefined) draft.keep('onFailure', own);
  else if (inherited !== undefined && kind !== 'approval')
    draft.put('onFailure', inherited, values.places.of(around.defaults, 'onFailure'));
  else if (isAction(kind)) draft.put('onFailure', 'ask', values.places.self(step));
}

/** The named action, where the step stands that uses it. */
function putInserted(draft: Draft, values: Values, step: JsonObject, around: Around): void {
  const id = field(step, 'use');
  const given = field(step, 'action');
  if (given !== undefined) draft.keep('action', given);
  else if (typeof id === 'string') {
    const place = values.places.of(step, 'use');
    draft.put('action', around.action(id), place, place);
  }
}

function longUndo(values: Values, undo: JsonObject, own: Standing, around: Around): JsonObject {
  const draft = new Draft(values.places, undo);
  const kind = kindOf(undo);
  draft.keep('title', field(undo, 'title'));
  if (kind !== undefined) draft.put('kind', kind, values.places.of(undo, kind));
  expressionField(draft, values, undo, 'when');
  const standing = { inherited: whereOf(values, own.inherited) };
  putWhere(draft, values, undo, standing);
  putImplicitTarget(draft, values, undo, around);
  draft.keep('none', field(undo, 'none'));
  for (const key of ['manual', 'runbook'])
    if (Object.hasOwn(undo, key))
      draft.keep(key, values.template(field(undo, key) ?? null, values.places.of(undo, key)));
  putAction(draft, values, undo, standing);
  putInserted(draft, values, undo, around);
  putTries(draft, values, undo, standing);
  return withExtras(draft, undo);
}

function longVerify(values: Values, verify: JsonObject, own: Standing, around: Around): JsonObject {
  const draft = new Draft(values.places, verify);
  const kind = kindOf(verify);
  if (kind !== undefined) draft.put('kind', kind, values.places.of(verify, kind));
  const standing: Standing = {
    inherited: whereOf(values, own.inherited),
    effect: 'read',
    isVerify: true,
  };
  putWhere(draft, values, verify, standing);
  putImplicitTarget(draft, values, verify, around);
  putAction(draft, values, verify, standing);
  putInserted(draft, values, verify, around);
  putTries(draft, values, verify, standing);
  draft.keep('proves', field(verify, 'proves'));
  return withExtras(draft, verify);
}

/** What an undo or a verification takes from its step. */
function whereOf(values: Values, step: JsonObject): JsonObject {
  const taken = Object.fromEntries(
    ['target', 'runsOn', 'credentials', 'env']
      .filter((key) => Object.hasOwn(step, key))
      .map((key) => [key, step[key] ?? null]),
  );
  return values.places.copy(step, taken);
}

/** A named action by itself: it takes nothing from around it. */
export function longAction(values: Values, action: JsonObject, around: Around): JsonObject {
  const draft = new Draft(values.places, action);
  const kind = kindOf(action);
  for (const key of ['action', 'title', 'note', 'targetKind']) draft.keep(key, field(action, key));
  if (kind !== undefined) draft.put('kind', kind, values.places.of(action, kind));
  const inputs = field(action, 'inputs');
  if (inputs !== undefined) draft.keep('inputs', longInputs(values, inputs));
  putWhere(draft, values, action, { inherited: {} });
  putAction(draft, values, action, { inherited: {} });
  putTries(draft, values, action, { inherited: {} });
  const undo = field(action, 'undo');
  if (undo !== undefined)
    draft.keep(
      'undo',
      isObject(undo) ? longUndo(values, undo, { inherited: draft.data }, around) : undo,
    );
  return withExtras(draft, action);
}

/** Inputs; a default may be made of inputs before it. */
export function longInputs(values: Values, inputs: Json): Json {
  return values.record(inputs, (input) => {
    if (!isObject(input) || !Object.hasOwn(input, 'default')) return input;
    const long = values.places.copy(input, { ...input });
    long['default'] = values.deep(input['default'] ?? null, values.places.of(input, 'default'));
    return long;
  });
}

function longApproval(values: Values, approval: JsonObject): JsonObject {
  const { places } = values;
  const draft = new Draft(places, approval);
  draft.keep('by', roles(values, field(approval, 'by'), places.of(approval, 'by')));
  expressionField(draft, values, approval, 'when');
  for (const key of ['evidence', 'confirm', 'deadline'])
    if (Object.hasOwn(approval, key))
      draft.keep(key, values.deep(field(approval, key) ?? null, places.of(approval, key)));
  draft.keep('onDeadline', field(approval, 'onDeadline'));
  draft.keep('questions', field(approval, 'questions'));
  expressionField(draft, values, approval, 'expect');
  return withExtras(draft, approval);
}

/** `dba` is `[dba]`. */
export function roles(values: Values, by: Json | undefined, place: Place): Json | undefined {
  if (typeof by !== 'string') return by;
  const list = [by];
  values.places.setSelf(list, place);
  values.places.set(list, 0, place);
  return list;
}

/** The fields of steps that are no actions. */
function putControl(draft: Draft, values: Values, step: JsonObject, around: Around): void {
  const { places } = values;
  const inner = (): Around => ({
    ...around,
    isTop: false,
    defaults: defaultsOf(values, step, around),
  });
  const deep = (key: string): Json => values.deep(field(step, key) ?? null, places.of(step, key));
  for (const key of Object.keys(step)) {
    const value = field(step, key) ?? null;
    switch (key) {
      case 'steps':
      case 'parallel':
        draft.keep(key, longSteps(values, value, inner()));
        break;
      case 'branch':
        draft.keep(key, longCases(values, value, inner()));
        break;
      case 'forEach':
      case 'runbook':
      case 'manual':
      case 'evidence':
        draft.keep(key, deep(key));
        break;
      case 'wait':
        draft.keep(key, isObject(value) ? deep(key) : value);
        break;
      case 'key':
      case 'stopWhen':
        expressionField(draft, values, step, key);
        break;
      case 'by':
        draft.keep(key, roles(values, value, places.of(step, key)));
        break;
      case 'set':
        draft.keep(
          key,
          values.record(value, (each, place) => values.expression(each, place)),
        );
        break;
      case 'succeed':
      case 'fail':
        draft.keep(key, told(values, value, places.of(step, key)));
        break;
      case 'failFast':
      case 'as':
      case 'concurrency':
      case 'maxFailures':
      case 'choose':
      case 'mode':
      case 'checklist':
      case 'answers':
      case 'attachments':
      case 'undoNow':
        draft.keep(key, value);
        break;
      default:
    }
  }
}

/** `succeed: text` is `succeed: { message: text }`. */
function told(values: Values, value: Json, place: Place): Json {
  const { places } = values;
  if (!isObject(value) || Object.hasOwn(value, '$') || Object.hasOwn(value, 'join')) {
    const made = { message: values.template(value, place) };
    places.setSelf(made, place);
    places.set(made, 'message', place);
    return made;
  }
  const draft = new Draft(places, value);
  expressionField(draft, values, value, 'when');
  if (Object.hasOwn(value, 'message'))
    draft.keep(
      'message',
      values.template(field(value, 'message') ?? null, places.of(value, 'message')),
    );
  draft.keep('hint', field(value, 'hint'));
  return withExtras(draft, value);
}

function longCases(values: Values, cases: Json, around: Around): Json {
  if (!Array.isArray(cases)) return cases;
  const { places } = values;
  const long = cases.map((each) => {
    if (!isObject(each)) return each;
    const draft = new Draft(places, each);
    for (const key of ['case', 'title', 'note']) draft.keep(key, field(each, key));
    expressionField(draft, values, each, 'when');
    for (const key of Object.keys(each)) {
      const value = field(each, key) ?? null;
      if (key === 'steps') draft.keep(key, longSteps(values, value, around));
      else if (key === 'branch') draft.keep(key, longCases(values, value, around));
      else if (key === 'succeed') draft.keep(key, told(values, value, places.of(each, key)));
      else if (key === 'outputs') draft.keep(key, outputsOf(values, value));
      else if (key === 'by') draft.keep(key, roles(values, value, places.of(each, key)));
    }
    return withExtras(draft, each);
  });
  return places.copy(cases, long);
}

/** What the steps of a group take from it and from around it. */
function defaultsOf(values: Values, group: JsonObject, around: Around): JsonObject {
  const { places } = values;
  const defaults = places.copy(around.defaults, { ...around.defaults });
  const where = new Draft(places, group);
  putWhere(where, values, group, { inherited: around.defaults });
  for (const key of passedOn) {
    const own = field(group, key);
    if (own === undefined || (key === 'effect' && own !== 'read')) continue;
    defaults[key] = field(where.data, key) ?? own;
    places.set(defaults, key, places.of(group, key), places.nameOf(group, key));
  }
  return defaults;
}
