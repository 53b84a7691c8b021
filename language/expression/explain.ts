import { type Expression, textAt, type Tree } from './ast.js';
import { type Bound, Evaluation, type Scope, Unknown } from './evaluation.js';
import { limits } from './limits.js';
import { Meter, OutOfSteps } from './meter.js';
import { shortNames } from './short-names.js';
import { textOf } from './text-form.js';
import { kindNames, kindOf, type Value } from './values.js';

const linesAtMost = 8;
const valueLength = 40;
const lineLength = 200;

/**
 * Why a condition is true, false or unknown: the parts that decided, with the values they saw, such
 * as `free_percent (3) < 5 is true`; and what was missing.
 */
export function explain(expression: Expression, scope: Scope): string[] {
  // Parts are evaluated again, some of them twice.
  const meter = new Meter(4 * limits.steps);
  const explanation = new Explanation(expression, new Evaluation(scope, meter));
  try {
    explanation.tell(expression.ast, undefined);
  } catch (error) {
    if (!(error instanceof OutOfSteps)) throw error;
    explanation.add(error.message);
  }
  return explanation.lines;
}

class Explanation {
  readonly lines: string[] = [];
  private readonly names: ReadonlyMap<Tree, string>;

  constructor(
    private readonly expression: Expression,
    private readonly evaluation: Evaluation,
  ) {
    this.names = shortNames(expression);
  }

  add(line: string): void {
    const told = short(line, lineLength);
    if (this.lines.length < linesAtMost && !this.lines.includes(told)) this.lines.push(told);
  }

  /** Tells what decided about a part. */
  tell(tree: Tree, local: Bound): void {
    switch (tree.is) {
      case 'and':
      case 'or':
        this.parts(tree.parts, tree.is === 'or', local);
        return;
      case 'not':
        this.tell(tree.of, local);
        return;
      case 'if': {
        this.tell(tree.when, local);
        const when = this.evaluation.truth(tree.when, local);
        if (!(when instanceof Unknown)) this.tell(when ? tree.then : tree.otherwise, local);
        return;
      }
      case 'each':
        if (tree.macro === 'all' || tree.macro === 'exists') {
          this.items(tree, tree.macro === 'exists', local);
          return;
        }
        break;
      default:
    }
    const value = this.evaluation.whole(tree, local);
    if (value instanceof Unknown)
      for (const { text } of value.reasons(this.expression.$)) this.add(text);
    else this.add(`${this.told(tree, local)} is ${shown(value)}`);
  }

  /** One part that decides, or all of them; of what is unknown, the unknown ones. */
  private parts(parts: readonly Tree[], decisive: boolean, local: Bound): void {
    const values = parts.map((part) => this.evaluation.truth(part, local));
    const decided = parts.filter((_part, at) => values[at] === decisive).slice(0, 1);
    const unknown = parts.filter((_part, at) => values[at] instanceof Unknown);
    const telling = [decided, unknown].find(({ length }) => length > 0) ?? parts;
    for (const part of telling) this.tell(part, local);
  }

  /** The item that decided, where there is one. */
  private items(tree: Tree & { is: 'each' }, decisive: boolean, local: Bound): void {
    const items = this.evaluation.itemsOf(tree, local);
    const value = this.evaluation.whole(tree, local);
    if (items instanceof Unknown || value instanceof Unknown || value !== decisive) {
      if (value instanceof Unknown)
        for (const { text } of value.reasons(this.expression.$)) this.add(text);
      else {
        const count = items instanceof Unknown ? 0 : items.length;
        this.add(
          `${this.text(tree)} is ${shown(value)}, of ${count} ${count === 1 ? 'item' : 'items'}`,
        );
      }
      return;
    }
    for (const item of items) {
      const inside = { name: tree.variable, value: item, outer: local };
      if (this.evaluation.truth(tree.body, inside) === decisive) {
        this.tell(tree.body, inside);
        return;
      }
    }
  }

  /** A comparison with the values of its sides; anything else as it was written. */
  private told(tree: Tree, local: Bound): string {
    if (tree.is !== 'binary') return this.text(tree);
    return `${this.side(tree.left, local)} ${tree.sign} ${this.side(tree.right, local)}`;
  }

  private side(tree: Tree, local: Bound): string {
    const text = this.text(tree);
    if (tree.is === 'literal' || tree.is === 'list') return text;
    const value = this.evaluation.whole(tree, local);
    return value instanceof Unknown ? text : `${text} (${shown(value)})`;
  }

  private text(tree: Tree): string {
    return this.names.get(tree) ?? textAt(this.expression.$, tree.at);
  }
}

/** A value for people. */
function shown(value: Value): string {
  if (typeof value === 'string') return JSON.stringify(short(value, valueLength));
  if (value === null) return 'null';
  if (Array.isArray(value)) return value.length === 1 ? '1 item' : `${value.length} items`;
  const text = textOf(value);
  return typeof text === 'string' ? text : kindNames[kindOf(value)];
}

function short(text: string, length: number): string {
  return text.length > length ? `${text.slice(0, length)}…` : text;
}
