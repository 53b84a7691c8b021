import type { Json } from '../json.js';
import {
  type Expression,
  isTargets,
  type Range,
  type ReadAs,
  type Tree,
  withParts,
} from './ast.js';

/*
 * Makes expressions of expressions: their text, for people, and their tree, which the text agrees
 * with.
 */

/** The text of an expression that is being made, with the trees of what is put into it. */
export class Writer {
  private written = '';

  get length(): number {
    return this.written.length;
  }

  text(text: string): void {
    this.written += text;
  }

  /** Adds an expression, in brackets where it needs some. @returns its tree at its new place */
  put({ $: source, ast }: Expression): Tree {
    const isOpen = ['not', 'minus', 'and', 'or', 'binary', 'if'].includes(ast.is);
    if (isOpen) this.text('(');
    const by = this.length;
    this.text(isOpen ? `${source})` : source);
    return movedBy(ast, by);
  }

  /** The expression, when its text is whole. */
  made(ast: Tree): Expression {
    return { $: this.written, ast };
  }

  /** The whole text so far. */
  get all(): Range {
    return [0, this.length];
  }
}

function movedBy(tree: Tree, by: number): Tree {
  const [start, end] = tree.at;
  return { ...withParts(tree, (part) => movedBy(part, by)), at: [start + by, end + by] };
}

/** A part of an expression by itself. */
export function cutFrom(source: string, part: Tree): Expression {
  const [start, end] = part.at;
  return { $: source.slice(start, end), ast: movedBy(part, -start) };
}

/** The name of a target, as the run knows it; of a list of targets, their names. */
export function nameOf(expression: Expression, isList: boolean): Expression {
  const { $, ast } = expression;
  if ('as' in ast && isTargets(ast.as)) {
    const { as: _asTarget, ...plain } = ast;
    return { $, ast: plain };
  }
  const writer = new Writer();
  const of = writer.put(expression);
  const field = (from: Tree): Tree => ({ is: 'field', at: writer.all, of: from, name: 'name' });
  if (!isList) {
    writer.text('.name');
    return writer.made(field(of));
  }
  writer.text('.map(t, ');
  const variable = writer.put({ $: 't', ast: { is: 'name', at: [0, 1], name: 't' } });
  const from = variable.at[0];
  writer.text('.name');
  const body = { ...field(variable), at: [from, writer.length] as const };
  writer.text(')');
  return writer.made({ is: 'each', at: writer.all, macro: 'map', of, variable: 't', body });
}

/** `expression.name` */
export function fieldOf(expression: Expression, name: string): Expression {
  const writer = new Writer();
  const of = writer.put(expression);
  writer.text('.');
  writer.text(name);
  return writer.made({ is: 'field', at: writer.all, of, name });
}

/** A JSON value; its integers are integers where they are read as such. */
export function literal(value: Json, as?: ReadAs): Expression {
  if (Array.isArray(value)) {
    const item = typeof as === 'object' ? as.list : undefined;
    return listOf(value.map((each) => literal(each, item)));
  }
  if (value !== null && typeof value === 'object')
    return mapOf(
      Object.fromEntries(Object.entries(value).map(([key, each]) => [key, literal(each)])),
    );
  const isInteger = Number.isSafeInteger(value);
  const type = as === 'integer' && isInteger ? 'integer' : 'number';
  const $ = JSON.stringify(value).concat(isInteger && type === 'number' ? '.0' : '');
  const at: Range = [0, $.length];
  if (value === null) return { $, ast: { is: 'literal', at, type: 'null', value } };
  if (typeof value === 'boolean') return { $, ast: { is: 'literal', at, type: 'boolean', value } };
  if (typeof value === 'string')
    return readingAs({ $, ast: { is: 'literal', at, type: 'text', value } }, as);
  return { $, ast: { is: 'literal', at, type, value } };
}

/** `[a, b]` */
export function listOf(items: readonly Expression[]): Expression {
  const writer = new Writer();
  writer.text('[');
  const trees = items.map((item, index) => {
    if (index > 0) writer.text(', ');
    return writer.put(item);
  });
  writer.text(']');
  return writer.made({ is: 'list', at: writer.all, items: trees });
}

/** `{"a": b}` */
export function mapOf(fields: Readonly<Record<string, Expression>>): Expression {
  const writer = new Writer();
  writer.text('{');
  const entries = Object.entries(fields).map(([name, value], index) => {
    if (index > 0) writer.text(', ');
    const key = writer.put(literal(name));
    writer.text(': ');
    return [key, writer.put(value)] as const;
  });
  writer.text('}');
  return writer.made({ is: 'map', at: writer.all, entries });
}

/** `name(argument)` */
function call(name: string, argument: Expression): Expression {
  const writer = new Writer();
  writer.text(`${name}(`);
  const args = [writer.put(argument)];
  writer.text(')');
  return writer.made({ is: 'call', at: writer.all, name, args });
}

/** The texts of the parts, one behind the other. */
export function joined(parts: readonly (string | Expression)[]): Expression {
  const [first = literal(''), ...others] = parts.map((part) =>
    typeof part === 'string' ? literal(part) : call('string', part),
  );
  return others.reduce((left, right) => {
    const writer = new Writer();
    const before = left.ast.is === 'binary' ? bare(writer, left) : writer.put(left);
    writer.text(' + ');
    const behind = writer.put(right);
    const { all: at } = writer;
    return writer.made({ is: 'binary', at, sign: '+', left: before, right: behind });
  }, first);
}

function bare(writer: Writer, { $: source, ast }: Expression): Tree {
  writer.text(source);
  return ast;
}

/** `(a) && (b)` */
export function both(one: Expression, other: Expression): Expression {
  const writer = new Writer();
  const parts = [one, other].map((each, index) => {
    writer.text(index > 0 ? ' && (' : '(');
    const by = writer.length;
    writer.text(`${each.$})`);
    return movedBy(each.ast, by);
  });
  return writer.made({ is: 'and', at: writer.all, parts });
}

/** A value as what is declared of it, where it comes as JSON. */
export function readingAs(expression: Expression, as: ReadAs | undefined): Expression {
  const { $, ast } = expression;
  if (as === undefined) return expression;
  const isName = ast.is === 'name' || ast.is === 'field' || ast.is === 'index';
  if (isName) return ast.as === undefined ? { $, ast: { ...ast, as } } : expression;
  const isText = ast.is === 'literal' && ast.type === 'text';
  return isText && (as === 'duration' || as === 'timestamp') ? call(as, expression) : expression;
}
