import type { Json, JsonObject } from '../../json.js';
import { field, isObject } from '../../objects.js';
import type { Library } from '../library.js';
import type { Places } from '../place.js';
import type { Problem } from '../problem.js';
import type { Written } from '../read.js';
import { Draft, textsIn } from './draft.js';
import { longAction, longInputs, longSteps, roles, type Around } from './step.js';
import { Values } from './values.js';

/*
 * From what people write to the one long form. What is in long form already stays as it is.
 */

/** A document in long form: its data, and for each part of it the place that it was made of. */
export interface Expanded {
  data: JsonObject;
  places: Places;
  problems: Problem[];
}

/**
 * A runbook, a part or a named action in long form. What the shape refuses stays as it is written.
 */
export function expand(written: Written, library: Library): Expanded {
  const problems: Problem[] = [];
  const values = new Values(written.places, problems);
  const { data } = written;
  const around = aroundOf(values, data, library);
  const long =
    Object.hasOwn(data, 'action') && !Object.hasOwn(data, 'steps')
      ? longAction(values, data, around)
      : longRunbook(values, data, around, library);
  return { data: long, places: written.places, problems };
}

/** The named action in long form, as it is inserted where it is used. */
function insertedAction(library: Library, id: string, places: Places): JsonObject | undefined {
  const written = library.action(id);
  if (!written) return undefined;
  // Its mistakes are told where it is linted itself.
  const values = new Values(written.places, []);
  const { action: _id, ...long } = longAction(values, written.data, aroundOf(values, {}, library));
  adopt(places, written.places, long);
  return long;
}

/** Makes the places of a tree known to another document's. */
function adopt(to: Places, from: Places, value: Json): void {
  if (typeof value !== 'object' || value === null) return;
  to.setSelf(value, from.self(value));
  for (const [key, inner] of Object.entries(value)) {
    to.set(value, key, from.of(value, key), from.nameOf(value, key));
    adopt(to, from, inner);
  }
}

function aroundOf(values: Values, document: JsonObject, library: Library): Around {
  const defaults: JsonObject = {};
  if (field(document, 'effect') === 'read') {
    defaults['effect'] = 'read';
    values.places.set(defaults, 'effect', values.places.of(document, 'effect'));
  }
  const actions = new Map<string, JsonObject | undefined>();
  const targets = targetInputs(document, library);
  return {
    defaults,
    isTop: true,
    action: (id) => {
      if (!actions.has(id)) actions.set(id, insertedAction(library, id, values.places));
      return actions.get(id);
    },
    onlyTarget: (kinds) => {
      const fitting = targets.filter(({ kind }) => kinds.includes(kind));
      return fitting.length === 1 ? fitting[0]?.name : undefined;
    },
  };
}

/** Inputs that are one target of one kind, those of input groups too. */
function targetInputs(document: JsonObject, library: Library): { name: string; kind: string }[] {
  const own = field(document, 'inputs');
  return [...groupsOf(document, library), ...(isObject(own) ? [own] : [])].flatMap((inputs) =>
    Object.entries(inputs).flatMap(([name, input]) =>
      isObject(input) && input['type'] === 'target' && typeof input['kind'] === 'string'
        ? [{ name, kind: input['kind'] }]
        : [],
    ),
  );
}

function groupsOf(document: JsonObject, library: Library): JsonObject[] {
  const groups = library.shared('inputGroups');
  return textsIn(document, 'inputGroups').flatMap((name) => {
    const group = groups.get(name);
    return group ? [group.data] : [];
  });
}

function longRunbook(
  values: Values,
  data: JsonObject,
  around: Around,
  library: Library,
): JsonObject {
  const { places } = values;
  const draft = new Draft(places, data);
  for (const key of Object.keys(data)) {
    const value = field(data, key) ?? null;
    switch (key) {
      case 'inputGroups':
      case 'inputs':
        if (!Object.hasOwn(draft.data, 'inputs')) putInputs(draft, values, data, library);
        break;
      case 'steps':
        draft.keep(key, longSteps(values, value, around));
        break;
      case 'prerequisites':
      case 'verify': {
        const inner = { ...around, defaults: readDefaults(values, around, key) };
        draft.keep(key, longSteps(values, value, inner));
        break;
      }
      case 'outputs':
        draft.keep(
          key,
          values.record(value, (each, place) => values.expression(each, place)),
        );
        break;
      case 'standingApproval':
        draft.keep(key, isObject(value) ? longStanding(values, value) : value);
        break;
      default:
        draft.keep(key, value);
    }
  }
  return draft.data;
}

/** What is asked before the run reads, unless it says otherwise; a verification may write. */
function readDefaults(values: Values, { defaults }: Around, section: string): JsonObject {
  if (section === 'verify') return defaults;
  const read: JsonObject = { ...defaults, effect: 'read' };
  return values.places.copy(defaults, read);
}

function putInputs(draft: Draft, values: Values, data: JsonObject, library: Library): void {
  const { places } = values;
  const own = field(data, 'inputs');
  const inputs: JsonObject = {};
  places.setSelf(inputs, places.of(data, own === undefined ? 'inputGroups' : 'inputs'));
  const groups = library.shared('inputGroups');
  for (const name of textsIn(data, 'inputGroups')) {
    const group = groups.get(name);
    if (!group) continue;
    const theirs = new Values(group.in.places, []);
    const long = longInputs(theirs, group.data);
    if (!isObject(long)) continue;
    adopt(places, group.in.places, long);
    for (const [key, input] of Object.entries(long)) {
      if (!isObject(input)) continue;
      inputs[key] = places.copy(input, { ...input, group: name });
      places.set(inputs, key, places.of(long, key), places.nameOf(long, key));
    }
  }
  const long = own === undefined ? {} : longInputs(values, own);
  if (isObject(long)) {
    places.copy(long, Object.assign(inputs, long));
    draft.put('inputs', inputs, places.of(data, own === undefined ? 'inputGroups' : 'inputs'));
  } else draft.put('inputs', long, places.of(data, 'inputs'));
}

function longStanding(values: Values, standing: JsonObject): JsonObject {
  const { places } = values;
  const draft = new Draft(places, standing);
  for (const key of Object.keys(standing)) {
    const value = field(standing, key) ?? null;
    if (key === 'by') draft.keep(key, roles(values, value, places.of(standing, key)));
    else if (key === 'bounds' && Array.isArray(value)) {
      const bounds = value.map((each, at) => values.expression(each, places.of(value, at)));
      draft.keep(key, places.copy(value, bounds));
    } else draft.keep(key, value);
  }
  return draft.data;
}
