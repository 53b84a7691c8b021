import { describe, expect, test } from '@jest/globals';
import { FileError } from '../../../language/strict-file.js';
import { runbookOf } from '../../helpers/runbook.js';

const command = (more: object = {}): object => ({
  ...{
    id: 'do',
    title: 'Do it',
    kind: 'command',
    effect: 'change',
    work: { action: { kind: 'command', argv: ['true'] } },
  },
  ...more,
});

function runbook(steps: object[], more: object = {}): object {
  return {
    ...{
      id: 'a',
      version: '1.0.0',
      title: 'A',
      summary: 'A.',
      type: 'MAINTENANCE',
      priority: 'LOW',
      tags: [],
      owners: ['ops'],
    },
    ...{
      expectedMinutes: 1,
      prerequisites: [],
      verification: 'none',
      rollback: 'none',
      inputs: {},
      steps,
      ...more,
    },
  };
}

function problems(steps: object[], more: object = {}): string {
  try {
    runbookOf(runbook(steps, more));
    return 'none';
  } catch (error) {
    if (error instanceof FileError) return error.message;
    throw error;
  }
}

describe('a runbook that is data', () => {
  test('is taken as it is when nothing is wrong', () => {
    expect(
      problems([command(), command({ id: 'again', when: { path: 'steps.do.exitCode', is: 0 } })]),
    ).toBe('none');
  });

  test.each([
    ['a word that is not known', [command({ retries: 3 })], 'retries'],
    ['a step without work', [command({ work: undefined })], 'says what it does here'],
    [
      'work of another kind',
      [command({ kind: 'check' })],
      'as the step’s kind says'.replace('’', "'"),
    ],
    [
      'a program that a value chooses',
      [command({ work: { action: { kind: 'command', argv: [{ $: 'inputs.x' }] } } })],
      'argv',
    ],
    [
      'a shell line',
      [command({ work: { action: { kind: 'command', argv: 'rm -rf /' } } })],
      'argv',
    ],
    [
      'a statement that a value chooses',
      [
        command({
          kind: 'sql',
          work: {
            action: { kind: 'sql', target: 'db', statements: [{ text: { $: 'inputs.x' } }] },
          },
        }),
      ],
      'statements',
    ],
    [
      'an undo without words',
      [
        command({
          work: {
            action: { kind: 'command', argv: ['a'] },
            undo: { kind: 'command', argv: ['b'] },
          },
        }),
      ],
      'undo',
    ],
    [
      'an input that there is not',
      [command({ work: { action: { kind: 'command', argv: ['a', { $: 'inputs.x' }] } } })],
      'inputs.x',
    ],
    [
      'a step that comes later',
      [command({ evidence: { a: { $: 'steps.later.b' } } }), command({ id: 'later' })],
      'steps.later.b',
    ],
    [
      'a gate in a forEach',
      [
        {
          id: 'all',
          title: 'All',
          kind: 'forEach',
          effect: 'change',
          items: ['a'],
          steps: [{ id: 'g', title: 'G', kind: 'approval', effect: 'read' }],
        },
      ],
      'gate',
    ],
    ['two steps of one name', [command(), command()], 'two steps are called do'],
    [
      'going on without what later steps need',
      [command({ answers: ['a'], onFailure: 'continue' })],
      'answers',
    ],
  ])('is refused for %s', (_what, steps, named) => {
    expect(problems(steps)).toContain(named);
  });
});
