import { nearest } from '../nearest.js';
import { field } from '../objects.js';
import { macros, type Tree } from './ast.js';
import type { Checker } from './check.js';
import { functions } from './functions.js';
import { Meter } from './meter.js';
import { call, type ExpressionFunction, type Overload, type Param } from './overload.js';
import { aType, fits, isList, isMapOf, isObject, isSame, isText, type Type } from './types.js';
import { kindNames, type Value, Wrong } from './values.js';

export type Called = Tree & { is: 'call' };

/**
 * The type of a call.
 * @param args types of the value before the dot, where there is one, and of the arguments
 */
export function callType(checker: Checker, tree: Called, args: readonly Type[]): Type {
  const { name } = tree;
  const known = functions.get(name);
  if (!known) return unknownFunction(checker, tree);
  if (tree.of ? known.form === 'function' : known.form === 'method')
    return wrongForm(checker, tree, tree.of === undefined);
  const matching = known.overloads.filter((overload) => takes(overload, args));
  const types = matching.map(({ gives }) => (typeof gives === 'function' ? gives(args) : gives));
  const [type] = types;
  if (type === undefined) return misfit(checker, tree, known, args);
  literal(checker, tree, known);
  return types.every((each) => isSame(each, type)) ? type : 'dyn';
}

function takes({ takes: params, repeats }: Overload, args: readonly Type[]): boolean {
  if (repeats ? args.length < params.length : args.length !== params.length) return false;
  return args.every((arg, at) => suits(arg, params[Math.min(at, params.length - 1)] ?? 'any'));
}

function suits(type: Type, param: Param): boolean {
  if (param === 'any' || type === 'dyn') return true;
  if (typeof param === 'object') return isList(type) && fits(type.list, param.list);
  if (param === 'list') return isList(type);
  if (param === 'map') return isObject(type) || isMapOf(type);
  return fits(type, param);
}

/** Functions by the words of other languages. */
const otherNames: Readonly<Record<string, string>> = {
  ...{ len: 'size', length: 'size', count: 'size', strip: 'trim', includes: 'contains' },
  ...{ toLowerCase: 'lower', toLower: 'lower', lowerAscii: 'lower', toUpperCase: 'lower' },
  ...{ str: 'string', toString: 'string', parseInt: 'int', float: 'double', number: 'double' },
  ...{ substring: 'take', slice: 'take', regex: 'matches', test: 'matches', match: 'matches' },
  ...{ some: 'exists', any: 'exists', every: 'all', first: 'take', hash: 'sha256' },
};

function unknownFunction(checker: Checker, tree: Called): Type {
  const other = field(otherNames, tree.name);
  const all = [...functions.keys(), ...macros, 'has', 'orValue', 'hasValue'];
  const near = other ?? nearest(tree.name, all);
  const at = nameRange(checker, tree);
  checker.problems.push({
    at,
    rule: 'unknown-function',
    message: `there is no function ${tree.name}`,
    ...(near !== undefined && { instead: `did you mean ${near}?` }),
  });
  return 'dyn';
}

function wrongForm(checker: Checker, tree: Called, isFunction: boolean): Type {
  const given = tree.args.map((arg) => checker.text(arg));
  const [first, ...rest] = given;
  const instead = isFunction
    ? `${first ?? 'value'}.${tree.name}(${rest.join(', ')})`
    : `${tree.name}(${[checker.text(tree.of ?? tree), ...given].join(', ')})`;
  return checker.wrong(
    tree.at,
    isFunction ? `${tree.name} stands after a value` : `${tree.name} stands before its values`,
    { instead: `write ${instead}` },
  );
}

/** No overload takes the arguments: their number is wrong, or the first that fits none. */
function misfit(
  checker: Checker,
  tree: Called,
  { overloads }: ExpressionFunction,
  args: readonly Type[],
): Type {
  const before = tree.of ? 1 : 0;
  const counted = overloads.filter(
    ({ takes: params, repeats }) => repeats || params.length === args.length,
  );
  if (counted.length === 0 || args.length === 0) {
    return checker.wrong(
      tree.at,
      `${tree.name} takes ${countOf(overloads, before)}, not ${args.length - before}`,
    );
  }
  const at = args.findIndex((_unused, place) =>
    counted.every((overload) => !takesFirst(overload, args.slice(0, place + 1))),
  );
  const part = [...(tree.of ? [tree.of] : []), ...tree.args][at] ?? tree;
  const type = args[at] ?? 'dyn';
  const wanted = [...new Set(counted.map(({ takes: params }) => wantedAt(params, at)))];
  const text = checker.text(part);
  const named = isObject(type) && type.target && wanted.includes('a text');
  return checker.wrong(part.at, `${tree.name} takes ${wanted.join(' or ')}, not ${aType(type)}`, {
    ...(named && { instead: `write ${text}.name` }),
    ...(!named &&
      part.is !== 'literal' &&
      isText(type) &&
      wanted.includes('an integer') && { instead: `write int(${text})` }),
  });
}

function countOf(overloads: readonly Overload[], before: number): string {
  const counts = [...new Set(overloads.map(({ takes: { length } }) => length - before))].sort();
  const least = counts[0] ?? 0;
  if (overloads.some(({ repeats }) => repeats)) return `at least ${least} argument`;
  if (counts.length === 1 && least === 0) return 'no argument';
  return `${counts.join(' or ')} argument${counts.at(-1) === 1 ? '' : 's'}`;
}

function takesFirst({ takes: params }: Overload, args: readonly Type[]): boolean {
  return args.every((arg, at) => suits(arg, params[Math.min(at, params.length - 1)] ?? 'any'));
}

function wantedAt(params: readonly Param[], at: number): string {
  const param = params[Math.min(at, params.length - 1)] ?? 'any';
  if (typeof param === 'object') return aType(param);
  return param === 'any' ? 'a value' : kindNames[param];
}

/** A call of literals has its result already, or it will never have one. */
function literal(checker: Checker, tree: Called, known: ExpressionFunction): void {
  const parts = [...(tree.of ? [tree.of] : []), ...tree.args];
  const values: Value[] = [];
  for (const part of parts) {
    if (part.is !== 'literal') return;
    values.push(part.type === 'integer' ? BigInt(part.value) : part.value);
  }
  // `now` is not known here, and what needs it is not told.
  const result = call(tree.name, known, values, { meter: new Meter(Infinity), now: undefined });
  if (result instanceof Wrong && tree.name !== 'daysUntil')
    checker.wrong(tree.at, `${checker.text(tree)}: ${result.why}`);
}

function nameRange(checker: Checker, tree: Called): Called['at'] {
  const start = checker.source.indexOf(tree.name, tree.of ? tree.of.at[1] : tree.at[0]);
  return [start, start + tree.name.length];
}
