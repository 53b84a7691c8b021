import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { macros, signs, type Tree } from '../../language/expression/ast.js';
import { compile } from '../../language/expression/compile.js';
import { evaluate, holds } from '../../language/expression/evaluate.js';
import { ExpressionError, type Scope } from '../../language/expression/evaluation.js';
import { explain } from '../../language/expression/explain.js';
import { functions } from '../../language/expression/functions.js';
import { parse } from '../../language/expression/parse.js';
import { print } from '../unit/language/expression/print.js';

/*
 * Random expressions and data, from a fixed seed. Whatever they are, an evaluation ends with a
 * value or says why there is none.
 */
const runs = { seed: 20_260_301, numRuns: 1_500 };
const at = [0, 0] as const;

const names = ['a', 'b', 'inputs', 'steps', 'now', 'x', 'y', 'constructor', '__proto', 'missing'];
const name = fc.constantFrom(...names);
const patterns = ['a+', '(b)?a', '^$', '[^x]*', 'é|😀'];

const literal: fc.Arbitrary<Tree> = fc.oneof(
  fc.constant<Tree>({ is: 'literal', at, type: 'null', value: null }),
  fc.boolean().map<Tree>((value) => ({ is: 'literal', at, type: 'boolean', value })),
  fc
    .oneof(
      fc.string({ unit: 'grapheme', maxLength: 6 }),
      fc.constantFrom('5m', '2026-01-31T12:00:00Z', '9007199254740993'),
    )
    .map<Tree>((value) => ({ is: 'literal', at, type: 'text', value })),
  fc
    .oneof(fc.integer({ min: -9, max: 9 }), fc.maxSafeInteger())
    .map<Tree>((value) => ({ is: 'literal', at, type: 'integer', value: value === 0 ? 0 : value })),
  fc
    .constantFrom('9223372036854775807', '-9223372036854775808')
    .map<Tree>((value) => ({ is: 'literal', at, type: 'integer', value })),
  fc
    .double({ noNaN: true, noDefaultInfinity: true, min: 0 })
    .map<Tree>((value) => ({ is: 'literal', at, type: 'number', value: value === 0 ? 0 : value })),
);

const { tree } = fc.letrec<{ tree: Tree }>((tie) => {
  const part = tie('tree');
  const some = fc.array(part, { maxLength: 3 });
  return {
    tree: fc.oneof(
      { maxDepth: 4, depthIdentifier: 'tree' },
      literal,
      name.map<Tree>((each) => ({ is: 'name', at, name: each })),
      fc.tuple(part, name, fc.boolean()).map<Tree>(([of, each, optional]) => ({
        is: 'field',
        at,
        of,
        name: each,
        ...(optional && { optional }),
      })),
      fc.tuple(part, part, fc.boolean()).map<Tree>(([of, by, optional]) => ({
        is: 'index',
        at,
        of,
        by,
        ...(optional && { optional }),
      })),
      fc.tuple(part, name).map<Tree>(([of, each]) => ({ is: 'has', at, of, name: each })),
      part.map<Tree>((of) => ({ is: 'not', at, of })),
      part.map<Tree>((of) => ({ is: 'minus', at, of })),
      fc
        .tuple(
          fc.constantFrom('and' as const, 'or' as const),
          fc.array(part, { minLength: 2, maxLength: 3 }),
        )
        .map<Tree>(([is, parts]) => ({ is, at, parts: flat(is, parts) })),
      fc
        .tuple(fc.constantFrom(...signs), part, part)
        .map<Tree>(([sign, left, right]) => ({ is: 'binary', at, sign, left, right })),
      fc
        .tuple(part, part, part)
        .map<Tree>(([when, then, otherwise]) => ({ is: 'if', at, when, then, otherwise })),
      fc
        .tuple(fc.constantFrom(...functions.keys(), 'orValue', 'nothing'), part, some)
        .map<Tree>(called),
      fc
        .tuple(fc.constantFrom(...functions.keys()), some)
        .map<Tree>(([each, args]) => ({ is: 'call', at, name: each, args })),
      fc
        .tuple(fc.constantFrom(...macros), part, name, part)
        .map<Tree>(([macro, of, variable, body]) => ({
          is: 'each',
          at,
          macro,
          of,
          variable,
          body,
        })),
      some.map<Tree>((items) => ({ is: 'list', at, items })),
      fc
        .array(fc.tuple(part, part), { maxLength: 2 })
        .map<Tree>((entries) => ({ is: 'map', at, entries })),
    ),
  };
});

/** As the parser has it: `(a && b) && c` is `a && b && c`. */
function flat(is: 'and' | 'or', [first, ...more]: Tree[]): Tree[] {
  return first?.is === is ? [...first.parts, ...more] : [...(first ? [first] : []), ...more];
}

/** A pattern is always a literal. */
function called([each, of, args]: [string, Tree, Tree[]]): Tree {
  const pattern = patterns[args.length] ?? 'a';
  const isSearch = each === 'matches' || each === 'find';
  return {
    is: 'call',
    at,
    name: each,
    of,
    args: isSearch ? [{ is: 'literal', at, type: 'text', value: pattern }, ...args.slice(1)] : args,
  };
}

const json = fc.jsonValue({ maxDepth: 3 });
const scope: fc.Arbitrary<Scope> = fc
  .dictionary(
    name,
    fc.oneof(
      json,
      json,
      fc.constantFrom<unknown>([1, 2, 3], { a: { b: [{ x: 1 }] } }, ['a', 'b'], 5n),
    ),
    { noNullPrototype: true },
  )
  .map((made) => made as Scope);

/** A tree without the places of its text. */
function bare(value: unknown): unknown {
  return JSON.parse(
    JSON.stringify(value, (key, each: unknown) => (key === 'at' ? undefined : each)),
  );
}

describe('random expressions', () => {
  test('a tree is read again from its text', () => {
    let [read, refused] = [0, 0];
    fc.assert(
      fc.property(tree, (given) => {
        const parsed = parse(print(given));
        if ('problem' in parsed) {
          // Too large, or a name that the parser keeps for itself.
          refused += 1;
          expect(parsed.problem.rule).toMatch(/^expression-(limit|syntax)$/);
          return;
        }
        read += 1;
        expect(bare(parsed.expression.ast)).toEqual(bare(given));
      }),
      runs,
    );
    expect(read).toBeGreaterThan(10 * refused);
  });

  test('every part has its text at its place', () => {
    fc.assert(
      fc.property(tree, (given) => {
        const parsed = parse(print(given));
        if ('problem' in parsed) return;
        const { $: source, ast } = parsed.expression;
        const again = parse(source.slice(...ast.at));
        expect('problem' in again ? again.problem : bare(again.expression.ast)).toEqual(bare(ast));
      }),
      runs,
    );
  });

  test('an evaluation gives a value or a reason, twice the same', () => {
    const seen = { value: 0, unknown: 0 };
    fc.assert(
      fc.property(tree, scope, (ast, data) => {
        const expression = { $: print(ast), ast };
        const outcome = evaluate(expression, data);
        seen['value' in outcome ? 'value' : 'unknown'] += 1;
        if ('unknown' in outcome) expect(outcome.unknown.length).toBeGreaterThan(0);
        else expect(JSON.parse(JSON.stringify(outcome.value))).toEqual(outcome.value);
        expect(evaluate(structuredClone(expression), structuredClone(data))).toEqual(outcome);
        const verdict = holds(expression, data);
        expect(typeof verdict === 'boolean').toBe(
          'value' in outcome && typeof outcome.value === 'boolean',
        );
        expect(explain(expression, data).length).toBeGreaterThan(0);
      }),
      runs,
    );
    expect(Math.min(seen.value, seen.unknown)).toBeGreaterThan(100);
  });

  test('what was checked is evaluated like what was only read, where nothing is declared', () => {
    const names = { a: 'dyn', b: 'dyn', inputs: 'dyn', steps: 'dyn', x: 'dyn', y: 'dyn' } as const;
    let checked = 0;
    fc.assert(
      fc.property(tree, scope, (ast, data) => {
        const compiled = compile(print(ast), names);
        if ('problems' in compiled) return;
        checked += 1;
        const parsed = parse(compiled.expression.$);
        if ('problem' in parsed) throw new Error(parsed.problem.message);
        expect(evaluate(compiled.expression, data)).toEqual(evaluate(parsed.expression, data));
      }),
      runs,
    );
    expect(checked).toBeGreaterThan(100);
  });

  test('random text is an expression or has a problem with a place', () => {
    const words = fc.constantFrom(
      ...'a . ( ) [ ] { } " \' + - ! && || ? : , 1 == in $ = \\ # // \n é'.split(' '),
      ' ',
    );
    fc.assert(
      fc.property(fc.array(words, { maxLength: 12 }), (parts) => {
        const source = parts.join('');
        const parsed = parse(source);
        if ('expression' in parsed) return;
        const [start, end] = parsed.problem.at;
        expect(start).toBeLessThanOrEqual(end);
        expect(end).toBeLessThanOrEqual(source.length);
        expect(parsed.problem.message).not.toMatch(/Unexpected|Expected|undefined/);
      }),
      { ...runs, numRuns: 5_000 },
    );
  });
});

test('a tree that no parser made is refused with an error of its own', () => {
  for (const ast of [{ is: 'nothing', at }, { at }, null, 'a', [], { is: 'field', at, name: 'a' }])
    expect(() => evaluate({ $: 'x', ast: ast as unknown as Tree }, {})).toThrow(ExpressionError);
});
