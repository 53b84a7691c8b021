import { type Expression, type Range, type ReadAs, textAt, type Tree } from './ast.js';
import { callType, type Called } from './check-call.js';
import { fieldType } from './check-field.js';
import { binaryType } from './check-operator.js';
import type { Problem } from './problem.js';
import {
  aType,
  either,
  fits,
  isChoice,
  isList,
  isMapOf,
  isNumber,
  isObject,
  isOptional,
  isText,
  itemOf,
  type Names,
  type Type,
} from './types.js';
import { unknownName } from './unknown-name.js';
import { field } from '../objects.js';

/** A checked expression: its tree says where a value is read as something that JSON has not. */
export type Checked = { expression: Expression; type: Type } | { problems: readonly Problem[] };

/**
 * Finds unknown names and wrong types.
 * @param wanted what the value has to be: `boolean` for a condition
 */
export function check(expression: Expression, names: Names, wanted: Type = 'dyn'): Checked {
  const checker = new Checker(expression.$, names);
  const ast = structuredClone(expression.ast);
  const type = wanted === 'boolean' ? checker.truth(ast, undefined) : checker.whole(ast, undefined);
  if (wanted !== 'boolean' && checker.problems.length === 0 && !fits(type, wanted))
    checker.wrong(
      ast.at,
      `${aKind(wanted)} is needed here, not ${aKind(type)}`,
      asWanted(checker.text(ast), type, wanted),
    );
  return checker.problems.length > 0
    ? { problems: checker.problems }
    : { expression: { $: expression.$, ast }, type };
}

/** Names of macros, the innermost first. */
export type Local = { name: string; type: Type; outer: Local } | undefined;

/** Finds the type of each part. A part with a problem is `dyn`, so that one is told once. */
export class Checker {
  readonly problems: Problem[] = [];
  /** Parts that name what a declaration lets be absent. */
  readonly mayBeAbsent = new WeakSet<object>();

  constructor(
    readonly source: string,
    readonly names: Names,
  ) {}

  /** The type of a value that is no optional one. */
  whole(tree: Tree, local: Local): Type {
    const type = this.type(tree, local);
    if (!isOptional(type)) return type;
    this.wrong(tree.at, `${this.text(tree)} may be absent`, {
      instead: `end it with .orValue(…), a value for when it is`,
    });
    return 'dyn';
  }

  /** There is no truthiness: what decides is a boolean. */
  truth(tree: Tree, local: Local, isNegated = false): Type {
    const before = this.problems.length;
    const type = this.whole(tree, local);
    // A part that is wrong inside is not told to be wrong as a whole too.
    if (this.problems.length === before && type !== 'boolean' && type !== 'dyn')
      this.wrong(tree.at, `${this.text(tree)} is ${aType(type)}, neither true nor false`, {
        ...asCondition(this.text(tree), type, isNegated),
      });
    return 'boolean';
  }

  /** Tells a problem with types. */
  wrong(at: Range, message: string, more: Partial<Problem> = {}): Type {
    this.problems.push({ at, rule: 'expression-type', message, ...more });
    return 'dyn';
  }

  text(tree: Tree): string {
    return textAt(this.source, tree.at);
  }

  /** The type of a part, which may be optional. */
  type(tree: Tree, local: Local): Type {
    switch (tree.is) {
      case 'literal':
        return tree.type;
      case 'name':
        return this.named(tree, local);
      case 'field':
        return this.read(tree, fieldType(this, tree, this.type(tree.of, local)));
      case 'index':
        return this.read(tree, this.index(tree, local));
      case 'has': {
        const of = this.type(tree.of, local);
        fieldType(this, tree, isOptional(of) ? of.optional : of);
        return 'boolean';
      }
      case 'not':
        return this.truth(tree.of, local, true);
      case 'minus': {
        const of = this.whole(tree.of, local);
        return ['integer', 'number', 'duration', 'dyn'].some((type) => type === of)
          ? of
          : this.wrong(tree.at, `${aType(of)} has no sign`);
      }
      case 'and':
      case 'or':
        for (const part of tree.parts) this.truth(part, local);
        return 'boolean';
      case 'binary':
        return binaryType(this, tree, this.whole(tree.left, local), this.whole(tree.right, local));
      case 'if':
        return this.choice(tree, local);
      case 'call':
        return this.call(tree, local);
      case 'each':
        return this.each(tree, local);
      case 'list':
        return { list: this.common(tree.items.map((item) => this.whole(item, local))) };
      case 'map':
        return this.map(tree, local);
    }
  }

  private named(tree: Tree & { is: 'name' }, local: Local): Type {
    for (let each = local; each; each = each.outer) if (each.name === tree.name) return each.type;
    const type = field(this.names, tree.name);
    if (type !== undefined) return this.read(tree, type);
    unknownName(this, tree, local);
    return 'dyn';
  }

  /** Writes down what the JSON of a declared value stands for. */
  private read(tree: Tree & { as?: ReadAs }, type: Type): Type {
    const as = readAsOf(isOptional(type) ? type.optional : type);
    if (as !== undefined) tree.as = as;
    return type;
  }

  private index(tree: Tree & { is: 'index' }, local: Local): Type {
    const found = this.type(tree.of, local);
    const by = this.whole(tree.by, local);
    const isChain = isOptional(found) || tree.optional === true;
    const type = this.item(tree, isOptional(found) ? found.optional : found, by);
    return isChain ? { optional: type } : type;
  }

  private item(tree: Tree & { is: 'index' }, of: Type, by: Type): Type {
    if (of === 'dyn') return 'dyn';
    if (isList(of))
      return fits(by, 'integer')
        ? of.list
        : this.wrong(tree.by.at, `items of a list are numbered: ${aType(by)} is no number of one`);
    if (!isObject(of) && !isMapOf(of))
      return this.wrong(tree.at, `${this.text(tree.of)} is ${aType(of)}, which has no items`);
    if (!fits(by, 'text'))
      return this.wrong(tree.by.at, `the keys of an object are texts, not ${aType(by)}`);
    if (isMapOf(of)) return of.map;
    const { by: key } = tree;
    if (key.is !== 'literal' || typeof key.value !== 'string') return 'dyn';
    return fieldType(this, { ...tree, name: key.value, nameAt: key.at }, of);
  }

  private choice(tree: Tree & { is: 'if' }, local: Local): Type {
    this.truth(tree.when, local);
    const then = this.type(tree.then, local);
    const otherwise = this.type(tree.otherwise, local);
    return (
      either(then, otherwise) ??
      this.wrong(
        tree.at,
        `the two values of a choice are of one type, not ${aType(then)} and ${aType(otherwise)}`,
      )
    );
  }

  private call(tree: Called, local: Local): Type {
    const [arg, ...more] = tree.args;
    const ofOptional = tree.of && ['orValue', 'hasValue'].includes(tree.name);
    if (!tree.of || !ofOptional) {
      const parts = tree.of ? [tree.of, ...tree.args] : tree.args;
      return callType(
        this,
        tree,
        parts.map((part) => this.whole(part, local)),
      );
    }
    const of = this.type(tree.of, local);
    const wants = tree.name === 'orValue' ? 1 : 0;
    const other = arg && this.whole(arg, local);
    if (tree.args.length !== wants || more.length > 0)
      return this.wrong(tree.at, `${tree.name} takes ${wants === 1 ? 'one value' : 'nothing'}`);
    if (!isOptional(of))
      return of === 'dyn'
        ? 'dyn'
        : this.wrong(tree.at, `${this.text(tree.of)} is always there or unknown`, {
            instead: 'write .? before the name that may be absent',
          });
    if (other === undefined) return 'boolean';
    return (
      either(of.optional, other) ??
      this.wrong(tree.at, `${this.text(tree.of)} is ${aType(of.optional)}, not ${aType(other)}`)
    );
  }

  private each(tree: Tree & { is: 'each' }, local: Local): Type {
    const of = this.whole(tree.of, local);
    if (of !== 'dyn' && !isList(of) && !isObject(of) && !isMapOf(of))
      this.wrong(tree.of.at, `${this.text(tree.of)} is ${aType(of)}, which has no items`);
    const item = isObject(of) || isMapOf(of) ? 'text' : itemOf(of);
    const inside = { name: tree.variable, type: item, outer: local };
    if (tree.macro === 'map') return { list: this.whole(tree.body, inside) };
    this.truth(tree.body, inside);
    return tree.macro === 'filter' ? { list: item } : 'boolean';
  }

  private map(tree: Tree & { is: 'map' }, local: Local): Type {
    const fields: [string, Type][] = [];
    let isOpen = false;
    for (const [key, value] of tree.entries) {
      const [of, type] = [this.whole(key, local), this.whole(value, local)];
      if (!fits(of, 'text'))
        this.wrong(key.at, `the keys of an object are texts, not ${aType(of)}`);
      if (key.is === 'literal' && typeof key.value === 'string') fields.push([key.value, type]);
      else isOpen = true;
    }
    return isOpen ? { map: 'dyn' } : { fields: Object.fromEntries(fields) };
  }

  private common(types: readonly Type[]): Type {
    return (
      types.reduce<Type | undefined>(
        (all, type) => (all === undefined ? type : (either(all, type) ?? 'dyn')),
        undefined,
      ) ?? 'dyn'
    );
  }
}

/** How to make what is wanted of a value. */
function asWanted(text: string, type: Type, wanted: Type): Partial<Problem> {
  const isScalar = isNumber(type) || isText(type) || type === 'boolean';
  if (wanted === 'text' && isObject(type) && type.target) return { instead: `write ${text}.name` };
  if (wanted === 'text' && isScalar) return { instead: `write string(${text})` };
  if (wanted === 'integer' && (type === 'text' || type === 'number'))
    return { instead: `write int(${text})` };
  return wanted === 'number' && type === 'text' ? { instead: `write double(${text})` } : {};
}

/** The type in a sentence, with the kinds of a target. */
function aKind(type: Type): string {
  return isObject(type) && type.target
    ? `${aType(type)} of kind ${type.target.join(' or ')}`
    : aType(type);
}

/** What a value of this type stands for in JSON; undefined when it is its own JSON. */
export function readAsOf(type: Type): ReadAs | undefined {
  if (type === 'integer' || type === 'duration' || type === 'timestamp') return type;
  if (isObject(type) && type.target) return 'target';
  const item = isList(type) ? readAsOf(type.list) : undefined;
  return item === undefined ? undefined : { list: item };
}

/** What somebody means who writes a value where a condition stands. */
function asCondition(text: string, type: Type, isNegated: boolean): Partial<Problem> {
  const [differs, more] = isNegated ? ['==', '=='] : ['!=', '>'];
  if (type === 'integer' || type === 'number') return { instead: `write ${text} ${differs} 0` };
  if (type === 'text' || isChoice(type)) return { instead: `write ${text} ${differs} ""` };
  if (isList(type) || isMapOf(type)) return { instead: `write size(${text}) ${more} 0` };
  if (isObject(type)) return { instead: `write has(${text}) to ask whether it is there` };
  return type === 'duration' ? { instead: `write ${text} ${more} duration("0s")` } : {};
}
