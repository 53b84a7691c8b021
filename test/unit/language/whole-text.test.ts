import { expect, test } from '@jest/globals';
import { isWhole, patternFault } from '../../../language/whole-text.js';

const unit = '[a-z][a-z0-9@._-]*';
const path = '/[A-Za-z0-9._/-]*';

test.each([
  [unit, 'nginx'],
  [unit, 'getty@tty1.service'],
  [path, '/var/log'],
  ['a|b', 'b'],
  ['^[0-9]{1,3}$', '042'],
  ['(?i)yes', 'YES'],
  ['', ''],
])('%s is all of %j', (pattern, text) => {
  expect(isWhole(pattern, text)).toBe(true);
});

/** Each holds what its pattern asks for, and something else. */
const more: readonly (readonly [string, string])[] = [
  [unit, '../../x; rm -rf / '],
  [unit, 'nginx\n'],
  [unit, 'nginx;reboot'],
  [unit, '-h nginx'],
  [path, '../etc'],
  [path, '/tmp X; echo'],
  ['a|b', 'ab'],
  ['a|b', 'xb'],
  ['(?m)^a$', 'b\na'],
];

test('what holds more than the pattern is refused', () => {
  const taken = more.filter(([pattern, text]) => isWhole(pattern, text));
  const partly = more.filter(([pattern, text]) =>
    new RegExp(pattern.replace('(?m)', ''), 'm').test(text),
  );
  process.stdout.write(
    `texts with more than their pattern, taken: ${taken.length}; with a match anywhere ${partly.length} of ${more.length}\n`,
  );
  expect(taken).toEqual([]);
  expect(partly).toEqual(more);
});

test('a pattern that backtracks for ever elsewhere takes no time', () => {
  const began = performance.now();
  expect(isWhole('(a+)+', `${'a'.repeat(1_000)}!`)).toBe(false);
  expect(isWhole('(a|a)*b', 'a'.repeat(1_000))).toBe(false);
  // By the size of pattern and text; what backtracks would need longer than the world is old.
  expect(performance.now() - began).toBeLessThan(60_000);
});

test.each(['(', '[z-a]', '(?=a)', '\\1', 'a{2000}'])('%s cannot be used', (pattern) => {
  expect(patternFault(pattern)).toMatch(/the pattern (cannot be|is too large)/);
  expect(isWhole(pattern, 'a')).toBe(false);
});
