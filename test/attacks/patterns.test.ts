import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { RE2JS } from 're2js';
import { limits } from '../../language/expression/limits.js';
import { Meter, OutOfSteps } from '../../language/expression/meter.js';
import { compilePattern, firstMatch, isMatch } from '../../language/expression/pattern.js';
import { patternSize } from '../../language/expression/pattern-size.js';
import { Wrong } from '../../language/expression/values.js';

/*
 * Patterns are read by a library and searched for by us, since its own search cannot be stopped.
 * The two have to agree.
 */

const atoms = [
  'a',
  'b',
  '.',
  '\\d',
  '\\w',
  '\\s',
  '[ab]',
  '[^a]',
  '^',
  '$',
  '\\b',
  '\\B',
  '(?i:A)',
  '\\n',
  'é',
  '😀',
];
const more = ['(?m:^)', '(?s:.)', '(?m:$)', '\\A', '\\z', '[[:alpha:]]', '\\pL', '\\PL', '(?i:é)'];
const counts = ['', '', '', '*', '+', '?', '*?', '+?', '??', '{2}', '{1,3}', '{0,2}?', '{1,}'];

const { pattern } = fc.letrec<{ pattern: string }>((tie) => ({
  pattern: fc
    .array(
      fc.tuple(
        fc.oneof(
          { maxDepth: 3, depthIdentifier: 'pattern' },
          fc.constantFrom(...atoms, ...more),
          tie('pattern').map((inner) => `(${inner})`),
          tie('pattern').map((inner) => `(?:${inner})`),
          fc.tuple(tie('pattern'), tie('pattern')).map(([a, b]) => `(${a}|${b})`),
        ),
        fc.constantFrom(...counts),
      ),
      { minLength: 1, maxLength: 3 },
    )
    .map((parts) => parts.map(([atom, count]) => atom + count).join('')),
}));
const text = fc
  .array(fc.constantFrom('a', 'b', 'A', 'É', '1', '_', ' ', '\n', 'é', '😀'), { maxLength: 14 })
  .map((parts) => parts.join(''));

test("our search finds what the library's finds", () => {
  let found = 0;
  fc.assert(
    fc.property(pattern, text, (source, searched) => {
      let library;
      try {
        library = RE2JS.compile(source).matcher(searched);
      } catch {
        expect(compilePattern(source)).toBeInstanceOf(Wrong);
        return;
      }
      if (compilePattern(source) instanceof Wrong) return;
      const meter = new Meter(Infinity);
      const isFound = library.find();
      if (isFound) found += 1;
      expect(isMatch(source, searched, meter)).toBe(isFound);
      expect(firstMatch(source, searched, meter)).toEqual(
        isFound
          ? Array.from(
              { length: library.groupCount() + 1 },
              (_unused, at) => library.group(at) ?? undefined,
            )
          : undefined,
      );
    }),
    { seed: 20_260_301, numRuns: 5_000 },
  );
  expect(found).toBeGreaterThan(1_000);
});

describe('a search is paid for by what it does', () => {
  const steps = (source: string, searched: string): number => {
    const meter = new Meter(Infinity);
    isMatch(source, searched, meter);
    return meter.spent;
  };
  const log = 'INFO request 4711 took 12 ms\n'.repeat(2_000);

  test('an ordinary pattern may search a large log', () => {
    for (const source of [
      'ERROR|FATAL',
      '(?i)connection refused|could not connect',
      'pid=([0-9]+)',
      '^ERROR',
    ])
      expect(steps(source, log)).toBeLessThan(limits.steps / 4);
  });

  test('its cost grows with the text, and not faster', () => {
    for (const source of ['(a+)+$', '(a|aa)+b', '(a|b)*a(a|b){20}$'])
      expect(steps(source, 'a'.repeat(20_000)) / steps(source, 'a'.repeat(10_000))).toBeLessThan(
        2.1,
      );
  });

  test('what takes too long ends', () => {
    expect(() => isMatch('(a|b)*a(a|b){20}$', 'ab'.repeat(30_000), new Meter())).toThrow(
      OutOfSteps,
    );
  });
});

describe('the size of a program is known before it is made', () => {
  test.each([
    ['abc', 3],
    ['a{20}', 20],
    ['(ab){20}', 80],
    ['((a{10}){10}){2}', 244],
    ['[a-z]{10}', 40],
    ['[]a]{2}', 8],
    ['[\\]{3}]', 4],
    ['\\({5}', 5],
    ['\\pL{10}', 200],
    ['a{2,}', 2],
    ['a{3,7}', 7],
    ['x{', 2],
    ['((((', 0],
  ])('%s', (source, size) => {
    expect(patternSize(source)).toBe(size);
  });

  test('it is about the size that the program has', () => {
    fc.assert(
      fc.property(pattern, (source) => {
        const program = compilePattern(source);
        if (program instanceof Wrong) return;
        expect(program.inst.length).toBeLessThan(20 + 6 * patternSize(source));
      }),
      { seed: 20_260_301, numRuns: 2_000 },
    );
  });

  test('one that is too large is refused, and not compiled', () => {
    for (const source of [
      '(a{100}){100}',
      '(\\pL{30}){30}',
      '(((a{9}){9}){9}){9}',
      `${'(a?){30}'.repeat(20)}`,
    ])
      expect(compilePattern(source)).toEqual(
        new Wrong('the pattern is too large, with its counts written out'),
      );
  });
});
