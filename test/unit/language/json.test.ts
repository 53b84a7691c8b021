import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { parseJson, sameJson } from '../../../language/json.js';

test.each<[string, unknown]>([
  ['9007199254740991', 9007199254740991],
  ['9007199254740992', '9007199254740992'],
  ['-9007199254740993', '-9007199254740993'],
  ['{"id":12345678901234567890,"n":1}', { id: '12345678901234567890', n: 1 }],
  [
    '[1e20,1.5e18,1E2,9007199254740993.0]',
    ['100000000000000000000', '1500000000000000000', 100, '9007199254740993'],
  ],
  ['1e400', '1e400'],
  ['[1.10,0.1,-0.5,3.0,0.30000000000000004]', [1.1, 0.1, -0.5, 3, 0.1 + 0.2]],
  ['12345678901234567.89', '12345678901234567.89'],
  ['0.1234567890123456789012', '0.1234567890123456789012'],
  ['\uFEFF{"a":12345678901234567890}', { a: '12345678901234567890' }],
  ['{"t":"12345678901234567890, 1e400"}', { t: '12345678901234567890, 1e400' }],
])('%s keeps its value', (text, value) => {
  expect(parseJson(text)).toEqual(value);
});

test.each(['', '01', '{"a":1,}', '{12345678901234567890:1}', 'NaN', '<html>'])(
  '%j is no JSON',
  (text) => {
    expect(() => parseJson(text)).toThrow(SyntaxError);
  },
);

test('a key called __proto__ changes nothing but itself', () => {
  for (const number of ['1', '12345678901234567890']) {
    const value = parseJson(`{"__proto__":{"admin":true},"n":${number}}`) as Record<
      string,
      unknown
    >;
    expect(Object.getPrototypeOf(value)).toBe(Object.prototype);
    expect(value['admin']).toBeUndefined();
    expect(Object.keys(value)).toEqual(['__proto__', 'n']);
  }
});

test('of equal keys the last one counts, as everywhere', () => {
  expect(parseJson('{"a":1,"a":12345678901234567890}')).toEqual({ a: '12345678901234567890' });
});

/** Any integer, written as JSON has it. */
const integers = fc.bigInt({ min: -(2n ** 80n), max: 2n ** 80n });
const changed = (ids: readonly bigint[], read: (text: string) => unknown): number =>
  ids.filter((id) => String((read(`{"id":${id}}`) as { id: unknown }).id) !== String(id)).length;

test('no integer is changed by reading it', () => {
  const ids = fc.sample(integers, 500);
  const bare = changed(ids, JSON.parse);
  process.stdout.write(
    `integers changed of 500: ${changed(ids, parseJson)}; by JSON.parse: ${bare}\n`,
  );
  expect(changed(ids, parseJson)).toBe(0);
  expect(bare).toBeGreaterThan(0);
});

test('what a double can hold is read as JSON.parse reads it', () => {
  fc.assert(
    fc.property(fc.jsonValue({ noUnicodeString: false }), (value) => {
      const text = JSON.stringify(value);
      // Whole numbers beyond 2^53 are what differs.
      fc.pre(!/\d{16}|e\+/.test(text));
      expect(parseJson(text)).toEqual(JSON.parse(text));
    }),
  );
});

test('what is written back is what was read', () => {
  const text = '{"id":12345678901234567890,"ns":[9223372036854775807,1],"a":{"b":1.5}}';
  expect(sameJson.toText(sameJson.read(text))).toBe(text);
  expect(JSON.stringify(JSON.parse(text))).not.toBe(text);
});
