import { describe, expect, test } from '@jest/globals';
import { limits } from '../../../../language/expression/limits.js';
import { parse } from '../../../../language/expression/parse.js';
import type { Problem } from '../../../../language/expression/problem.js';
import { read } from './read.js';

function problemOf(source: string): Problem {
  const parsed = parse(source);
  if ('expression' in parsed) throw new Error(`${source} is an expression`);
  return parsed.problem;
}

/** The source with the place of its problem between marks. */
function marked(source: string): string {
  const [start, end] = problemOf(source).at;
  return `${source.slice(0, start)}⟨${source.slice(start, end)}⟩${source.slice(end)}`;
}

describe('a mistake has a place, and where there is one answer, that', () => {
  test.each([
    ['inputs.a = 3', 'inputs.a ⟨=⟩ 3', 'inputs.a == 3'],
    ['inputs.a === 3', 'inputs.a ⟨===⟩ 3', 'inputs.a == 3'],
    ['inputs.a !== 3', 'inputs.a ⟨!==⟩ 3', 'inputs.a != 3'],
    ['inputs.a <> 3', 'inputs.a ⟨<>⟩ 3', 'inputs.a != 3'],
    ['inputs.a => 3', 'inputs.a ⟨=>⟩ 3', 'inputs.a >= 3'],
    ['inputs.a =< 3', 'inputs.a ⟨=<⟩ 3', 'inputs.a <= 3'],
    ['a & b', 'a ⟨&⟩ b', 'a && b'],
    ['a | b', 'a ⟨|⟩ b', 'a || b'],
    ['a and b', 'a ⟨and⟩ b', 'a && b'],
    ['a or b', 'a ⟨or⟩ b', 'a || b'],
    ['a == 1 and not b', 'a == 1 ⟨and⟩ not b', 'a == 1 && not b'],
    ['a && not b', 'a && ⟨not ⟩b', 'a && !b'],
    ['a is b', 'a ⟨is⟩ b', 'a == b'],
    ['${inputs.a} > 3', '⟨$⟩{inputs.a} > 3', undefined],
    ['${ inputs.a > 3 }', '⟨$⟩{ inputs.a > 3 }', 'inputs.a > 3'],
    ['a == “b”', 'a == ⟨“⟩b”', 'a == "b”'],
    ['"\\d+"', '"⟨\\d⟩+"', '"\\\\d+"'],
    ['"a\nb"', '"a⟨\n⟩b"', undefined],
    ['"abc', '⟨"abc⟩', undefined],
    ['"""abc"', '⟨"""abc"⟩', undefined],
    ['if a', '⟨if⟩ a', undefined],
    ['a if b else c', 'a ⟨if⟩ b else c', undefined],
    ['a =~ "b"', 'a ⟨=⟩~ "b"', undefined],
    ['f(a, b', 'f(a, b⟨⟩', undefined],
    ['a ? b', 'a ? b⟨⟩', undefined],
    ['a]', 'a⟨]⟩', undefined],
    ['a b', 'a ⟨b⟩', undefined],
    ['', '⟨⟩', undefined],
    ['  ', '  ⟨⟩', undefined],
    ['1.5.2', '1.5.⟨2⟩', undefined],
    ['a.b.', 'a.b.⟨⟩', undefined],
    ['0x', '⟨0x⟩', undefined],
    ['1e400', '⟨1e400⟩', undefined],
    ['"\\u12"', '"⟨\\u12⟩"', undefined],
    ['"\\x4"', '"⟨\\x4⟩"', undefined],
    ['x.matches("(")', 'x.matches(⟨"("⟩)', undefined],
    ['x.matches(y)', 'x.matches(⟨y⟩)', undefined],
    ['x.map(1, 2)', 'x.map(⟨1⟩, 2)', undefined],
    ['x.map(y)', '⟨x.map(y)⟩', undefined],
    ['has(x)', '⟨has(x)⟩', undefined],
    ['has(x["y"])', '⟨has(x["y"])⟩', undefined],
    ['1u', '⟨1u⟩', undefined],
    ['b"x"', '⟨b"x"⟩', undefined],
    ['for', '⟨for⟩', undefined],
  ])('%s', (source, place, fixed) => {
    expect(marked(source)).toBe(place);
    const { fix } = problemOf(source);
    const after = fix && source.slice(0, fix.at[0]) + fix.text + source.slice(fix.at[1]);
    expect(after).toBe(fixed);
  });
});

describe('limits', () => {
  test('characters', () => {
    const text = (length: number): string => `"${'x'.repeat(length - 2)}"`;
    expect(parse(text(limits.characters))).toHaveProperty('expression');
    expect(problemOf(text(limits.characters + 1)).message).toBe(
      'the expression is longer than 2000 characters',
    );
  });

  test('parts', () => {
    const list = (length: number): string => `[${'1,'.repeat(length - 1)}]`;
    expect(parse(list(limits.parts))).toHaveProperty('expression');
    expect(problemOf(list(limits.parts + 1)).message).toBe(
      'the expression is larger than 200 parts',
    );
  });

  test('depth', () => {
    const nested = (depth: number): string => `${'!'.repeat(depth - 1)}a`;
    expect(parse(nested(limits.depth))).toHaveProperty('expression');
    expect(problemOf(nested(limits.depth + 1)).message).toBe(
      'the expression is nested deeper than 30 parts',
    );
    expect(problemOf('('.repeat(500)).rule).toBe('expression-limit');
  });

  test('many conditions side by side are not deep', () => {
    expect(parse(Array.from({ length: 60 }, () => 'a').join(' && '))).toHaveProperty('expression');
  });
});

test('the tree is small, and JSON', () => {
  expect(read('steps.a.b > 3 && has(inputs.c)').ast).toEqual({
    is: 'and',
    at: [0, 30],
    parts: [
      {
        is: 'binary',
        at: [0, 13],
        sign: '>',
        left: {
          is: 'field',
          at: [0, 9],
          of: { is: 'field', at: [0, 7], of: { is: 'name', at: [0, 5], name: 'steps' }, name: 'a' },
          name: 'b',
        },
        right: { is: 'literal', at: [12, 13], type: 'integer', value: 3 },
      },
      { is: 'has', at: [17, 30], of: { is: 'name', at: [21, 27], name: 'inputs' }, name: 'c' },
    ],
  });
});

test('parentheses and comments are no parts, and belong to the text around them', () => {
  const { $: source, ast } = read('((a + b)) * (c) // a comment (');
  if (ast.is !== 'binary') throw new Error('it is no product');
  expect(source.slice(...ast.at)).toBe('((a + b)) * (c)');
  expect(source.slice(...ast.left.at)).toBe('a + b');
});
