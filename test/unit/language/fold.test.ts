import { describe, expect, test } from '@jest/globals';
import { Library } from '../../../language/document/library.js';
import { read } from '../../../language/document/read.js';
import { toSpec } from '../../../language/document/to-spec.js';
import { foldSteps, type FoldedCase, type FoldedStep } from '../../../language/fold.js';
import type { JsonObject } from '../../../language/json.js';
import type { StepSpec } from '../../../language/runbook.js';

/*
 * What the inputs decide is shown as decided, and nothing else is.
 */

function stepsOf(steps: string): readonly StepSpec[] {
  const text = `runbook: folded
version: 1.0.0
title: Folded
type: MAINTENANCE
priority: LOW
owner: sre
inputs:
  n: { type: integer, description: How many }
  mode: { type: choice, options: [fast, safe], description: How }
steps:
  - { id: look, title: Look, command: df, effect: read }
${steps}`;
  const written = read(text, 'folded.runbook.yaml');
  const made = written.data ? toSpec(written, new Library()) : { problems: written.problems };
  if ('problems' in made) throw new Error(JSON.stringify(made.problems));
  return made.spec.steps;
}

/** One line for each: its path, and what is known of whether it is done. */
function lines(steps: readonly (FoldedStep | FoldedCase)[]): string[] {
  return steps.flatMap((step) => [
    `${step.path}${step.left === undefined ? '' : ` - ${step.left}`}${step.when === undefined ? '' : ` ? ${step.when}`}`,
    ...lines(step.steps),
    ...('cases' in step ? lines(step.cases ?? []) : []),
  ]);
}

const fold = (steps: string, inputs?: JsonObject): string[] =>
  lines(foldSteps(stepsOf(steps), { ...(inputs ? { inputs } : {}) })).slice(1);

const many = '  - { id: many, title: Many, when: inputs.n > 3, command: echo, effect: read }';
const branch = `  - id: way
    title: Which way?
    branch:
      - case: fast
        when: inputs.mode == "fast"
        steps: [{ id: all, title: All, command: all, effect: read }]
      - case: very-safe
        steps: [{ id: each, title: Each, command: each, effect: read }]`;

describe('a condition', () => {
  test.each<[string, JsonObject | undefined, string[]]>([
    ['that is false', { n: 2 }, ['many - n (2) > 3 is false']],
    ['that is true', { n: 5 }, ['many']],
    ['that cannot be told', {}, ['many ? inputs.n > 3']],
    ['of a runbook without inputs', undefined, ['many ? inputs.n > 3']],
  ])('%s', (_what, inputs, folded) => {
    expect(fold(many, inputs)).toEqual(folded);
  });

  test('on an output is decided later, also beside an input', () => {
    const step = (when: string): string =>
      `  - { id: later, title: Later, when: '${when}', command: echo, effect: read }`;
    expect(fold(step('steps.look.exitCode == 0'), { n: 2 })).toEqual([
      'later ? steps.look.exitCode == 0',
    ]);
    expect(fold(step('inputs.n > 3 && steps.look.exitCode == 0'), { n: 2 })).toEqual([
      'later - n (2) > 3 is false',
    ]);
  });

  test('on values that inputs decide is decided', () => {
    const steps = `  - { id: chosen, title: Choose, set: { big: inputs.n > 3 } }
  - { id: last, title: Last, when: steps.chosen.big, command: echo, effect: read }`;
    expect(fold(steps, { n: 5 })).toEqual(['chosen', 'last']);
    expect(fold(steps, { n: 1 })[1]).toMatch(/^last - /);
    expect(fold(steps, {})[1]).toBe('last ? steps.chosen.big');
  });

  test('of a group leaves out all that is in it', () => {
    const group = `  - id: both
    title: Both
    when: inputs.n > 3
    steps: [{ id: one, title: One, command: echo, effect: read }]`;
    expect(fold(group, { n: 1 })).toEqual(['both - n (1) > 3 is false']);
    expect(fold(group, { n: 4 })).toEqual(['both', 'both/one']);
  });
});

describe('a branch', () => {
  test.each<[string, JsonObject | undefined, string[]]>([
    [
      'that inputs decide for its first case',
      { mode: 'fast' },
      ['way', 'way/fast', 'way/fast/all', 'way/very-safe - fast is taken before it'],
    ],
    [
      'that inputs decide for its last case',
      { mode: 'safe' },
      [
        ...['way', 'way/fast - mode ("safe") == "fast" is false'],
        ...['way/very-safe', 'way/very_safe/each'],
      ],
    ],
    [
      'that is decided later',
      undefined,
      [
        ...['way', 'way/fast ? inputs.mode == "fast"', 'way/fast/all'],
        ...['way/very-safe ? none of the others is true', 'way/very_safe/each'],
      ],
    ],
  ])('%s', (_what, inputs, folded) => {
    expect(fold(branch, inputs)).toEqual(folded);
  });
});

test('what a step does is shown with the values that are known', () => {
  const steps = stepsOf(
    '  - { id: scale, title: Scale, command: "scale ${inputs.n} ${steps.look.exitCode}", effect: change, undo: { command: "scale ${inputs.mode}" } }',
  );
  const { work, undo } = foldSteps(steps, { inputs: { n: 3, mode: 'fast' } }).at(-1)?.spec ?? {};
  expect(work?.action['argv']).toMatchObject(['scale', 3, { $: 'steps.look.exitCode' }]);
  expect(undo).toBe('run scale fast');
});
