import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { Redactor } from '../../../activities/redact.js';

const value = 'p&ss"wörd/+ ?1';
const bytes = Buffer.from(value);

function redactor(...values: string[]): Redactor {
  const made = new Redactor();
  values.forEach((each, index) => made.add(`s${index}`, each));
  return made;
}

describe('a secret is found', () => {
  test.each([
    ['as it is', value],
    ['URL-encoded', encodeURIComponent(value)],
    ['JSON-escaped', JSON.stringify({ a: value }).slice(6, -2)],
    ['in base64', bytes.toString('base64')],
    ['in base64 without its padding', bytes.toString('base64').replace(/=+$/, '')],
    ['in base64url', bytes.toString('base64url')],
    ['in hex', bytes.toString('hex')],
    ['in upper-case hex', bytes.toString('hex').toUpperCase()],
  ])('%s', (_form, form) => {
    expect(redactor(value).text(`before ${form} after ${form}`)).toMatch(
      /^before \[secret s0\]=* after \[secret s0\]=*$/,
    );
  });
});

test('text without it stays as it is', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), (text) => {
      expect(redactor('a-secret-that-chance-will-not-find').text(text)).toBe(text);
    }),
  );
});

test('values too short to be secrets do not blank out half of every text', () => {
  expect(redactor('abc').text('abcabc')).toBe('abcabc');
  expect(redactor('abcd').text('abcd')).toBe('[secret s0]');
});

test('of two secrets that begin alike the longer is taken whole', () => {
  expect(redactor('token-1', 'token-1-more').text('x token-1-more y token-1 z')).toBe(
    'x [secret s1] y [secret s0] z',
  );
});

test('values that regular expressions and replacements would read as more than text', () => {
  expect(redactor('.*$&[a-z]+\\').text('abc .*$&[a-z]+\\ def')).toBe('abc [secret s0] def');
});

test('JSON is searched deeply, names too, and keeps its shape', () => {
  const made = redactor('hunter22');
  const output = { a: ['x hunter22', 7, null, true], 'key hunter22': { b: 'hunter22' }, list: [] };
  expect(made.json(output)).toEqual({
    a: ['x [secret s0]', 7, null, true],
    'key [secret s0]': { b: '[secret s0]' },
    list: [],
  });
});

test('wherever it stands and whatever it is, the value does not come through', () => {
  fc.assert(
    fc.property(
      fc.string({ minLength: 6, maxLength: 40 }),
      fc.string(),
      fc.string(),
      (secret, before, after) => {
        // A value that is part of its own name in brackets cannot be told from it.
        fc.pre(!'[secret s0]'.includes(secret) && !`${before}${after}`.includes(secret));
        expect(redactor(secret).text(`${before}\n${secret}\n${after}`)).not.toContain(
          `\n${secret}\n`,
        );
      },
    ),
  );
});
