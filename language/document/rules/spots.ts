import type { Type } from '../../expression/index.js';
import type { Json, JsonObject } from '../../json.js';
import { field, isObject } from '../../objects.js';
import { oneOrMoreIn, textIn } from '../expand/draft.js';
import type { Library } from '../library.js';
import { itemType, merged, namesOf, outputTypes, stepType, typeOf, type Scope } from './scope.js';
import type { Types } from './types.js';

/** What a thing that acts is in its document. */
type Role = 'step' | 'prerequisite' | 'check' | 'undo' | 'verify' | 'case' | 'action' | 'document';

/** A step, a case, an undo or a verification, with what it may name. */
export interface Spot {
  role: Role;
  data: JsonObject;
  /** The step that an undo or a verification belongs to. */
  owner?: JsonObject;
  scope: Scope;
  /** What its own outputs and its `stopWhen` may name: the steps inside, too. */
  inner: Scope;
  isTop: boolean;
  /** The id of the step, or of the step that it belongs to. */
  name: string;
}

/** Everything that acts in a runbook or in a named action. */
export function spotsOf(document: JsonObject, library: Library, types: Types): Spot[] {
  const declared = field(document, 'inputs');
  const inputs = types.record(isObject(declared) ? declared : {}, 'input');
  const start: Scope = { inputs, steps: {}, items: {}, target: 'dyn' };
  const walk = new Walk(library, types);
  const isAction = !Object.hasOwn(document, 'runbook') && !Object.hasOwn(document, 'part');
  if (!Object.hasOwn(document, 'steps') && isAction) {
    const target = types.target(oneOrMoreIn(document, 'targetKind'));
    walk.add('action', document, { ...start, target }, { isTop: true });
    return walk.spots;
  }
  walk.list(field(document, 'prerequisites'), start, 'prerequisite');
  const after = walk.list(field(document, 'steps'), start, 'step');
  const end = walk.list(field(document, 'verify'), after, 'check');
  walk.spots.push({
    ...{ role: 'document', data: document, scope: end, inner: end, isTop: true, name: '' },
  });
  return walk.spots;
}

type Fields = Record<string, Type>;

class Walk {
  readonly spots: Spot[] = [];

  constructor(
    readonly library: Library,
    readonly types: Types,
  ) {}

  /** @returns what is known behind the list */
  list(steps: Json | undefined, scope: Scope, role: Role, isTop = true): Scope {
    let known = scope;
    for (const step of Array.isArray(steps) ? steps : []) {
      if (!isObject(step)) continue;
      known = this.#with(known, step, this.step(step, known, role, isTop));
    }
    return known;
  }

  /** @returns the type of the step */
  step(step: JsonObject, scope: Scope, role: Role, isTop: boolean): Type {
    const target = field(step, 'target');
    const own: Scope = {
      ...scope,
      target: target === undefined ? 'dyn' : typeOf(target, namesOf(scope)),
    };
    const spot = this.add(role, step, own, { isTop });
    const inside: Scope = { ...own, items: { ...own.items, ...itemsOf(step, own) } };
    const after = this.list(field(step, 'steps'), inside, 'step', false);
    let fields: Fields = added(inside, after);
    for (const each of listOf(step, 'parallel'))
      fields = { ...fields, [textIn(each, 'id')]: this.step(each, inside, 'step', false) };
    fields = { ...fields, ...this.#cases(step, inside) };
    spot.inner = { ...inside, steps: { ...inside.steps, ...fields } };
    const nested = (id: string): JsonObject | null => this.library.runbook(id)?.data ?? null;
    return stepType(step, spot.inner, fields, this.types, nested);
  }

  add(
    role: Role,
    data: JsonObject,
    scope: Scope,
    { isTop = false, owner = undefined as JsonObject | undefined },
  ): Spot {
    const name = textIn(data, 'id') || textIn(data, 'case') || textIn(owner ?? {}, 'id');
    const spot: Spot = { role, data, scope, inner: scope, isTop, name, ...(owner && { owner }) };
    this.spots.push(spot);
    for (const key of ['undo', 'verify'] as const) {
      const own = field(data, key);
      if (isObject(own)) this.add(key, own, scope, { owner: data });
    }
    return spot;
  }

  /** @returns what the branch has of its cases: their outputs, and the steps inside */
  #cases(step: JsonObject, scope: Scope): Fields {
    return merged(
      listOf(step, 'branch').map((each) => {
        const spot = this.add('case', each, scope, { owner: step });
        spot.inner = this.list(field(each, 'steps'), scope, 'step', false);
        const deeper = this.#cases(each, scope);
        const outputs = outputTypes(each, spot.inner, this.types) ?? {};
        return { ...added(scope, spot.inner), ...deeper, ...outputs };
      }),
    );
  }

  #with(scope: Scope, step: JsonObject, type: Type): Scope {
    const id = textIn(step, 'id');
    return id === '' ? scope : { ...scope, steps: { ...scope.steps, [id]: type } };
  }
}

/** The names of the item in a loop. */
export function itemsOf(step: JsonObject, scope: Scope): Fields {
  const list = field(step, 'forEach');
  if (list === undefined) return {};
  const type = itemType(list, namesOf(scope));
  const as = textIn(step, 'as');
  return { item: type, ...(as === '' ? {} : { [as]: type }) };
}

/** The steps that one scope has and the one before had not. */
function added(before: Scope, after: Scope): Fields {
  return Object.fromEntries(
    Object.entries(after.steps).filter(([id, type]) => before.steps[id] !== type),
  );
}

/** The objects of a field that is a list. */
export function listOf(data: JsonObject, key: string): JsonObject[] {
  const value = field(data, key);
  return Array.isArray(value) ? value.filter(isObject) : [];
}
