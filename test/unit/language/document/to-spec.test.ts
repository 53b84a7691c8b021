import { expect, test } from '@jest/globals';
import { join } from 'node:path';
import { Library } from '../../../../language/document/library.js';
import { lint } from '../../../../language/document/lint.js';
import { read, type Written } from '../../../../language/document/read.js';
import { toSpec } from '../../../../language/document/to-spec.js';
import type { StepSpec } from '../../../../language/runbook.js';
import { manualWords } from '../../../../language/manual-words.js';
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

test("why a step cannot be undone is kept, in its author's words", () => {
  const of = (...lines: string[]) =>
    stepsOf(
      ...[
        '  - id: clean',
        '    title: Clean',
        '    command: rm -rf -- /shelves',
        '    effect: change',
      ],
      ...lines,
    )[0]?.noUndo;
  expect(of('    undo: { none: shelves stay clean }')).toBe('shelves stay clean');
  expect(of('    pointOfNoReturn: they are gone')).toBe('they are gone');
  // It is why what comes before cannot be undone; the step itself can.
  expect(of('    undo: { command: refill }', '    pointOfNoReturn: sold')).toBeUndefined();
});

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
    ...{
      kind: 'command',
      effect: 'change',
      undo: 'run kubectl scale --replicas=1 -- web',
      timeoutMs: 90_000,
    },
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

test('a message to several channels is a step for each', () => {
  const steps = stepsOf(
    '  - { id: tell, title: Tell them, notify: it is over, to: [pager, mail], onFailure: continue }',
  );
  const one = { kind: 'notify', effect: 'change', onFailure: 'continue' };
  expect(steps).toMatchObject([
    {
      ...{ id: 'tell', title: 'Tell them', kind: 'parallel', effect: 'change' },
      steps: [
        { ...one, id: 'to_1', title: 'Tell them: pager', work: { action: { target: 'pager' } } },
        { ...one, id: 'to_2', title: 'Tell them: mail', work: { action: { target: 'mail' } } },
      ],
    },
  ]);
});

test('what the engine does not do yet is told at its place', () => {
  const lines = ['  - id: wait', '    title: Wait', '    wait: { event: data }'];
  const made = toSpec(
    read([...head, ...lines, ''].join('\n'), 'a.runbook.yaml') as Written,
    library,
  );
  expect(made).toMatchObject({
    problems: [
      {
        severity: 'note',
        line: 12,
        message: 'the engine does not do this yet: `wait` for an event',
      },
    ],
  });
});

/** A library of these files, which has nothing else. */
function libraryOf(files: Readonly<Record<string, string>>): Library {
  return new Library({
    paths: (name) => Object.keys(files).filter((path) => path === name),
    names: (ending) => Object.keys(files).filter((path) => path.endsWith(ending)),
    text: (path) => files[path] ?? null,
  });
}

const actions = {
  'count.action.yaml': `
action: count
title: Count what is old
targetKind: postgres
inputs:
  age: { type: duration, default: 5m, description: How old }
  relation: { type: text, pattern: "[a-z]+", description: Which }
sql: SELECT count(*)::int AS n FROM jobs WHERE relation = $1 AND at < now() - make_interval(secs => $2)
values: ["\${inputs.relation}", "\${inputs.age.getSeconds()}"]
outputs:
  n: { type: integer, value: "int(out.rows[0].n)" }
  many: { type: boolean, value: "int(out.rows[0].n) > 10" }
`,
  'label.action.yaml': `
action: label
title: Label it
inputs:
  name: { type: text, pattern: "[a-z]+", description: Which }
command: kubectl label pod/\${inputs.name} --overwrite by=\${run.id}
effect: change
undo: { command: "kubectl label pod/\${inputs.name} by-" }
`,
  'broken.action.yaml': `
action: broken
title: It says nothing of its effect
command: date
`,
};

function withActions(...lines: string[]) {
  const text = [
    ...head.slice(0, -1),
    '  database: { type: target, kind: postgres, description: Where }',
    'steps:',
    ...lines,
    '',
  ].join('\n');
  return toSpec(read(text, 'a.runbook.yaml') as Written, libraryOf(actions));
}

test('a named action stands where it is used, with what it is given', () => {
  const made = withActions(
    '  - id: old',
    '    title: What is old',
    '    use: count',
    '    with: { relation: "r${inputs.n}", age: 90s }',
    '    until: out.n < inputs.n && !out.many',
    '    timeout: 1m',
    '  - id: go',
    '    title: Go',
    '    when: steps.old.n > 0',
    '    use: label',
    '    with: { name: web }',
    '    verify: { use: count, with: { relation: jobs }, until: out.n == 0, proves: true }',
  );
  const target = { $: 'inputs.database' };
  expect(made).toMatchObject({
    spec: {
      steps: [
        {
          kind: 'check',
          work: {
            action: {
              probe: {
                ...{ kind: 'sql', target },
                statements: [
                  {
                    values: [
                      { join: ['r', { $: 'inputs.n' }] },
                      { $: 'duration("90s").getSeconds()' },
                    ],
                  },
                ],
              },
              until: { cel: 'int(out.rows[0].n) < inputs.n && !(int(out.rows[0].n) > 10)' },
            },
            outputs: { n: { cel: 'int(out.rows[0].n)' } },
          },
        },
        {
          ...{ id: 'proof_go', kind: 'sql', effect: 'read', onFailure: 'capture' },
          ...{ when: { $: 'steps.old.n > 0' }, retry: { attempts: 1 } },
          work: {
            action: { kind: 'sql', target },
            expect: [{ condition: { cel: 'int(out.rows[0].n) == 0' } }],
          },
        },
        {
          ...{ kind: 'command', effect: 'change', undo: 'run kubectl label pod/web by-' },
          when: { $: '(steps.old.n > 0) && (steps.proof_go.failed)' },
          work: {
            action: {
              argv: [
                ...['kubectl', 'label', 'pod/web', '--overwrite'],
                { join: ['by=', { $: 'run.id' }] },
              ],
            },
            undo: { argv: ['kubectl', 'label', 'pod/web', 'by-'] },
            check: {
              probe: {
                target,
                statements: [{ values: ['jobs', { $: 'duration("5m").getSeconds()' }] }],
              },
              until: { cel: 'int(out.rows[0].n) == 0' },
              limitMs: 60_000,
            },
          },
        },
      ],
    },
  });
});

test('an action with a mistake is told where it is used', () => {
  const made = withActions('  - id: a', '    title: A', '    use: broken');
  expect(made).toMatchObject({
    problems: [
      {
        ...{ severity: 'error', file: 'a.runbook.yaml', line: 13 },
        message: expect.stringContaining('the action broken has a mistake: broken.action.yaml:4:1'),
      },
    ],
  });
});

test('a declared value is read as it is declared', () => {
  const [step] = stepsOf(
    '  - id: a',
    '    title: A',
    '    when: inputs.n / 2 > 1',
    '    command: true',
    '    effect: read',
  );
  expect(step?.when?.ast).toMatchObject({
    left: { left: { is: 'field', name: 'n', as: 'integer' } },
  });
});

test('the engine knows a target by its name, and looks up its facts', () => {
  const made = withActions(
    '  - id: a',
    '    title: A',
    '    target: database',
    '    command: echo ${target.port} ${inputs.database.name}',
    '    effect: read',
    '    expect: out.stdout == inputs.database.host',
    '  - id: b',
    '    title: B',
    '    runbook: other',
    '    with: { where: "${inputs.database}" }',
  );
  const [first, second] = 'spec' in made ? made.spec.steps : [];
  expect(first?.work).toMatchObject({
    action: {
      target: { $: 'inputs.database', ast: expect.not.objectContaining({ as: 'target' }) },
      argv: [
        'echo',
        { $: 'inputs.database.port', ast: { name: 'port', of: { as: 'target' } } },
        { $: 'inputs.database.name', ast: { name: 'name', of: { as: 'target' } } },
      ],
    },
    expect: [
      {
        condition: {
          given: { inputs: { database: { host: { $: 'inputs.database.host' } } } },
        },
      },
    ],
  });
  expect(second?.inputs).toEqual({
    where: { $: 'inputs.database', ast: expect.not.objectContaining({ as: 'target' }) },
  });
});

const withStep = (...step: string[]) =>
  toSpec(
    read(
      [...head, '  - id: a', '    title: A', ...step, ''].join('\n'),
      'a.runbook.yaml',
    ) as Written,
    library,
  );

test('a name that has no value yet keeps a runbook from being started', () => {
  const when = '    when: run.window.from < run.startedAt';
  expect(withStep('    command: ls', '    effect: read', when)).toMatchObject({
    problems: [
      { line: 14, message: 'the engine does not do this yet: `run.window` in an expression' },
    ],
  });
});

test.each([
  ['command: ls ${string(now)}', 'when: now < timestamp("2030-01-01T00:00:00Z")'],
  ['command: ls', 'env: { AT: "${now}", IN: "${now + duration(\'1h\')}" }'],
  ['command: ls', 'expect: daysUntil(out.stdout) > 30 && now > timestamp("2020-01-01T00:00:00Z")'],
  ['command: ls', 'outputs: { at: now, days: daysUntil(out.stdout) }'],
])('a step may read the time: %s, %s', (...fields) => {
  expect(withStep(...fields.map((each) => `    ${each}`), '    effect: read')).toHaveProperty(
    'spec',
  );
});

test.each([
  ['a value of the run', '    set: { at: now }'],
  ['a group', '    when: daysUntil("2030-01-01") > 3', '    steps: []'],
  ['a case', '    branch: [{ case: x, title: X, when: now > run.startedAt, steps: [] }]'],
  ['a list', '    forEach: ["${string(now)}"]', '    steps: []'],
  [
    'a gate',
    ...['    command: ls', '    effect: change', '    undo: { none: none }'],
    ...['    approval: { by: sre }', '    when: now > run.startedAt'],
  ],
  [
    'an undo',
    ...['    command: ls', '    effect: change', '    undo: { command: "rm ${string(now)}" }'],
  ],
])('what the worker cannot prove does not read the time: %s', (_what, ...fields) => {
  expect(withStep(...fields)).toMatchObject({
    problems: [{ message: expect.stringContaining('the time here') as unknown }],
  });
});

test.each([
  ['timeout: 0s', '0s is no time at all'],
  ['timeout: 8d', '8d is longer than 7d'],
  ['every: 0ms', '0ms is no time at all', 'until: out.exitCode == 0'],
  ['verify: { command: ls, timeout: 0s }', '0s is no time at all'],
])('what takes time takes some, and not too much: %s', (field, message, ...more) => {
  const fields = [field, ...more].map((each) => `    ${each}`);
  expect(withStep('    command: ls', '    effect: read', ...fields)).toMatchObject({
    problems: [{ severity: 'error', message }],
  });
});

test.each(['statementTimeout', 'lockTimeout'])('0s switches no %s off', (key) => {
  const target = '    target: ${inputs.database}';
  expect(withStep('    sql: SELECT 1', '    effect: read', target, `    ${key}: 0s`)).toMatchObject(
    { problems: [{ severity: 'error', message: '0s is no time at all' }] },
  );
});

test('a duration that no timer reaches is told', () => {
  const problems = (wait: string) =>
    lint(
      `${[...head, '  - id: a', '    title: A', `    wait: ${wait}`, ''].join('\n')}`,
      'a.runbook.yaml',
      library,
    );
  expect(problems('36500d')).toEqual([]);
  expect(problems('36501d')).toMatchObject([{ message: expect.stringContaining('36501d') }]);
});

test('a step by hand has the effect that it states, and says what people do', () => {
  const [look, move] = stepsOf(
    ...['- { id: look, title: Look, manual: "Look at ${inputs.n} disks", effect: read }'],
    ...['- { id: move, title: Move it, manual: Move it }'],
  );
  expect([look?.effect, move?.effect]).toEqual(['read', 'change']);
  expect([look, move].map((step) => manualWords(step as StepSpec))).toEqual([
    'done by people: Look at {inputs.n} disks',
    'done by people',
  ]);
});
