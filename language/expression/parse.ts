import { type ASTNode, Environment, ParseError } from '@marcbachmann/cel-js';
import {
  type Expression,
  type Macro,
  macros,
  partsOf,
  type Range,
  type Sign,
  signs,
  type Tree,
} from './ast.js';
import { limits } from './limits.js';
import { compilePattern } from './pattern.js';
import type { Problem } from './problem.js';
import { bracketsOf } from './ranges.js';
import { syntaxProblem } from './syntax-problem.js';
import { Wrong } from './values.js';

export type Parsed = { expression: Expression } | { problem: Problem };

/** The library's limits stand in for ours only where its recursion has to end. */
const environment = new Environment({
  unlistedVariablesAreDyn: true,
  enableOptionalTypes: true,
  homogeneousAggregateLiterals: false,
  limits: { maxAstNodes: limits.characters, maxDepth: 2 * limits.depth },
});

/**
 * Reads an expression. Only its form is checked: names and types are the checker's. Neither runs
 * in a workflow.
 */
export function parse(source: string): Parsed {
  if (source.length > limits.characters)
    return tooMuch(
      [limits.characters, source.length],
      `longer than ${limits.characters} characters`,
    );
  try {
    const ast = treeOf(environment.parse(source).ast);
    const large = tooLarge(ast);
    if (large) return large;
    widen(ast, bracketsOf(source));
    return { expression: { $: source, ast } };
  } catch (error) {
    if (error instanceof Mistake) return { problem: error.problem };
    if (error instanceof ParseError) return { problem: syntaxProblem(source, error) };
    throw error;
  }
}

class Mistake extends Error {
  constructor(readonly problem: Problem) {
    super(problem.message);
  }
}

function tooMuch(at: Problem['at'], what: string): { problem: Problem } {
  return { problem: { at, rule: 'expression-limit', message: `the expression is ${what}` } };
}

function tooLarge(tree: Tree): { problem: Problem } | undefined {
  let [parts, deepest] = [0, 0];
  const count = (part: Tree, depth: number): void => {
    parts += 1;
    deepest = Math.max(deepest, depth);
    for (const inner of partsOf(part)) count(inner, depth + 1);
  };
  count(tree, 1);
  if (parts > limits.parts) return tooMuch(tree.at, `larger than ${limits.parts} parts`);
  if (deepest > limits.depth) return tooMuch(tree.at, `nested deeper than ${limits.depth} parts`);
  return undefined;
}

function widen(tree: Tree, whole: (range: Range) => Range): void {
  tree.at = whole(tree.at);
  for (const part of partsOf(tree)) widen(part, whole);
}

/** The library's tree as ours: `&&` and `||` are flat, and a macro is what was written. */
function treeOf(node: ASTNode): Tree {
  const at = [node.start, node.end] as const;
  switch (node.op) {
    case 'value':
      return literal(node, node.args);
    case 'id':
      return { is: 'name', at, name: node.args };
    case '.':
      return { is: 'field', at, of: treeOf(node.args[0]), name: node.args[1] };
    case '.?':
      return { is: 'field', at, of: treeOf(node.args[0]), name: node.args[1], optional: true };
    case '[]':
      return { is: 'index', at, of: treeOf(node.args[0]), by: treeOf(node.args[1]) };
    case '[?]':
      return {
        is: 'index',
        at,
        of: treeOf(node.args[0]),
        by: treeOf(node.args[1]),
        optional: true,
      };
    case '!_':
      return { is: 'not', at, of: treeOf(node.args) };
    case '-_':
      return negative(node, node.args);
    case '&&':
      return { is: 'and', at, parts: flat('&&', node) };
    case '||':
      return { is: 'or', at, parts: flat('||', node) };
    case '?:': {
      const [when, then, otherwise] = node.args;
      return { is: 'if', at, when: treeOf(when), then: treeOf(then), otherwise: treeOf(otherwise) };
    }
    case 'list':
      return { is: 'list', at, items: node.args.map(treeOf) };
    case 'map':
      return {
        is: 'map',
        at,
        entries: node.args.map(([key, value]) => [treeOf(key), treeOf(value)] as const),
      };
    case 'call':
      return node.args[0] === 'has'
        ? has(node, node.args[1])
        : { is: 'call', at, name: node.args[0], args: node.args[1].map(treeOf) };
    case 'rcall':
      return method(node, ...node.args);
    default:
      return binary(node, node.op, node.args);
  }
}

function binary(node: ASTNode, sign: Sign, [left, right]: [ASTNode, ASTNode]): Tree {
  if (!signs.includes(sign)) throw new Error(`the parser gave a part that is not known: ${sign}`);
  return {
    is: 'binary',
    at: [node.start, node.end],
    sign,
    left: treeOf(left),
    right: treeOf(right),
  };
}

function flat(op: '&&' | '||', node: ASTNode): Tree[] {
  // Parentheses on the right stay as they were written.
  const parts: Tree[] = [];
  let rest = node;
  while (rest.op === op) {
    parts.unshift(treeOf(rest.args[1]));
    rest = rest.args[0];
  }
  return [treeOf(rest), ...parts];
}

function has(node: ASTNode, args: ASTNode[]): Tree {
  const [of] = args;
  if (args.length !== 1 || of?.op !== '.')
    throw mistake(node, 'has() asks for one field, such as has(inputs.standby)');
  return { is: 'has', at: [node.start, node.end], of: treeOf(of.args[0]), name: of.args[1] };
}

function method(node: ASTNode, name: string, of: ASTNode, args: ASTNode[]): Tree {
  const at = [node.start, node.end] as const;
  if (!isMacro(name)) {
    if (name === 'matches' || name === 'find') pattern(node, name, args[0]);
    return { is: 'call', at, name, of: treeOf(of), args: args.map(treeOf) };
  }
  const [variable, body] = args;
  if (args.length !== 2 || variable?.op !== 'id' || body === undefined)
    throw mistake(node, `${name} takes a name and an expression, such as list.${name}(x, x > 0)`);
  return {
    is: 'each',
    at,
    macro: name,
    of: treeOf(of),
    variable: variable.args,
    body: treeOf(body),
  };
}

/** A pattern is read with the expression: it is written in it, and never computed. */
function pattern(node: ASTNode, name: string, arg: ASTNode | undefined): void {
  if (arg?.op !== 'value' || typeof arg.args !== 'string')
    throw mistake(arg ?? node, `${name} takes a pattern, written here as a text in quotes`);
  const program = compilePattern(arg.args);
  if (program instanceof Wrong)
    throw new Mistake({
      at: [arg.start, arg.end],
      rule: 'expression-pattern',
      message: program.why,
    });
}

function isMacro(name: string): name is Macro {
  return macros.some((macro) => macro === name);
}

function mistake(node: ASTNode, message: string): Mistake {
  return new Mistake({ at: [node.start, node.end], rule: 'expression-syntax', message });
}

const largest = 2n ** 63n - 1n;

type Value = Extract<ASTNode, { op: 'value' }>['args'];

function literal(node: ASTNode, value: Value, sign: 1n | -1n = 1n): Tree {
  const at = [node.start, node.end] as const;
  if (value === null) return { is: 'literal', at, type: 'null', value };
  switch (typeof value) {
    case 'boolean':
      return { is: 'literal', at, type: 'boolean', value };
    case 'string':
      return { is: 'literal', at, type: 'text', value };
    case 'number':
      return {
        is: 'literal',
        at,
        type: 'number',
        value: sign < 0n && value !== 0 ? -value : value,
      };
    case 'bigint':
      if (value > largest && sign * value !== -largest - 1n)
        throw mistake(node, `${value} is larger than a 64-bit integer`);
      return { is: 'literal', at, type: 'integer', value: plainInteger(sign * value) };
    default:
      throw mistake(
        node,
        value instanceof Uint8Array
          ? 'there are no bytes, only text: write it without the b'
          : 'there are no unsigned integers: write it without the u',
      );
  }
}

/** A sign before a number belongs to it. */
function negative(node: ASTNode, of: ASTNode): Tree {
  const at = [node.start, node.end] as const;
  const isNumber = of.op === 'value' && ['number', 'bigint'].includes(typeof of.args);
  // `-(1)` is no literal: its text would not be read as one.
  return isNumber && of.start === node.start + 1
    ? { ...literal(of, of.args, -1n), at }
    : { is: 'minus', at, of: treeOf(of) };
}

function plainInteger(value: bigint): number | string {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : String(value);
}
