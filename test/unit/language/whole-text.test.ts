import { expect, test } from '@jest/globals';
import { Wrong } from '../../../language/expression/values.js';
import { readInput } from '../../../language/inputs.js';
import { isWhole, patternFault } from '../../../language/whole-text.js';
import { catalogue } from '../../../workflows/catalogue.js';

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
  expect(isWhole(pattern, 'a')).toBeInstanceOf(Wrong);
});

test('a name of a host may be as long as one is, and a text as long as it may', () => {
  expect(isWhole('[a-z0-9]([a-z0-9.-]{0,253}[a-z0-9])?', `${'a'.repeat(254)}z`)).toBe(true);
  expect(isWhole('[a-z]*', 'a'.repeat(200_000))).toBe(true);
  expect(isWhole('[a-z]*', `${'a'.repeat(200_000)}!`)).toBe(false);
});

const ours = catalogue.flatMap(({ id, inputs }) =>
  Object.entries(inputs).flatMap(([name, input]) =>
    input.type === 'text' && input.pattern !== undefined ? [[id, name, input.pattern]] : [],
  ),
);

test.each(ours)('%s: the pattern of %s can be used', (_id, _name, pattern = '') => {
  expect(patternFault(pattern)).toBeUndefined();
});

test('a pattern that cannot be used is no fault of what was given', () => {
  const spec = { type: 'text', description: 'a word', pattern: 'a{2000}' } as const;
  expect(readInput(spec, 'a', [])).toMatchObject({
    wrong: expect.stringContaining('cannot be compared with a{2000}: the pattern is too large'),
    next: expect.stringContaining('owners of the runbook'),
  });
});
