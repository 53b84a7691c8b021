import { describe, expect, test } from '@jest/globals';
import { stretched } from '../../../../embedded/pace.js';
import { limits, read } from '../../../../language/document/read.js';
import { problemText } from '../../../../language/document/show-problems.js';

const problemsOf = (text: string): string[] =>
  read(text, 'x.runbook.yaml').problems.map(
    ({ line, col, length, rule }) => `${line}:${col} ${length} ${rule}`,
  );

describe('what YAML allows and a runbook does not', () => {
  test.each([
    ['a tag', 'a: !!js/function x\n', '1:4 13 yaml-tag'],
    ['a known tag', 'a: !!str 5\n', '1:10 1 yaml-tag'],
    ['a tag on a map', 'a: !!map { b: 1 }\n', '1:10 8 yaml-tag'],
    ['a key twice', 'a: 1\nb: 2\na: 3\n', '3:1 1 duplicate-key'],
    ['a merge key', 'a: &x { b: 1 }\nc:\n  <<: *x\n', '3:3 2 yaml-merge'],
    ['two documents', 'a: 1\n---\nb: 2\n', '2:1 3 one-document'],
    ['another version', '%YAML 1.1\n---\na: yes\n', '1:1 1 yaml-syntax'],
    ['an octal number', 'a: 0644\n', '1:4 4 number-form'],
    ['a hexadecimal number', 'a: 0x1f\n', '1:4 4 number-form'],
    ['a number that a double rounds', 'a: 9007199254740993\n', '1:4 16 number-form'],
    ['a number without end', 'a: .inf\n', '1:4 4 number-form'],
    ['a version that is a number', 'a: 3.10\n', '1:4 4 number-form'],
    ['a whole number with a point', 'a: 3.0\n', '1:4 3 number-form'],
    ['a commit that is a number', 'a: 12e3\n', '1:4 4 number-form'],
    ['less than nothing', 'a: -0\n', '1:4 2 number-form'],
    ['a NUL', 'a: "x\\0"\n', '1:4 5 yaml-syntax'],
    ['half of a surrogate pair', 'a: "\\ud83d"\n', '1:4 8 yaml-syntax'],
    ['a time of day', 'a: 02:00\n', '1:4 5 quote-time'],
    ['a list', '- a\n', '1:1 1 yaml-syntax'],
    ['nothing', '', '1:1 1 yaml-syntax'],
    ['a key that is a list', '? [a]\n: b\n', '1:3 3 yaml-syntax'],
    ['an empty key', ': b\n', '1:1 1 yaml-syntax'],
    ['a prototype', '__proto__: { a: 1 }\n', '1:1 9 yaml-syntax'],
    ['an alias of nothing', 'a: *x\n', '1:4 2 yaml-alias'],
    ['an alias of itself', 'a: &x [*x]\n', '1:8 2 yaml-alias'],
    ['a comma in a flow map', 'a: { x: max(1, n) }\n', '1:9 9 cut-at-comma'],
    ['a tab', 'a:\n\tb: 1\n', '2:1 1 yaml-syntax'],
    ['a text with a colon', 'a: b: c\n', '1:4 4 quote-text'],
    ['an expression with a colon', 'when: a ? b : c\n', '1:7 9 quote-expression'],
    ['a quote that ends too early', 'when: "a" == b\n', '1:7 8 quote-expression'],
    ['an expression in a map', 'a: { b: ${inputs.x} }\n', '1:10 10 quote-expression'],
    ['an index in a map', 'a: { b: out.rows[0].x }\n', '1:9 9 quote-expression'],
    ['a reserved letter', 'a: @b\n', '1:4 2 quote-text'],
    ['a quote without end', 'a: "x\nb: 1\n', '1:4 1 yaml-syntax'],
  ])('%s', (_what, text, expected) => {
    expect(problemsOf(text)[0]).toBe(expected);
  });

  test('of what the parser refuses, only the first is told', () => {
    const many = `a: { b: out.rows[0].x, ${'c: [d.e[0].f], '.repeat(200)} }\n`;
    expect(problemsOf(many)).toHaveLength(1);
  });
});

describe('hostile files end soon', () => {
  const aliases = (levels: number): string =>
    ['a0: &a0 [x, x, x, x, x, x, x, x, x]']
      .concat(
        Array.from(
          { length: levels },
          (_each, at) => `a${at + 1}: &a${at + 1} [${`*a${at}, `.repeat(9)}]`,
        ),
      )
      .join('\n');

  test.each([
    ['an alias bomb', aliases(9)],
    ['nested lists', `a: ${'['.repeat(100_000)}`],
    ['nested maps', `a: ${'{b: '.repeat(50_000)}`],
    ['a deep block', Array.from({ length: 700 }, (_each, at) => `${' '.repeat(at)}a:`).join('\n')],
    ['dashes', `a:\n  ${'- '.repeat(50_000)}`],
    ['questions', `${'? '.repeat(50_000)}`],
    ['a large file', `a: ${'x'.repeat(limits.characters)}`],
    ['many keys', Array.from({ length: 20_000 }, (_each, at) => `k${at}: 1`).join('\n')],
    ['many lines', '\n'.repeat(200_000)],
    ['open quotes', `a: ${'"'.repeat(100_001)}`],
    ['anchors', Array.from({ length: 10_000 }, (_each, at) => `k${at}: &a${at} 1`).join('\n')],
    ['NUL', 'a: \0\0\0'],
    ['a lone surrogate', 'a: \ud800'],
  ])('%s', (_what, text) => {
    const started = performance.now();
    const { problems } = read(text, 'x.yaml');
    for (const each of problems) problemText(each);
    expect(performance.now() - started).toBeLessThan(stretched(3_000));
  });
});
