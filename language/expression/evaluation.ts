import { cutIn, mayBeCut } from '../cut.js';
import { type Range, type ReadAs, textAt, type Tree } from './ast.js';
import { functions } from './functions.js';
import type { Meter } from './meter.js';
import { negate, operate } from './operators.js';
import { changeOf, notWhole } from './not-whole.js';
import { call } from './overload.js';
import { targetTable } from './names.js';
import { readAs } from './read-as.js';
import {
  asInteger,
  isMap,
  kindNames,
  kindOf,
  Optional,
  type Value,
  type ValueMap,
  Wrong,
} from './values.js';
import { field } from '../objects.js';

/**
 * The names that an expression sees, with their data: JSON, or what is JSON but for BigInts, which
 * are integers. `now` is one of them; there is no other clock.
 */
export type Scope = { readonly [name: string]: Value };

/** Why a part of an expression has no value. */
export interface Reason {
  /** Offsets in the text of the expression. */
  at: Range;
  /**
   * missing: there is no such value. cut: it was shortened for people. blanked: a secret was taken
   * out of it. error: an operation has no result. limit: the expression needs more than it may.
   */
  kind: 'missing' | 'cut' | 'blanked' | 'error' | 'limit';
  /** As a sentence without a full stop: `there is no steps.probe.stdout`. */
  text: string;
}

/** Reasons that are told at most. */
const reasonsAtMost = 8;

/** A reason whose text is made when somebody reads it: a loop may meet thousands. */
interface Cause {
  tree: Tree;
  kind: Reason['kind'];
  /** @param text that of the part */
  say: (text: string) => string;
}

/** A part has no value. It passes through operations, unless `&&`, `||` or `?:` decide without. */
export class Unknown {
  constructor(readonly causes: readonly Cause[]) {}

  /** Each reason once, in the order of the text. */
  reasons(source: string): Reason[] {
    const reasons: Reason[] = [];
    for (const { tree, kind, say } of this.causes) {
      const text = say(textAt(source, tree.at));
      if (!reasons.some((reason) => reason.text === text))
        reasons.push({ at: tree.at, kind, text });
    }
    return reasons;
  }
}

/** A tree that no parser made. */
export class ExpressionError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'ExpressionError';
  }
}

type Result = Value | Optional | Unknown;
/** Names of macros, the innermost first. */
export type Bound = { name: string; value: Value; outer: Bound } | undefined;

/** One evaluation: the value of each part of a tree in a scope, paid from one meter. */
export class Evaluation {
  constructor(
    private readonly scope: Scope,
    private readonly meter: Meter,
  ) {}

  /** A value that is no optional one. */
  whole(tree: Tree, local: Bound): Value | Unknown {
    const result = this.value(tree, local);
    return result instanceof Optional
      ? this.unknown(tree, 'error', (text) => `${text} may be absent: end it with .orValue(…)`)
      : result;
  }

  private value(tree: Tree, local: Bound): Result {
    switch (tree.is) {
      case 'literal':
        return tree.type === 'integer' ? BigInt(tree.value) : tree.value;
      case 'name':
        return this.named(tree, local);
      default:
        break;
    }
    this.meter.pay(1);
    switch (tree.is) {
      case 'field':
        return this.select(tree, this.value(tree.of, local), tree.name);
      case 'index':
        return this.index(tree, local);
      case 'has':
        return this.has(tree, local);
      case 'not': {
        const value = this.truth(tree.of, local);
        return value instanceof Unknown ? value : !value;
      }
      case 'minus': {
        const value = this.whole(tree.of, local);
        return value instanceof Unknown ? value : this.right(tree, negate(value));
      }
      case 'and':
        return this.decided(false, tree.parts, local);
      case 'or':
        return this.decided(true, tree.parts, local);
      case 'binary': {
        const left = this.whole(tree.left, local);
        const right = this.whole(tree.right, local);
        if (left instanceof Unknown || right instanceof Unknown) return together([left, right]);
        return this.right(tree, operate(tree.sign, left, right, this.meter));
      }
      case 'if':
        return this.choose(tree, local);
      case 'call':
        return this.called(tree, local);
      case 'each':
        return this.each(tree, local);
      case 'list': {
        this.meter.pay(tree.items.length);
        const items = tree.items.map((item) => this.whole(item, local));
        return items.some((item) => item instanceof Unknown) ? together(items) : (items as Value[]);
      }
      case 'map':
        return this.map(tree, local);
      default:
        throw new ExpressionError(`a part of the expression is not known: ${JSON.stringify(tree)}`);
    }
  }

  private named(tree: Tree & { is: 'name' }, local: Bound): Result {
    for (let each = local; each; each = each.outer)
      if (each.name === tree.name) return this.declared(tree, each.value);
    if (!Object.hasOwn(this.scope, tree.name)) return this.missing(tree);
    return this.declared(tree, this.scope[tree.name] as Value);
  }

  private select(tree: Tree & { is: 'field' | 'index' }, of: Result, key: string | bigint): Result {
    if (of instanceof Unknown) return of;
    const isOptional = tree.optional === true || of instanceof Optional;
    const container = of instanceof Optional ? of.value : of;
    if (container === undefined) return new Optional(undefined);
    const found = this.member(tree, container, key);
    if (found instanceof Unknown) return found;
    if (!isOptional) return found === undefined ? this.missing(tree) : this.declared(tree, found);
    if (found === undefined) return new Optional(undefined);
    const value = this.declared(tree, found);
    return value instanceof Unknown || value instanceof Optional ? value : new Optional(value);
  }

  /** Undefined when there is none; unknown when nobody can tell. */
  private member(tree: Tree, of: Value, key: string | bigint): Value | undefined | Unknown {
    if (typeof key === 'bigint') {
      if (!Array.isArray(of))
        return this.unknown(
          tree,
          'error',
          (text) => `${text}: ${kindNames[kindOf(of)]} has no numbered items`,
        );
      return (of as readonly Value[])[Number(key)];
    }
    if (!isMap(of))
      return this.unknown(
        tree,
        'error',
        (text) => `${text}: ${kindNames[kindOf(of)]} has no field ${key}`,
      );
    return this.own(tree, of, key);
  }

  private own(tree: Tree, of: ValueMap, key: string): Value | undefined | Unknown {
    const cut = cutIn(of);
    const isCut = (): Unknown => {
      const { kind, words } = changeOf(of, key);
      return this.unknown(tree, kind, (text) => `${text} ${words}`);
    };
    if (Array.isArray(cut) && cut.includes(key)) return isCut();
    if (!Object.hasOwn(of, key)) return cut === 'unnamed' ? isCut() : undefined;
    const value = of[key];
    return cut === 'unnamed' && mayBeCut(value) ? isCut() : value;
  }

  private index(tree: Tree & { is: 'index' }, local: Bound): Result {
    const of = this.value(tree.of, local);
    const by = this.whole(tree.by, local);
    if (of instanceof Unknown || by instanceof Unknown)
      return together([of instanceof Unknown ? of : null, by]);
    const key = typeof by === 'string' ? by : asInteger(by);
    return key === undefined
      ? this.unknown(tree, 'error', (text) => `${text}: ${kindNames[kindOf(by)]} is no index`)
      : this.select(tree, of, key);
  }

  private has(tree: Tree & { is: 'has' }, local: Bound): Result {
    const of = this.value(tree.of, local);
    if (of instanceof Unknown) return of;
    const container = of instanceof Optional ? of.value : of;
    if (container === undefined) return false;
    // What is there is there, also when it is not whole.
    if (isMap(container) && Object.hasOwn(container, tree.name)) return true;
    const found = this.member(tree, container, tree.name);
    return found instanceof Unknown ? found : false;
  }

  /** A declared value as what it is declared as; null stays null. */
  private declared(tree: Tree & { as?: ReadAs }, value: Value): Value | Unknown {
    return tree.as === undefined || value === null
      ? value
      : this.right(tree, readAs(tree.as, value, this.meter, this.facts));
  }

  private readonly facts = (name: string): ValueMap | undefined => {
    const targets = field(this.scope, targetTable);
    const known = targets !== undefined && isMap(targets) && Object.hasOwn(targets, name);
    const facts = known ? targets[name] : undefined;
    return facts !== undefined && isMap(facts) ? facts : undefined;
  };

  /** Only a boolean is true or false. */
  truth(tree: Tree, local: Bound): boolean | Unknown {
    const value = this.whole(tree, local);
    if (typeof value === 'boolean' || value instanceof Unknown) return value;
    const what = kindNames[kindOf(value)];
    return this.unknown(tree, 'error', (text) => `${text} is ${what}, neither true nor false`);
  }

  /** `&&` and `||`: one part decides, whatever is unknown about the others. */
  private decided(decisive: boolean, parts: readonly Tree[], local: Bound): boolean | Unknown {
    const unknown: Unknown[] = [];
    for (const part of parts) {
      const value = this.truth(part, local);
      if (value === decisive) return decisive;
      if (value instanceof Unknown) unknown.push(value);
    }
    return unknown.length > 0 ? together(unknown) : !decisive;
  }

  /** An unknown condition decides nothing. */
  private choose(tree: Tree & { is: 'if' }, local: Bound): Result {
    const when = this.truth(tree.when, local);
    if (when instanceof Unknown) return when;
    return this.value(when ? tree.then : tree.otherwise, local);
  }

  private called(tree: Tree & { is: 'call' }, local: Bound): Result {
    const optional = tree.of && this.optionalCall(tree, tree.of, local);
    if (optional !== undefined) return optional;
    const known = functions.get(tree.name);
    if (!known || (tree.of ? known.form === 'function' : known.form === 'method'))
      return this.unknown(tree, 'error', () => `there is no function ${tree.name}`);
    const args = [...(tree.of ? [tree.of] : []), ...tree.args].map((arg) => this.whole(arg, local));
    if (args.some((arg) => arg instanceof Unknown)) return together(args);
    const now = Object.hasOwn(this.scope, 'now') ? this.scope['now'] : undefined;
    return this.right(tree, call(tree.name, known, args as Value[], { meter: this.meter, now }));
  }

  /** `.orValue(…)` and `.hasValue()` of an optional value. */
  private optionalCall(tree: Tree & { is: 'call' }, of: Tree, local: Bound): Result | undefined {
    const [arg, ...more] = tree.args;
    const isKnown =
      more.length === 0 &&
      ((tree.name === 'orValue' && arg !== undefined) ||
        (tree.name === 'hasValue' && arg === undefined));
    if (!isKnown) return undefined;
    const value = this.value(of, local);
    if (value instanceof Unknown) return value;
    if (!(value instanceof Optional))
      return this.unknown(of, 'error', (text) => `${text} is not optional`);
    if (arg === undefined) return value.value !== undefined;
    return value.value === undefined ? this.whole(arg, local) : value.value;
  }

  /** The items that a macro goes through. */
  itemsOf(tree: Tree & { is: 'each' }, local: Bound): readonly Value[] | Unknown {
    const of = this.whole(tree.of, local);
    if (of instanceof Unknown) return of;
    if (!Array.isArray(of) && !isMap(of))
      return this.unknown(
        tree,
        'error',
        (text) => `${text}: ${kindNames[kindOf(of)]} has no items`,
      );
    const changed = isMap(of) ? notWhole(of) : undefined;
    if (changed) return this.right(tree, changed) as Unknown;
    // The keys of an object in an order that does not depend on who wrote it.
    const items = Array.isArray(of) ? (of as readonly Value[]) : Object.keys(of);
    this.meter.pay(items.length);
    return Array.isArray(of) ? items : [...(items as string[])].sort();
  }

  private each(tree: Tree & { is: 'each' }, local: Bound): Result {
    const items = this.itemsOf(tree, local);
    if (items instanceof Unknown) return items;
    const inside = (item: Value): Bound => ({ name: tree.variable, value: item, outer: local });
    switch (tree.macro) {
      case 'map': {
        const made: Value[] = [];
        for (const item of items) {
          const value = this.whole(tree.body, inside(item));
          if (value instanceof Unknown) return value;
          made.push(value);
        }
        return made;
      }
      case 'filter': {
        const kept: Value[] = [];
        for (const item of items) {
          const isKept = this.truth(tree.body, inside(item));
          if (isKept instanceof Unknown) return isKept;
          if (isKept) kept.push(item);
        }
        return kept;
      }
      case 'all':
      case 'exists': {
        const decisive = tree.macro === 'exists';
        const unknown: Unknown[] = [];
        for (const item of items) {
          const value = this.truth(tree.body, inside(item));
          if (value === decisive) return decisive;
          if (value instanceof Unknown && unknown.length < reasonsAtMost) unknown.push(value);
        }
        return unknown.length > 0 ? together(unknown) : !decisive;
      }
      case 'exists_one': {
        let found = 0;
        for (const item of items) {
          const value = this.truth(tree.body, inside(item));
          if (value instanceof Unknown) return value;
          if (value) found += 1;
        }
        return found === 1;
      }
    }
  }

  private map(tree: Tree & { is: 'map' }, local: Bound): Result {
    this.meter.pay(tree.entries.length);
    const entries = tree.entries.map(
      ([key, value]) => [this.whole(key, local), this.whole(value, local)] as const,
    );
    const all = entries.flat();
    if (all.some((one) => one instanceof Unknown)) return together(all);
    for (const [key] of entries)
      if (typeof key !== 'string')
        return this.unknown(tree, 'error', () => 'the keys of an object are texts');
    return Object.fromEntries(entries) as ValueMap;
  }

  private right(tree: Tree, result: Value | Wrong): Value | Unknown {
    return result instanceof Wrong
      ? this.unknown(tree, result.kind, (text) => `${text}: ${result.why}`)
      : result;
  }

  private missing(tree: Tree): Unknown {
    return this.unknown(tree, 'missing', (text) => `there is no ${text}`);
  }

  private unknown(tree: Tree, kind: Reason['kind'], say: Cause['say']): Unknown {
    return new Unknown([{ tree, kind, say }]);
  }
}

/** What is unknown about several parts. */
function together(parts: readonly (Value | Optional | Unknown)[]): Unknown {
  const causes = parts.flatMap((part) => (part instanceof Unknown ? part.causes : []));
  return new Unknown(causes.slice(0, reasonsAtMost));
}
