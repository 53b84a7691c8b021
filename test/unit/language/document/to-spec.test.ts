import { expect, test } from '@jest/globals';
import { join } from 'node:path';
import { Library } from '../../../../language/document/library.js';
import { read, type Written } from '../../../../language/document/read.js';
import { toSpec } from '../../../../language/document/to-spec.js';
import type { StepSpec } from '../../../../language/runbook.js';
import { runbookFiles, textOf } from '../../../../worker/runbook-files.js';

const files = runbookFiles([join(import.meta.dirname, 'examples')]);
const library = new Library(files);
const examples = files.all.filter((file) => file.endsWith('.runbook.yaml'));

test('every example either can be run, or says which step waits for the engine', () => {
  expect(examples.length).toBeGreaterThan(20);
  for (const file of examples) {
    const made = toSpec(read(textOf(file) ?? '', file) as Written, library);
    const problems = 'problems' in made ? made.problems : [];
    const others = problems.filter(({ message }) => !message.startsWith('the engine does not do'));
    expect([file, others.map(({ line, message }) => `${line}: ${message}`)]).toEqual([file, []]);
    expect(problems.every(({ line, severity }) => line > 0 && severity === 'note')).toBe(true);
  }
});

const head = [
  ...['runbook: a', 'version: 1.0.0', 'title: A', 'type: MAINTENANCE', 'priority: LOW'],
  ...['owner: sre', 'inputs:', '  n: { type: integer, description: a number }', 'steps:'],
];

function stepsOf(...lines: string[]): readonly StepSpec[] {
  const written = read([...head, ...lines, ''].join('\n'), 'a.runbook.yaml') as Written;
  const made = toSpec(written, library);
  if ('problems' in made) throw new Error(made.problems.map(({ message }) => message).join('; '));
  return made.spec.steps;
}

test('a command keeps its words, and a value inside one stays data', () => {
  const [step] = stepsOf(
    '  - id: scale',
    '    title: Scale',
    '    command: kubectl scale --replicas=${inputs.n} -- web',
    '    effect: change',
    '    undo: { command: kubectl scale --replicas=1 -- web }',
    '    retry: { attempts: 2, initialInterval: 1s, backoff: 3, maxInterval: 1m }',
    '    timeout: 90s',
    '    pointOfNoReturn: why',
  );
  expect(step).toMatchObject({
    ...{ kind: 'command', effect: 'change', undo: 'Undo: Scale', timeoutMs: 90_000 },
    ...{ retry: { attempts: 2, initialMs: 1_000, factor: 3, maxMs: 60_000 } },
    pointOfNoReturn: true,
    work: {
      action: {
        argv: ['kubectl', 'scale', { join: ['--replicas=', { $: 'inputs.n' }] }, '--', 'web'],
      },
      undo: { argv: ['kubectl', 'scale', '--replicas=1', '--', 'web'] },
    },
  });
});

test('an approval of a step is a gate before it, and both conditions count', () => {
  const steps = stepsOf(
    '  - id: go',
    '    title: Go',
    '    when: inputs.n > 1',
    '    command: true',
    '    effect: change',
    '    undo: { none: nothing }',
    '    approval: { by: sre, when: inputs.n > 5, deadline: 1h, evidence: { n: "${inputs.n}" } }',
  );
  expect(steps).toMatchObject([
    {
      ...{ id: 'approve_go', title: 'Approve: Go', kind: 'approval', deadlineMs: 3_600_000 },
      ...{ when: { $: '(inputs.n > 1) && (inputs.n > 5)' }, evidence: { n: { $: 'inputs.n' } } },
    },
    { id: 'go', when: { $: 'inputs.n > 1' } },
  ]);
});

test('what the engine does not do yet is told at its place', () => {
  const lines = ['  - id: wait', '    title: Wait', '    wait: 10s'];
  const made = toSpec(
    read([...head, ...lines, ''].join('\n'), 'a.runbook.yaml') as Written,
    library,
  );
  expect(made).toMatchObject({
    problems: [{ severity: 'note', line: 12, message: 'the engine does not do this yet: `wait`' }],
  });
});
