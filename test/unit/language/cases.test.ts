import { expect, test } from '@jest/globals';
import { findCase, outputsOf } from '../../../language/cases.js';
import type { JsonObject } from '../../../language/json.js';
import { readExpression } from '../../../language/read-expression.js';
import type { Scope } from '../../../language/reference.js';
import type { Case, StepSpec } from '../../../language/runbook.js';

/* Branches and groups act on nothing that was changed for people. */

const marks = { truncated: true, cut: ['login'], blanked: ['login'] };
const scope = (answer: JsonObject): Scope => ({ inputs: {}, steps: { one: answer } });
const blanked = scope({ login: '[secret login]', n: 1, ...marks });
const absent = scope({ n: 1 });

const cases = [
  { case: 'first', title: 'First', when: readExpression('steps.one.login == "x"'), steps: [] },
  { case: 'last', title: 'Last', steps: [] },
] as unknown as Case[];

test('a case that reads what a secret was taken out of is not passed over', () => {
  expect(findCase(cases, blanked)).toEqual({
    taken: null,
    unknown: { first: 'steps.one.login held a secret, which was taken out' },
  });
  expect(findCase(cases, absent).taken).toBe('last');
});

const outputs = (texts: Record<string, string[]>): StepSpec =>
  ({
    outputs: Object.fromEntries(
      Object.entries(texts).map(([name, all]) => [name, all.map(readExpression)]),
    ),
  }) as unknown as StepSpec;

test('an output of which a secret was taken out is not left out, and nothing stands in for it', () => {
  const spec = outputs({ login: ['steps.one.login', '"none"'], n: ['steps.one.n'] });
  expect(outputsOf(spec, blanked)).toEqual({ n: 1, ...marks });
  expect(outputsOf(spec, absent)).toEqual({ login: 'none', n: 1 });
  const later = { inputs: {}, steps: { group: outputsOf(spec, blanked) } };
  const orElse = outputs({ login: ['steps.group.?login.orValue("none")'] });
  expect(outputsOf(orElse, later)).toEqual(marks);
});

test('also where another output is made of it', () => {
  const spec = outputs({ all: ['"u:" + out.login'], login: ['steps.one.login'] });
  const both = ['login', 'all'];
  expect(outputsOf(spec, blanked)).toEqual({ truncated: true, cut: both, blanked: both });
});
