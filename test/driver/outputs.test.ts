import { describe, expect, test } from '@jest/globals';
import type { StepView } from '../../common/view.js';
import type { Json } from '../../language/json.js';
import type { Plan } from '../../language/plan.js';
import { readExpression } from '../../language/read-expression.js';
import { OutputBudget, withoutSpentOutputs } from '../../workflows/engine/outputs.js';

/*
 * To the character: which outputs a run hands to its next execution, and when they are too many.
 */

/** Only the step `named` is referred to. */
const plan = {
  data: true,
  steps: [{ argv: ['use', readExpression('steps.named')] }],
} as unknown as Plan;
/** @returns an output that takes that many characters */
const text = (characters: number): string => 'x'.repeat(characters - 2);
const row = (id: string, output: Json, more: object = {}): StepView =>
  ({ id, kind: 'command', state: 'succeeded', output, ...more }) as StepView;
const left = (steps: StepView[]): string[] =>
  withoutSpentOutputs(plan, steps).flatMap(({ id, output, outputIn }) =>
    output === null && outputIn === 'record' ? id : [],
  );

describe('what is handed over', () => {
  test('is everything up to 256,000 characters, and from there on what may be referred to', () => {
    const steps = (characters: number): StepView[] => [
      row('named', text(200_000)),
      row('other', text(characters)),
    ];
    expect(left(steps(56_000))).toEqual([]);
    expect(left(steps(56_001))).toEqual(['other']);
  });

  test('is what the record does not have from a worker: what people answered, what was taken over, what failed', () => {
    const large = text(100_000);
    expect(
      left([
        row('spent', large),
        row('hand', large, { kind: 'manual', state: 'done-by-hand' }),
        row('gate', large, { kind: 'approval' }),
        row('taken', large, { takenFrom: 'dead' }),
        row('failed', large, { state: 'failed' }),
      ]),
    ).toEqual(['spent']);
  });
});

describe('what has to be kept', () => {
  test('may come to 1,500,000 characters, with what was kept before', () => {
    const budget = new OutputBudget(plan, [
      row('named', text(1_000_000)),
      row('other', text(1_000_000)),
    ]);
    budget.add('named/part', text(500_000));
    expect(() => budget.add('named', text(2))).toThrow(
      'with step named the outputs that later steps may refer to',
    );
  });

  test('is nothing of a step that nothing refers to', () => {
    const budget = new OutputBudget(plan, []);
    budget.add('other', text(2_000_000));
    expect(() => budget.add('named', text(1_500_000))).not.toThrow();
  });

  test('is everything where code may refer to any', () => {
    const budget = new OutputBudget({ ...plan, data: false } as unknown as Plan, []);
    expect(() => budget.add('other', text(1_500_001))).toThrow('which Temporal does not take');
  });
});
