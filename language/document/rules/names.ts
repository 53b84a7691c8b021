import { compile, type Names, type Problem as Wrong, type Type } from '../../expression/index.js';
import { isList, isMapOf, isObject as isRecord } from '../../expression/types.js';
import type { Json, JsonObject } from '../../json.js';
import { field, isObject } from '../../objects.js';
import { textIn } from '../expand/draft.js';
import { within, type Place } from '../place.js';
import { replacing, type Fix } from '../problem.js';
import type { Context } from './rule.js';
import { namesOf, outType, type Scope } from './scope.js';
import { itemsOf, type Spot } from './spots.js';
import type { Types } from './types.js';
import { takerOf } from './used.js';
import { unseenStep } from './unknown-step.js';

/*
 * Each expression is parsed and checked where it stands, with the names that stand there.
 */

/** Fields that hold steps, or what acts for itself: they are spots of their own. */
const elsewhere = new Set([
  ...['steps', 'parallel', 'branch', 'undo', 'verify', 'action', 'prerequisites', 'inputs'],
]);
/** Fields that may name the answer of the step itself. */
const seesOut = new Set(['expect', 'outputs', 'until', 'failWhen', 'inconclusiveWhen']);
/** What the values of fields have to be; fields in fields by both names. */
const wanted: Readonly<Record<string, Type>> = {
  ...{ when: 'boolean', until: 'boolean', failWhen: 'boolean', inconclusiveWhen: 'boolean' },
  ...{ stopWhen: 'boolean', key: 'text', forEach: { list: 'dyn' } },
  ...{ timeout: 'duration', softTimeout: 'duration', 'wait.until': 'timestamp' },
  ...{ 'expect.condition': 'boolean', 'standingApproval.bounds': 'boolean' },
  ...{ 'fail.when': 'boolean', 'succeed.when': 'boolean', 'approval.when': 'boolean' },
};

const dot = '.';

/** Fields whose values become text, even when they are one expression. */
const becomesText = new Set([
  ...['command', 'env', 'params', 'query', 'headers', 'stdin', 'cwd', 'notify', 'manual'],
  ...['identifiers', 'literals', 'deployment', 'image', 'confirm'],
]);

interface Given {
  names: Names;
  /** Whether the text stands in a text: then only scalars fit. */
  inText?: true;
  /** What the expression stands in. */
  spot?: Spot;
}

/** Parses and checks every expression of a spot. */
export function names(spot: Spot, context: Context): void {
  const { types } = context;
  const isUndo = spot.role === 'undo';
  for (const [key, value] of Object.entries(spot.data)) {
    if (elsewhere.has(key)) continue;
    const scope = scopeOf(spot, key, context);
    const more: Record<string, Type> = {};
    if (seesOut.has(key) && spot.role !== 'document') more['out'] = outType(spot.data, types);
    if (isUndo && spot.owner) more['out'] = outType(spot.owner, types);
    const given = { names: namesOf(scope, more), spot };
    if (key === 'approval' && isObject(value)) approval(value, scope, spot, context);
    // A command that is one expression is a list of words: a fact of its target.
    else if (key === 'with' && isObject(value)) checkArguments(value, given, context);
    else visit(value, isOneWord(key, value) ? '' : key, given, context);
  }
  if (spot.role === 'document' || spot.role === 'action') defaults(spot, types, context);
}

function isOneWord(key: string, value: Json): boolean {
  return key === 'command' && Array.isArray(value) && value.length === 1;
}

/** Some fields see more than what stands before the step. */
function scopeOf(spot: Spot, key: string, context: Context): Scope {
  if (key === 'outputs' || key === 'stopWhen' || spot.role === 'document') return spot.inner;
  if (key === 'key')
    return { ...spot.scope, items: { ...spot.scope.items, ...itemsOf(spot.data, spot.scope) } };
  if (spot.role !== 'undo' || key !== 'when') return spot.scope;
  // It is evaluated at the end, when every step has had its turn.
  const all = context.spots.map(({ data }) => [textIn(data, 'id'), 'dyn'] as const);
  return { ...spot.scope, steps: { ...Object.fromEntries(all), ...spot.scope.steps } };
}

/** What a named action or a nested runbook gets is of the types that it declares. */
function checkArguments(values: JsonObject, given: Given, context: Context): void {
  const inputs = takerOf(given.spot?.data ?? {}, context)?.inputs;
  for (const [name, value] of Object.entries(values)) {
    const type = context.types.of(inputs?.get(name) ?? null);
    if (isExpression(value)) check(value, typeof type === 'string' ? type : 'dyn', given, context);
    else visit(value, '', given, context);
  }
}

function approval(value: JsonObject, scope: Scope, spot: Spot, context: Context): void {
  const { types } = context;
  const questions = field(value, 'questions');
  const answer = types.record(isObject(questions) ? questions : {}, 'field');
  for (const [key, each] of Object.entries(value)) {
    if (key === 'expect')
      check(each, 'boolean', { names: namesOf(scope, { answer }), spot }, context);
    else visit(each, ['approval', key].join(dot), { names: namesOf(scope), spot }, context);
  }
}

/** A default may use the inputs before it. */
function defaults(spot: Spot, types: Types, context: Context): void {
  const before: JsonObject = {};
  const inputs = field(spot.data, 'inputs');
  for (const [name, input] of Object.entries(isObject(inputs) ? inputs : {})) {
    if (!isObject(input)) continue;
    const scope: Scope = {
      inputs: types.record(before, 'input'),
      steps: {},
      items: {},
      target: 'dyn',
    };
    visit(field(input, 'default') ?? null, 'default', { names: namesOf(scope) }, context);
    before[name] = input;
  }
}

/** @param path the fields around the value, as far as they are those of the language */
function visit(value: Json, path: string, around: Given, context: Context): void {
  if (typeof value !== 'object' || value === null) return;
  const given: Given = becomesText.has(path) ? { ...around, inText: true } : around;
  if (isExpression(value)) {
    check(value, Object.hasOwn(wanted, path) ? (wanted[path] ?? 'dyn') : 'dyn', given, context);
    return;
  }
  const parts = isObject(value) ? field(value, 'join') : undefined;
  if (Array.isArray(parts))
    for (const part of parts) visit(part, '', { ...given, inText: true }, context);
  else if (Array.isArray(value))
    for (const each of value) visit(each, path === 'forEach' ? '' : path, given, context);
  else
    for (const [name, each] of Object.entries(value)) {
      const isEntry = path.includes(dot) || becomesText.has(path);
      visit(each, isEntry ? '' : [path, name].join(dot), given, context);
    }
}

function isExpression(value: Json): value is { $: string } {
  return isObject(value) && typeof value['$'] === 'string' && Object.keys(value).length === 1;
}

function check(value: Json, type: Type, given: Given, context: Context): void {
  if (!isExpression(value)) return;
  const { $: source } = value;
  const place = context.places.of(value, '$');
  const compiled = compile(source, given.names, type);
  if ('problems' in compiled) {
    for (const problem of compiled.problems) tell(problem, source, { place, given }, context);
    return;
  }
  context.checked?.(value, compiled.expression, compiled.type);
  if (given.inText && isNoText(compiled.type))
    context.report(within(place, source, 0, source.length), {
      rule: 'expression-type',
      message: 'only texts, numbers, times and true or false become text',
      hint: isList(compiled.type)
        ? `write ${source}.join(", ")`
        : isRecord(compiled.type) && compiled.type.target
          ? `write ${source}.name`
          : `write toJson(${source})`,
    });
}

function isNoText(type: Type): boolean {
  return isRecord(type) || isList(type) || isMapOf(type) || type === 'null';
}

/** Names that stand in some places only. */
const elsewhereKnown: Readonly<Record<string, string>> = {
  out: 'it is the answer of the step itself: in expect, outputs, until, failWhen and undo',
  item: 'it is the item of a loop: inside forEach',
  answer: 'it is what the approver answers: in the expect of an approval',
};

function tell(
  wrong: Wrong,
  source: string,
  { place, given }: { place: Place; given: Given },
  context: Context,
): void {
  const { at, rule, message, instead, fix } = wrong;
  const id = source.slice(...at);
  const unseen = rule === 'unknown-step' ? unseenAt(id, given, context) : undefined;
  const there = rule === 'unknown-name' && Object.hasOwn(elsewhereKnown, id);
  context.report(within(place, source, ...at), {
    rule,
    message: unseen?.message ?? message,
    hint: unseen?.hint ?? (there ? elsewhereKnown[id] : instead),
    fix: fix && fixAt(place, source, fix),
  });
}

function unseenAt(id: string, { names: known, spot }: Given, { long }: Context) {
  const steps = known['steps'];
  const seen = steps !== undefined && isRecord(steps) ? Object.keys(steps.fields) : [];
  return unseenStep(id, spot?.owner ?? spot?.data ?? {}, long, seen);
}

/** A fix, where the characters of the expression are those of the file. */
function fixAt(place: Place, source: string, fix: NonNullable<Wrong['fix']>): Fix | undefined {
  const where = within(place, source, ...fix.at);
  const written = place.source.text.slice(where.start, where.end);
  return written === source.slice(...fix.at) ? replacing(where, fix.text) : undefined;
}
