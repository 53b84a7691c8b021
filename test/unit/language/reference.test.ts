import { expect, test } from '@jest/globals';
import { unsafeValue } from '../../../language/arguments.js';
import type { Json, JsonObject } from '../../../language/json.js';
import type { CommandAction } from '../../../language/kinds/command.js';
import { readExpression } from '../../../language/read-expression.js';
import {
  fits,
  referencesIn,
  resolve,
  resolveKnown,
  Unresolved,
} from '../../../language/reference.js';
import { NoText, resolveAction } from '../../../language/work.js';

const value = (source: string): Json => readExpression(source) as unknown as Json;
const join = (...parts: Json[]): Json => ({ join: parts });
const scope = { inputs: { n: 3, name: '${inputs.n} `x`', list: [1] }, steps: {} };

test('text with expressions becomes one text, and a value in it is never read again', () => {
  expect(resolve(join('a-', value('inputs.n + 1'), '-', value('inputs.name')), scope)).toBe(
    'a-4-${inputs.n} `x`',
  );
  expect(referencesIn(join('a', value('inputs.n'), value('steps.one.id')))).toEqual([
    'inputs.n',
    'steps.one.id',
  ]);
});

test('only scalars become text', () => {
  expect(() => resolve(join('a', value('inputs.list')), scope)).toThrow(Unresolved);
});

test('what is not known yet stays, and the rest is shown', () => {
  const part = value('steps.one.id');
  expect(resolveKnown(join('a', value('inputs.n'), part), scope)).toEqual(join('a', '3', part));
});

test.each([
  ['abc-5', true],
  ['ab-c', true],
  ['b-5', false],
  ['abc5', false],
  ['a-', true],
])('a text that is listed with a part that is known later: %s', (text, isFine) => {
  const listed = join('a', value('steps.one.id'), '-', value('steps.one.n'));
  expect(fits(listed, text)).toBe(isFine);
});

test('the end of a listed text counts, and so does another template', () => {
  const listed = join(value('steps.one.id'), '.sql');
  expect(fits(listed, 'a.sql')).toBe(true);
  expect(fits(listed, 'a.sql; rm')).toBe(false);
  expect(fits(listed, join(value('steps.one.id'), '.sql'))).toBe(true);
  expect(fits(listed, join(value('steps.two.id'), '.sql'))).toBe(false);
});

test('an argument may begin with an option of the runbook, never with one of a value', () => {
  const action = resolveAction(
    { kind: 'command', argv: ['kubectl', join('--replicas=', value('inputs.n')), value('"-x"')] },
    scope,
  );
  expect(action).toMatchObject({
    argv: ['kubectl', '--replicas=3', '-x'],
    given: [2],
    partly: [1],
  });
  const { argv, given, partly } = action as Required<CommandAction>;
  expect(unsafeValue(argv, given, partly)).toContain('may read as an option');
  expect(unsafeValue(argv, [], partly)).toBeUndefined();
});

test('a value never becomes a reference to a secret', () => {
  const action = (of: Json): JsonObject => ({ kind: 'command', argv: ['true'], env: { X: of } });
  const answer = { inputs: {}, steps: { one: { said: { secret: 'token' }, n: 5 } } };
  expect(() => resolveAction(action(value('steps.one.said')), answer)).toThrow(NoText);
  expect(resolveAction(action(value('steps.one.n')), answer)).toMatchObject({ env: { X: '5' } });
  const declared = { secret: 'token' };
  expect(resolveAction(action(declared), answer)).toMatchObject({ env: { X: declared } });
});

test('a value behind other text is code where a program reads code', () => {
  expect(unsafeValue(['sh', '-c', 'echo x'], [], [2])).toContain('sh would read a value as code');
});
