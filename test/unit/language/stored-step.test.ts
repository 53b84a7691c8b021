import { expect, test } from '@jest/globals';
import type { Json } from '../../../language/json.js';
import { readExpression } from '../../../language/read-expression.js';
import { resolve } from '../../../language/reference.js';
import { runFacts } from '../../../language/run-facts.js';
import type { StepSpec } from '../../../language/runbook.js';
import { neededOutputs, scopeOf, storedStep } from '../../../language/stored-step.js';

const value = (source: string): Json => readExpression(source) as unknown as Json;
const step = (id: string, from: string, more: object = {}): StepSpec => ({
  ...{ id, title: id, kind: 'command', effect: 'read' },
  work: { action: { kind: 'command', argv: ['echo', value(from)] } },
  ...more,
});
const group = (id: string, kind: string, steps: readonly StepSpec[], more: object = {}) =>
  ({ id, title: id, kind, effect: 'read', steps, ...more }) as StepSpec;

const plan = {
  targets: [],
  inputs: { word: 'hello' },
  steps: [
    step('one', 'inputs.word'),
    group('both', 'parallel', [step('a', 'steps.one.stdout'), step('b', 'inputs.word')]),
    group('each', 'forEach', [step('first', 'item'), step('then', 'steps.first.stdout')], {
      items: value('steps.one.items'),
    }),
    group('inside', 'runbook', [step('deep', 'inputs.given')], {
      inputs: { given: value('steps.both.a.stdout') },
    }),
    step('last', 'steps.each.items[0].then.stdout'),
  ],
};
const run = runFacts({ id: 'run', startedAt: '', requester: '', reason: '' });
const values = {
  one: { stdout: 'from one', items: ['x'] },
  'both/a': { stdout: 'from a' },
  'each/x/first': { stdout: 'from first' },
  'each/x/then': { stdout: 'from then' },
};

test.each([
  ['one', [], [], 'hello'],
  ['both/a', ['one'], [], 'from one'],
  ['both/b', [], [], 'hello'],
  ['each/x/first', ['one'], [], 'x'],
  ['each/x/then', ['each/x/first', 'one'], [], 'from first'],
  ['inside/deep', [], ['both/'], 'from a'],
  ['last', ['one'], ['each/'], 'from then'],
])(
  'what %s says is known from the record, with no more than it refers to',
  (path, paths, below, said) => {
    const stored = storedStep(plan, path)!;
    const needed = neededOutputs(stored);
    expect({ paths: needed.paths.sort(), below: needed.below }).toEqual({ paths, below });
    const fetched = Object.entries(values).filter(
      ([name]) => paths.includes(name as never) || below.some((prefix) => name.startsWith(prefix)),
    );
    const scope = scopeOf(stored, plan, run, {
      values: Object.fromEntries(fetched),
      below,
      looked: new Set(),
    });
    expect(resolve(stored.spec.work!.action, scope!)).toMatchObject({ argv: ['echo', said] });
  },
);

test('a case that is not taken has no turn, unless people took it', () => {
  const due = (name: string) => ({ when: value(`steps.case.case == "${name}"`) });
  const cases = [
    { case: 'long', title: 'Long', when: value('steps.one.n > 5') },
    { case: 'open', title: 'Open', when: value('steps.one.missing > 5') },
    { case: 'short', title: 'Short', when: value('steps.one.n > 1') },
  ];
  const choice = { id: 'case', title: 'case', kind: 'choice', effect: 'read', cases };
  const branch = [
    choice as unknown as StepSpec,
    group('long', 'group', [step('a', 'inputs.word')], due('long')),
    group('short', 'group', [step('b', 'inputs.word')], due('short')),
  ];
  const outputs = { case: [value('steps.case.case')], n: [value('steps.long.a.n')] };
  const branching = {
    ...plan,
    steps: [
      step('one', 'inputs.word'),
      group('way', 'group', branch, { outputs }),
      step('last', 'steps.way.case'),
    ],
  };
  const known = (path: string, recorded: Record<string, Json>) => {
    const stored = storedStep(branching, path)!;
    const { below } = neededOutputs(stored);
    return scopeOf(stored, branching, run, { values: recorded, below, looked: new Set() });
  };
  expect(known('way/long/a', { one: { n: 6 } })).not.toBeNull();
  expect(known('way/short/b', { one: { n: 6 } })).toBeNull();
  expect(known('way/long/a', { one: { n: 3 } })).toBeNull();
  expect(known('way/long/a', { one: { n: 0 } })).toBeNull();
  expect(known('way/long/a', { one: { n: 0 }, 'way/case': { case: 'long' } })).not.toBeNull();
  const after = known('last', { one: { n: 3 } });
  expect(after?.steps['way']).toMatchObject({ case: 'short' });
  expect(neededOutputs(storedStep(branching, 'last')!)).toEqual({
    paths: ['one'],
    below: ['way/'],
  });
});

test('an item that the list lacks has no turn', () => {
  const stored = storedStep(plan, 'each/y/first')!;
  expect(scopeOf(stored, plan, run, { values, below: [], looked: new Set() })).toBeNull();
});

test.each(['two', 'both/c', 'one/a', 'each/x/other'])('there is no step %s', (path) => {
  expect(storedStep(plan, path)).toBeNull();
});

test('a step that is called as what every object has answered nothing yet', () => {
  const after = {
    inputs: {},
    targets: [],
    steps: [step('constructor', 'inputs.x'), step('then', 'item')],
  };
  const outputs = { values: {}, below: [], looked: new Set<string>() };
  const scope = scopeOf(storedStep(after, 'then')!, after, run, outputs);
  expect(scope?.steps).toEqual({ constructor: null });
});
