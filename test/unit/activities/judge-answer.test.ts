import { describe, expect, test } from '@jest/globals';
import { judgeAnswer } from '../../../activities/judge-answer.js';
import { readCondition, readExpression } from '../../../language/read-expression.js';
import { resolve, Unresolved } from '../../../language/reference.js';
import type { Json } from '../../../language/json.js';

const answer = {
  status: 'ok',
  n: 3,
  big: '9007199254740993',
  nothing: null,
  list: [1],
  lag: 'NaN',
};

test.each<[string, boolean | null]>([
  ['out.status == "ok"', true],
  ['out.nothing == null', true],
  ['out.n >= 1 && out.n <= 5', true],
  ['out.n <= 2', false],
  // What is not there is neither equal nor different, neither more nor less.
  ['out.absent == "x"', null],
  ['out.absent != "x"', null],
  ['out.absent in ["x", null]', null],
  ['out.absent >= 1', null],
  ['out.status.deeper != "x"', null],
  ['out.__proto__.x != "x"', null],
  // What is no number is not small.
  ['out.nothing <= 5', null],
  ['out.lag <= 5', null],
  ['out.list >= 0', null],
  // A side that decides alone decides.
  ['out.absent == 1 && out.n == 4', false],
  ['out.absent == 1 && out.n == 3', null],
  ['out.absent == 1 || out.n == 3', true],
  ['out.absent == 1 || out.n == 4', null],
  // All digits count.
  ['out.big == "9007199254740993"', true],
  ['int(out.big) >= 9007199254740991', true],
  ['int(out.big) <= 9007199254740992', false],
])('%s', (cel, holds) => {
  expect(judgeAnswer({ cel }, answer).holds).toBe(holds);
});

test('a condition of code reads what is given with it, and says so', () => {
  const condition = { cel: 'out.n <= limit', given: { limit: 3 } };
  expect(judgeAnswer(condition, answer)).toEqual({ holds: true, why: '' });
  expect(judgeAnswer({ cel: 'out.n <= limit' }, answer)).toEqual({
    holds: null,
    why: 'there is no limit',
  });
});

test('a condition that is no expression is a mistake of ours, not of the answer', () => {
  expect(() => judgeAnswer({ cel: 'out.n <=' }, answer)).toThrow(TypeError);
});

describe('a condition that names more than the answer', () => {
  const scope = {
    inputs: { limit: 3, list: [5, 6] },
    steps: { one: { rows: [{ n: 2 }], whole: { a: 1, b: 2 } } },
  };
  test.each([
    ['out.n <= inputs.limit', true],
    ['out.n < inputs.list[1] && out.n > steps.one.rows[0].n', true],
    ['out.n == steps.one.whole.a + steps.one.whole.b', true],
    ['steps.one.whole.a == 1 && size(steps.one.whole) == 2', true],
    ['steps.one.?other.orValue(3) == out.n', true],
    ['[1, 3].exists(each, each == out.n && each == inputs.limit)', true],
  ])('%s gets their values, and no others', (cel, holds) => {
    const condition = resolve(readCondition(cel) as unknown as Json, scope);
    expect(judgeAnswer(condition as never, answer)).toEqual({ holds, why: '' });
    expect(JSON.stringify(condition)).not.toContain('"$"');
  });
});

describe('what was shortened for people is not read by code', () => {
  const steps = {
    command: { exitCode: 0, stdout: 'begin … end', stderr: '', truncated: true, cut: ['stdout'] },
    many: { jobs: ['1'], n: 1, truncated: true, cut: null, fullBytes: 1e6, fullSha256: 'x' },
    own: { body: { truncated: true, text: 'a service may say so too' } },
  };
  const read = (path: string): Json => readExpression(path) as unknown as Json;
  test.each([
    ['command.exitCode', 0],
    ['command.stderr', ''],
    ['many.n', 1],
    ['own.body', steps.own.body],
    ['own.body.text', 'a service may say so too'],
  ])('%s is whole', (path, value) => {
    expect(resolve(read(path), steps)).toEqual(value);
  });
  const parts = ['command.stdout', 'many.jobs', 'many.jobs[0]', 'many.other'];
  test.each(['command', 'many', ...parts])('%s is not', (path) => {
    expect(() => resolve([read(path)], steps)).toThrow(Unresolved);
  });
  test.each(parts)('no condition holds on %s', (path) => {
    const [root = '', name = ''] = path.split('.');
    expect(judgeAnswer({ cel: `out.${name} != "x"` }, steps[root as 'many'])).toMatchObject({
      holds: null,
      why: expect.stringContaining('not whole'),
    });
  });
});
