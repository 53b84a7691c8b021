import { describe, expect, test } from '@jest/globals';
import { FileError } from '../../../language/strict-file.js';
import { runbookOf } from '../../helpers/runbook.js';
import { plainRunbook } from '../../helpers/plain-runbook.js';

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
  return { ...plainRunbook({ id: 'a', owners: ['ops'], steps }), ...more };
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
    expect(problems([command(), command({ id: 'again', when: 'steps.do.exitCode == 0' })])).toBe(
      'none',
    );
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

describe('what leads to nothing is told when the runbook is read', () => {
  const look = (when: string) => problems([command(), command({ id: 'two', when })]);
  const checking = (until: string) =>
    problems([
      command({
        ...{ kind: 'check', effect: 'read' },
        work: {
          action: {
            ...{ kind: 'check', everyMs: 100, until },
            probe: { kind: 'command', argv: ['true'] },
          },
        },
      }),
    ]);

  test.each([
    ['a step', 'steps.dp.exitCode == 0', /steps\.dp\.exitCode before step two/],
    ['an output', 'steps.do.exitcode == 0', /steps\.do\.exitcode among/],
    ['an input', 'inputs.wrod == 1', /inputs\.wrod in step two/],
    ['a root', 'step.do.exitCode == 0', /step\.do\.exitCode in step two/],
    ['an item where there is none', 'item == "a"', /item in step two/],
    ['a fact of the run', 'run.name == "a"', /run\.name in step two/],
    ['one of several', 'steps.do.exitCode == 0 || inputs.x == 1', /inputs\.x/],
    ['all steps at once', 'size(steps) > 1', /steps, without the id of a step, in step two/],
    ['no expression', 'steps.do.exitCode ==', /no expression/],
  ])('%s in a condition', (_what, when, told) => {
    expect(look(when)).toMatch(told);
  });

  test('a part of a parallel step, and a row that no statement gives', () => {
    const both = {
      ...command({ id: 'both', kind: 'parallel', steps: [command()] }),
      work: undefined,
    };
    const rows = {
      ...{ id: 'rows', title: 'Rows', kind: 'sql', effect: 'read' },
      work: { action: { kind: 'sql', target: 't', statements: [{ text: 'SELECT 1', as: 'one' }] } },
    };
    const of = (path: string) => problems([both, rows, command({ when: `${path} == 1` })]);
    expect(of('steps.both.other')).toMatch(/steps\.both\.other among/);
    expect(of('steps.rows.ones')).toMatch(/steps\.rows\.ones among/);
    expect(of('steps.both.do.exitCode')).toBe('none');
    expect(of('steps.rows.one[0].id')).toBe('none');
  });

  test('in what is waited for', () => {
    expect(checking('out.exitcode == 0')).toMatch(/exitcode in what step do answers/);
    expect(checking('out.exitCode == 0')).toBe('none');
  });

  test('in the outputs of the runbook', () => {
    const of = (path: string) => problems([command()], { outputs: { x: { $: path } } });
    expect(of('steps.dp.exitCode')).toMatch(/steps\.dp\.exitCode before the outputs/);
    expect(of('steps.do.exitcode')).toMatch(/steps\.do\.exitcode among .* the outputs/);
    expect(of('inputs.y')).toMatch(/inputs\.y in the outputs/);
    expect(of('steps.do.exitCode')).toBe('none');
  });

  test('what people give by hand may be named', () => {
    const given = 'steps.do.port == 1';
    expect(problems([command({ answers: ['port'] }), command({ id: 'two', when: given })])).toBe(
      'none',
    );
  });
});
