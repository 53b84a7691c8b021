import type { Json, JsonObject } from '../../json.js';
import { field, isObject } from '../../objects.js';
import { nearest } from '../../nearest.js';
import { textIn, textsIn } from '../expand/draft.js';
import type { Place } from '../place.js';
import { replacing } from '../problem.js';
import { whyRefused } from './refused-value.js';
import type { Context, DocumentRule, SpotRule } from './rule.js';
import { patternFault } from '../../whole-text.js';

/*
 * Names of other files: actions, runbooks, input groups, kinds of targets; and what they take.
 */

/** Named actions and nested runbooks exist, and get the inputs that they take. */
export const used: SpotRule = ({ data, role }, context) => {
  if (role === 'document') return;
  const { places, library } = context;
  const use = field(data, 'use');
  if (typeof use === 'string' && !Object.hasOwn(data, 'action'))
    missing(use, 'action', places.of(data, 'use'), context);
  const runbook = field(data, 'runbook');
  if (typeof runbook === 'string' && !library.has(runbook, 'runbook'))
    missing(runbook, 'runbook', places.of(data, 'runbook'), context);
  const taker = takerOf(data, context);
  if (taker) given(data, taker, context);
};

/** A named action or a nested runbook, with the inputs that it takes. */
interface Taker {
  what: string;
  inputs: Map<string, Json>;
}

/** What the step gives its `with` to; undefined where that is not known. */
export function takerOf(data: JsonObject, context: Context): Taker | undefined {
  const runbook = field(data, 'runbook');
  if (typeof runbook === 'string') {
    const nested = context.library.runbook(runbook)?.data;
    return nested && { what: `runbook ${runbook}`, inputs: nestedInputs(nested, context) };
  }
  const action = field(data, 'action');
  if (!isObject(action)) return undefined;
  return { what: `action ${textIn(data, 'use')}`, inputs: inputsOf(action) };
}

function missing(id: string, what: 'action' | 'runbook', place: Place, context: Context): void {
  // What is no name, its shape tells.
  if (/[./\\ ]/.test(id)) return;
  if (context.library.has(id, what)) {
    context.report(place, {
      rule: `unknown-${what}`,
      message: `the ${what} "${id}" cannot be read`,
      hint: 'lint its own file: it says why',
    });
    return;
  }
  const meant = nearest(id, context.library.ids(what));
  context.report(place, {
    rule: `unknown-${what}`,
    message: `there is no ${what} "${id}"`,
    hint:
      meant === undefined ? `it would be the file ${id}.${what}.yaml` : `did you mean ${meant}?`,
    fix: meant === undefined ? undefined : replacing(place, meant),
  });
}

function inputsOf(data: JsonObject): Map<string, Json> {
  const inputs = field(data, 'inputs');
  return new Map(isObject(inputs) ? Object.entries(inputs) : []);
}

/** Inputs of a nested runbook; those of the group `run` belong to the run. */
function nestedInputs(data: JsonObject, { library }: Context): Map<string, Json> {
  const groups = library.shared('inputGroups');
  const shared = textsIn(data, 'inputGroups').flatMap((name): [string, Json][] =>
    Object.entries(groups.get(name)?.data ?? {}).map(([key, input]) => [
      key,
      name === 'run' && isObject(input) ? { ...input, optional: true } : input,
    ]),
  );
  return new Map([...shared, ...inputsOf(data)]);
}

function given(data: JsonObject, { what, inputs }: Taker, context: Context): void {
  const { places } = context;
  const values = field(data, 'with');
  if (values !== undefined && !isObject(values)) return;
  const names = Object.keys(values ?? {});
  if (names.length === 1 && (names[0] === '$' || names[0] === 'join')) return;
  for (const name of names) {
    if (inputs.has(name) || !values) continue;
    const meant = nearest(name, [...inputs.keys()]);
    const place = places.nameOf(values, name);
    context.report(place, {
      rule: 'unknown-input',
      message: `${what} has no input "${name}"`,
      hint:
        meant === undefined
          ? `it takes ${[...inputs.keys()].join(', ') || 'none'}`
          : `did you mean ${meant}?`,
      fix: meant === undefined || names.includes(meant) ? undefined : replacing(place, meant),
    });
  }
  const lacking = [...inputs].filter(([name, input]) => !names.includes(name) && isNeeded(input));
  const key = Object.hasOwn(data, 'use') ? 'use' : 'runbook';
  for (const [name, input] of lacking)
    context.report(places.of(data, key), {
      rule: 'input-missing',
      message:
        `${what} needs the input ${name}: ` +
        `${isObject(input) ? textIn(input, 'description') : ''}`,
      hint: `write with: { ${name}: … }`,
    });
}

function isNeeded(input: Json): boolean {
  return isObject(input) && input['optional'] !== true && !Object.hasOwn(input, 'default');
}

/** Input groups and kinds of targets are declared; no input is declared twice. */
export const declared: DocumentRule = (context) => {
  const { long, spots } = context;
  const inputs = field(long, 'inputs');
  for (const input of isObject(inputs) ? Object.values(inputs) : [])
    if (isObject(input)) target(input, context);
  for (const { data } of spots)
    for (const key of ['answers', 'questions']) {
      const asked = field(data, key);
      for (const each of isObject(asked) ? Object.values(asked) : [])
        if (isObject(each)) target(each, context);
    }
};

/** A default that is no expression is such a value as a start may give. */
function byDefault(input: JsonObject, context: Context): void {
  const wrong = whyRefused(input, field(input, 'default') ?? null);
  if (wrong !== undefined)
    context.report(context.places.of(input, 'default'), {
      rule: 'input-form',
      message: `the default ${wrong}`,
      hint: 'a start without this input would be refused',
    });
}

function target(input: JsonObject, context: Context): void {
  const { places, library } = context;
  const type = field(input, 'type');
  const pattern = field(input, 'pattern');
  const fault = typeof pattern === 'string' ? patternFault(pattern) : undefined;
  if (fault !== undefined)
    context.report(places.of(input, 'pattern'), { rule: 'input-form', message: fault });
  byDefault(input, context);
  if (type === 'choice' && !Object.hasOwn(input, 'options') && field(input, 'type') !== undefined)
    context.report(places.of(input, 'type'), {
      rule: 'input-form',
      message: 'a choice needs options',
      hint: 'write options: [a, b]',
    });
  if (type === 'target' && !Object.hasOwn(input, 'kind'))
    context.report(places.of(input, 'type'), {
      rule: 'input-form',
      message: 'a target needs a kind',
      hint: `kinds: ${[...library.shared('kinds').keys()].join(', ')}`,
    });
  if (!library.hasShared('kinds')) return;
  const kinds = library.shared('kinds');
  const kind = field(input, 'kind');
  const names: [string, Place][] = Array.isArray(kind)
    ? textsIn(input, 'kind').map((each, at) => [each, places.of(kind, at)])
    : typeof kind === 'string'
      ? [[kind, places.of(input, 'kind')]]
      : [];
  for (const [name, place] of names) {
    if (kinds.has(name)) continue;
    const meant = nearest(name, [...kinds.keys()]);
    context.report(place, {
      rule: 'unknown-kind',
      message: `no kind of target is called "${name}"`,
      hint:
        meant === undefined ? `kinds: ${[...kinds.keys()].join(', ')}` : `did you mean ${meant}?`,
      fix: meant === undefined ? undefined : replacing(place, meant),
    });
  }
}
