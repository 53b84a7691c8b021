import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { capForHistory, headAndTail } from '../../../activities/output-cap.js';
import type { Json } from '../../../language/json.js';

const size = (value: Json): number => Buffer.byteLength(JSON.stringify(value));

test('what fits is left alone', () => {
  const value = { a: 1, b: ['x', null] };
  expect(capForHistory(value)).toMatchObject({ value, truncated: false, bytes: size(value) });
});

test('a long text keeps beginning and end, small fields stay', () => {
  const value = { exitCode: 3, stdout: `begin${'x'.repeat(200_000)}end` };
  const { value: capped, truncated, bytes } = capForHistory(value);
  expect(truncated).toBe(true);
  expect(bytes).toBe(size(value));
  expect(capped).toMatchObject({ exitCode: 3, truncated: true, fullBytes: bytes });
  const { stdout } = capped as { stdout: string };
  expect(stdout).toMatch(/^begin/);
  expect(stdout).toMatch(/end$/);
  expect(stdout).toMatch(/\d+ characters left out/);
});

describe('whatever the shape, it fits, is JSON and is the same each time', () => {
  let deep: Json = 'x'.repeat(1_000);
  for (let level = 0; level < 500; level += 1) deep = { next: deep, pad: 'y'.repeat(200) };
  test.each<[string, Json]>([
    ['one long text', 'é'.repeat(300_000)],
    ['text that JSON escapes', '\u0001"\\'.repeat(100_000)],
    ['surrogate pairs', '😀'.repeat(100_000)],
    ['a long list', Array.from({ length: 100_000 }, (_, index) => index)],
    [
      'many rows',
      Array.from({ length: 5_000 }, (_, id) => ({
        id,
        name: 'n'.repeat(50),
        note: 'é'.repeat(20),
      })),
    ],
    [
      'many fields',
      Object.fromEntries(Array.from({ length: 50_000 }, (_, index) => [`field${index}`, index])),
    ],
    ['long names', { ['k'.repeat(100_000)]: 1 }],
    ['depth', deep],
  ])('%s', (_what, value) => {
    const first = capForHistory(value);
    expect(first.truncated).toBe(true);
    expect(size(first.value)).toBeLessThanOrEqual(64 * 1024);
    expect(JSON.parse(JSON.stringify(first.value))).toEqual(first.value);
    expect(capForHistory(value)).toEqual(first);
    expect(JSON.stringify(first.value)).not.toMatch(/\\ud[89a-f]/);
  });

  test('any JSON, at any limit', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.integer({ min: 200, max: 2_000 }), (value, limit) => {
        const capped = capForHistory(value as Json, limit);
        expect(size(capped.value)).toBeLessThanOrEqual(limit);
        if (!capped.truncated) expect(capped.value).toEqual(value);
      }),
    );
  });
});

test('a cut never leaves half of a surrogate pair', () => {
  for (let room = 8; room < 24; room += 1)
    expect(headAndTail(`a${'😀'.repeat(50)}`, room)).not.toMatch(/\p{Surrogate}/u);
});
