import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { judge, lookUp, type Condition } from '../../../language/condition.js';
import { resolve, Unresolved } from '../../../language/reference.js';

const data = { status: 'ok', n: 3, big: '9007199254740993', nothing: null, list: [1], lag: 'NaN' };

test.each<[Condition, boolean | null]>([
  [{ path: 'status', is: 'ok' }, true],
  [{ path: 'status', isNot: 'degraded' }, true],
  [{ path: 'nothing', is: null }, true],
  [{ path: 'nothing', isNot: 'x' }, true],
  [{ path: 'n', is: 3, atLeast: 1, atMost: 5 }, true],
  [{ path: 'n', atMost: 2 }, false],
  // What is not there is neither equal nor different, neither more nor less.
  [{ path: 'absent', is: 'x' }, null],
  [{ path: 'absent', isNot: 'x' }, null],
  [{ path: 'absent', in: ['x', null] }, null],
  [{ path: 'absent', is: null }, null],
  [{ path: 'absent', atLeast: 1 }, null],
  [{ path: 'status.deeper', isNot: 'x' }, null],
  [{ path: '__proto__.x', isNot: 'x' }, null],
  // What is no number is not small.
  [{ path: 'nothing', atMost: 5 }, null],
  [{ path: 'lag', atMost: 5 }, null],
  [{ path: 'list', atLeast: 0 }, null],
  // A side that decides alone decides.
  [
    {
      all: [
        { path: 'absent', is: 1 },
        { path: 'n', is: 4 },
      ],
    },
    false,
  ],
  [
    {
      all: [
        { path: 'absent', is: 1 },
        { path: 'n', is: 3 },
      ],
    },
    null,
  ],
  [
    {
      any: [
        { path: 'absent', is: 1 },
        { path: 'n', is: 3 },
      ],
    },
    true,
  ],
  [
    {
      any: [
        { path: 'absent', is: 1 },
        { path: 'n', is: 4 },
      ],
    },
    null,
  ],
  // Digits are compared one by one.
  [{ path: 'big', is: '9007199254740993' }, true],
  [{ path: 'big', is: 9007199254740992 }, false],
  [{ path: 'big', atLeast: 9007199254740991 }, true],
  [{ path: 'big', atMost: 9007199254740992 }, false],
])('%j', (condition, holds) => {
  expect(judge(condition, data).holds).toBe(holds);
});

test('no test at all holds on what is absent', () => {
  const tests: fc.Arbitrary<Condition> = fc.oneof(
    fc.record({ is: fc.jsonValue() }),
    fc.record({ isNot: fc.jsonValue() }),
    fc.record({ in: fc.array(fc.jsonValue(), { minLength: 1 }) }),
    fc.record({ atLeast: fc.double({ noNaN: true }) }),
    fc.record({ atMost: fc.double({ noNaN: true }) }),
  ) as fc.Arbitrary<Condition>;
  /** As it was: what is absent is a value like any other. */
  const before = ({ is, isNot, in: allowed, ...rest }: Condition): boolean =>
    is === undefined &&
    (isNot !== undefined || allowed?.includes(null) === false) &&
    rest.atLeast === undefined &&
    rest.atMost === undefined;
  let held = 0;
  fc.assert(
    fc.property(tests, (condition) => {
      held += before(condition) && condition.isNot !== undefined ? 1 : 0;
      expect(judge({ ...condition, path: 'absent' }, data)).toMatchObject({
        holds: null,
        why: 'there is no absent',
      });
    }),
  );
  process.stdout.write(`conditions that held on something absent: 0; before: ${held}\n`);
  expect(held).toBeGreaterThan(0);
});

describe('what was shortened for people is not read by code', () => {
  const steps = {
    command: { exitCode: 0, stdout: 'begin … end', stderr: '', truncated: true, cut: ['stdout'] },
    many: { jobs: ['1'], n: 1, truncated: true, cut: null, fullBytes: 1e6, fullSha256: 'x' },
    own: { body: { truncated: true, text: 'a service may say so too' } },
  };
  test.each([
    ['command.exitCode', 0],
    ['command.stderr', ''],
    ['many.n', 1],
    ['own.body', steps.own.body],
    ['own.body.text', 'a service may say so too'],
  ])('%s is whole', (path, value) => {
    expect(lookUp(steps, path)).toEqual({ value });
    expect(resolve({ $: path }, steps)).toEqual(value);
  });
  test.each(['command', 'command.stdout', 'many', 'many.jobs', 'many.jobs.0', 'many.other'])(
    '%s is not',
    (path) => {
      expect(lookUp(steps, path)).toEqual({ missing: 'cut' });
      expect(() => resolve({ list: [{ $: path }] }, steps)).toThrow(Unresolved);
      expect(judge({ path, isNot: 'x' }, steps)).toMatchObject({
        holds: null,
        why: expect.stringContaining('not whole'),
      });
    },
  );
});
