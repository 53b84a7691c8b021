import { expect, test } from '@jest/globals';
import type { Json } from '../../../language/json.js';
import { readExpression } from '../../../language/read-expression.js';
import { resolve } from '../../../language/reference.js';
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
    step('last', 'steps.each.x.then.stdout'),
  ],
};
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
    const scope = scopeOf(stored, plan, 'run', { values: Object.fromEntries(fetched), below });
    expect(resolve(stored.spec.work!.action, scope!)).toMatchObject({ argv: ['echo', said] });
  },
);

test('an item that the list lacks has no turn', () => {
  const stored = storedStep(plan, 'each/y/first')!;
  expect(scopeOf(stored, plan, 'run', { values, below: [] })).toBeNull();
});

test.each(['two', 'both/c', 'one/a', 'each/x/other'])('there is no step %s', (path) => {
  expect(storedStep(plan, path)).toBeNull();
});

test('a step that is called as what every object has answered nothing yet', () => {
  const after = { inputs: {}, steps: [step('constructor', 'inputs.x'), step('then', 'item')] };
  const scope = scopeOf(storedStep(after, 'then')!, after, 'run', { values: {}, below: [] });
  expect(scope?.steps).toEqual({ constructor: null });
});
