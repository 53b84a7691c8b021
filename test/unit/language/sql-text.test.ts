import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { notAName } from '../../../language/sql-name.js';
import { notALiteral, sqlParts } from '../../../language/sql-text.js';

const names = ['x', 'y'];
const cut = (text: string): unknown => {
  const found = sqlParts(text, names);
  return 'parts' in found
    ? found.parts.map((part) => (typeof part === 'string' ? part : [part.place])).flat()
    : found.problem.message;
};

test.each<[string, string[]]>([
  ['VACUUM {x}', ['VACUUM ', 'x', '']],
  ['VACUUM {x}.{y}, {x}', ['VACUUM ', 'x', '.', 'y', ', ', 'x', '']],
  ["SELECT '{a,b}', {x} -- it's", ["SELECT '{a,b}', ", 'x', " -- it's"]],
  ["SELECT '', 'it''s', E'\\'', {x}", ["SELECT '', 'it''s', E'\\'', ", 'x', '']],
  ['SELECT $1, "a""b", $$it\'s$$, ({x})', ['SELECT $1, "a""b", $$it\'s$$, (', 'x', ')']],
  ["SELECT 'a\\', {x}", ["SELECT 'a\\', ", 'x', '']],
  ['/* a /* b */ c */ DROP TABLE {x};', ['/* a /* b */ c */ DROP TABLE ', 'x', ';']],
  ['SELECT {z}', ['SELECT {z}']],
])('%s', (text, parts) => {
  expect(cut(text)).toEqual(parts);
});

describe('a place where a quoted value is not one value', () => {
  test.each([
    ["SELECT '{x}'", 'string'],
    ["SELECT E'\\'{x}'", 'string'],
    ["SELECT 'it''s {x}'", 'string'],
    ['SELECT "{x}"', 'quoted name'],
    ['DO $$BEGIN EXECUTE {x}; END$$', 'string'],
    ['DO $a$ $b$ {x} $a$', 'string'],
    ['DO $é$ {x} $é$', 'string'],
    ['SELECT $1$$ {x} $$', 'string'],
    ["SELECT $$s$$x$$ 'a' $$ {x} $$", 'string'],
    ['SELECT 1 -- {x}', 'comment'],
    ['SELECT 1 /* /* */ {x} */', 'comment'],
    ["SELECT 'not closed {x}", 'string'],
  ])('%s', (text, where) => {
    expect(cut(text)).toBe(`stands in a ${where}, where a quoted value is not one value`);
  });

  test.each([
    'U&{x}',
    'E{x}',
    'a{x}',
    '{x}b',
    '{x}{y}',
    '{x}"b"',
    '"a"{x}',
    "{x}'b'",
    '${x}',
    '{x}$1',
  ])('%s', (text) => {
    expect(cut(`SELECT ${text} `)).toBe('needs a blank, a dot, a comma or a bracket on both sides');
  });
});

test('a statement is cut, and nothing of it is lost', () => {
  const pieces = fc.constantFrom(
    ...["'", "''", '"', '$$', '$a$', '--', '/*', '*/', '\n', '{x}', '{y}', '{z}', 'E', "E'", '\\'],
    ...[' ', 'a', '1', '.', ',', '(', ')', ';', 'é', 'U&', '$1'],
  );
  fc.assert(
    fc.property(fc.array(pieces, { maxLength: 24 }), (list) => {
      const text = list.join('');
      const found = sqlParts(text, names);
      if ('problem' in found) return;
      const whole = found.parts.map((part) =>
        typeof part === 'string' ? part : `{${part.place}}`,
      );
      expect(whole.join('')).toBe(text);
    }),
    { numRuns: 3_000 },
  );
});

test.each<[unknown, string | null]>([
  ['public', null],
  ['a"b', null],
  ['é'.repeat(31), null],
  ['é'.repeat(32), 'is longer than 63 bytes'],
  ['', 'is empty'],
  ['a\0b', 'holds a NUL'],
  ['a\ud800', 'holds half of a character'],
  [7, 'is no text'],
  [null, 'is no text'],
])('%p as a name', (value, why) => {
  expect(notAName(value)).toBe(why);
});

test.each<[unknown, string | null]>([
  ['', null],
  [1.5, null],
  [true, null],
  ['a\0b', 'holds a NUL'],
  [null, 'is no text, number, or true or false'],
  [{}, 'is no text, number, or true or false'],
])('%p as a literal', (value, why) => {
  expect(notALiteral(value)).toBe(why);
});
