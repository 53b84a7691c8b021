/** Where a part of an expression stands in its text: offsets, the end not included. */
export type Range = readonly [start: number, end: number];

/**
 * An expression as a plan keeps it: its text, for people, and the tree that is evaluated. The tree
 * is made from the text at admission; a workflow has no parser.
 */
export type Expression = { $: string; ast: Tree };

/** Text with expressions in it: `deployment/${inputs.name}`. Nothing is searched in a value. */
export type Joined = { join: readonly (string | Expression)[] };

/**
 * What a declared value is beside its JSON: JSON has neither integers nor times, and a target is
 * there by its name. The checker writes it to the places where a value of a declared type is read.
 */
export type ReadAs = 'integer' | 'duration' | 'timestamp' | 'target' | { list: ReadAs };

/** Whether it is a target, or a list of some. */
export function isTargets(as: ReadAs | undefined): boolean {
  return typeof as === 'object' ? isTargets(as.list) : as === 'target';
}

/** The parts of an expression, each with the place of its text. */
export type Tree =
  | Literal
  | Name
  | Field
  | Index
  | Has
  | Not
  | Minus
  | Both
  | Either
  | Binary
  | Choice
  | Call
  | Each
  | List
  | MapOf;

/** An integer that a double cannot hold is text of digits. */
type Literal = At &
  (
    | { is: 'literal'; type: 'null'; value: null }
    | { is: 'literal'; type: 'boolean'; value: boolean }
    | { is: 'literal'; type: 'text'; value: string }
    | { is: 'literal'; type: 'number'; value: number }
    | { is: 'literal'; type: 'integer'; value: number | string }
  );
type Name = At & { is: 'name'; name: string; as?: ReadAs };
/** `of.name`, or `of.?name`, which gives an optional value. */
type Field = At & { is: 'field'; of: Tree; name: string; optional?: true; as?: ReadAs };
/** `of[by]`, or `of[?by]`. */
type Index = At & { is: 'index'; of: Tree; by: Tree; optional?: true; as?: ReadAs };
/** `has(of.name)`. */
type Has = At & { is: 'has'; of: Tree; name: string };
type Not = At & { is: 'not'; of: Tree };
type Minus = At & { is: 'minus'; of: Tree };
type Both = At & { is: 'and'; parts: readonly Tree[] };
type Either = At & { is: 'or'; parts: readonly Tree[] };
type Binary = At & { is: 'binary'; sign: Sign; left: Tree; right: Tree };
/** `when ? then : otherwise`. */
type Choice = At & { is: 'if'; when: Tree; then: Tree; otherwise: Tree };
/** `name(args)`, or `of.name(args)`. */
type Call = At & { is: 'call'; name: string; of?: Tree; args: readonly Tree[] };
/** `of.macro(variable, body)`. */
type Each = At & { is: 'each'; macro: Macro; of: Tree; variable: string; body: Tree };
type List = At & { is: 'list'; items: readonly Tree[] };
type MapOf = At & { is: 'map'; entries: readonly (readonly [key: Tree, value: Tree])[] };

type At = { at: Range };

export const signs = ['==', '!=', '<', '<=', '>', '>=', 'in', '+', '-', '*', '/', '%'] as const;
export type Sign = (typeof signs)[number];

export const macros = ['map', 'filter', 'all', 'exists', 'exists_one'] as const;
export type Macro = (typeof macros)[number];

/** The parts of a part, in the order of the text. */
export function partsOf(tree: Tree): readonly Tree[] {
  switch (tree.is) {
    case 'literal':
    case 'name':
      return [];
    case 'field':
    case 'has':
    case 'not':
    case 'minus':
      return [tree.of];
    case 'index':
      return [tree.of, tree.by];
    case 'and':
    case 'or':
      return tree.parts;
    case 'binary':
      return [tree.left, tree.right];
    case 'if':
      return [tree.when, tree.then, tree.otherwise];
    case 'call':
      return tree.of ? [tree.of, ...tree.args] : tree.args;
    case 'each':
      return [tree.of, tree.body];
    case 'list':
      return tree.items;
    case 'map':
      return tree.entries.flat();
  }
}

/** A copy of a part, each of its own parts changed. */
export function withParts(tree: Tree, change: (part: Tree) => Tree): Tree {
  switch (tree.is) {
    case 'literal':
    case 'name':
      return { ...tree };
    case 'field':
    case 'has':
    case 'not':
    case 'minus':
      return { ...tree, of: change(tree.of) };
    case 'index':
      return { ...tree, of: change(tree.of), by: change(tree.by) };
    case 'and':
    case 'or':
      return { ...tree, parts: tree.parts.map(change) };
    case 'binary':
      return { ...tree, left: change(tree.left), right: change(tree.right) };
    case 'if':
      return {
        ...tree,
        ...{ when: change(tree.when), then: change(tree.then) },
        otherwise: change(tree.otherwise),
      };
    case 'call':
      return {
        ...tree,
        ...(tree.of && { of: change(tree.of) }),
        args: tree.args.map(change),
      };
    case 'each':
      return { ...tree, of: change(tree.of), body: change(tree.body) };
    case 'list':
      return { ...tree, items: tree.items.map(change) };
    case 'map':
      return {
        ...tree,
        entries: tree.entries.map(([key, value]) => [change(key), change(value)] as const),
      };
  }
}

/** The text of a part, on one line. */
export function textAt(source: string, [start, end]: Range): string {
  return source.slice(start, end).replace(/\s+/g, ' ');
}
