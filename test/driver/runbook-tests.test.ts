import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { Library } from '../../language/document/library.js';
import { newRunbook, newRunbookTest } from '../../language/document/new-runbook.js';
import { Tests, type FileReport } from '../../testing/run-tests.js';
import { readBundle } from '../../worker/bundle.js';
import { runbookFiles } from '../../worker/runbook-files.js';

/*
 * The tests that authors write: they pass and fail where they should, and say why.
 */

const examples = resolve(import.meta.dirname, '../../examples/runbooks');

let tests: Tests;
beforeAll(async () => {
  tests = await Tests.open();
}, 60_000);
afterAll(() => tests?.close());

/** A library of texts. */
const libraryOf = (files: Record<string, string>): Library =>
  new Library({
    paths: (name) => (Object.hasOwn(files, name) ? [name] : []),
    names: (ending) => Object.keys(files).filter((name) => name.endsWith(ending)),
    text: (path) => files[path] ?? null,
  });

const runbook = readFileSync(join(examples, 'service-restart.runbook.yaml'), 'utf8');
const file = 'service-restart.runbook.test.yaml';

/** Runs a test of the example. */
const run = (text: string, faults = false): Promise<FileReport> =>
  tests.run(text, file, libraryOf({ 'service-restart.runbook.yaml': runbook }), faults);

const told = ({ problems, cases }: FileReport): string[] =>
  [...problems, ...cases.flatMap((each) => each.problems)].map(
    ({ line, col, rule, message }) => `${line}:${col} ${rule}: ${message}`,
  );

test('the examples pass, every way is shown, and generated runs find nothing', async () => {
  const { all, ...files } = runbookFiles([examples]);
  const written = all.filter((path) => path.endsWith('.runbook.test.yaml'));
  expect(written.length).toBeGreaterThan(0);
  for (const path of written) {
    const report = await tests.run(readFileSync(path, 'utf8'), path, new Library(files), true);
    expect([path, told(report)]).toEqual([path, []]);
    expect(report.ways.filter(({ taken }) => !taken)).toEqual([]);
    expect(report.generated).toMatchObject({ findings: [] });
    expect(report.generated?.runs).toBeGreaterThan(20);
  }
});

test('what `runbook new` writes passes', async () => {
  const library = libraryOf({ 'first.runbook.yaml': newRunbook('first') });
  const report = await tests.run(newRunbookTest('first'), 'first.runbook.test.yaml', library, true);
  expect(told(report)).toEqual([]);
  expect(report).toMatchObject({ ok: true, generated: { findings: [] } });
});

test('a failure that is an answer is one in a test, too', async () => {
  const text = `runbook: probing
version: 1.0.0
title: Probe it
type: TROUBLESHOOTING
priority: LOW
owner: sre
steps:
  - { id: probe, title: Probe, command: probe it, effect: read, onFailure: capture }
  - { id: down, title: It is down, when: steps.probe.failed && steps.probe.exitCode == 3, command: say, effect: read }
`;
  const given = 'given: { steps: { probe: { exitCode: 3 }, down: {} } }';
  const report = await tests.run(
    `test: probing\n${given}\nexpect: { path: [probe, down], state: succeeded }\n`,
    'probing.runbook.test.yaml',
    libraryOf({ 'probing.runbook.yaml': text }),
    true,
  );
  expect(told(report)).toEqual([]);
  expect(report.generated?.findings).toEqual([]);
});

test('a poll in a test says why it could not be told, and asks people as in a run', async () => {
  const text = `runbook: polling
version: 1.0.0
title: Poll it
type: TROUBLESHOOTING
priority: LOW
owner: sre
inputs:
  most: { type: duration, default: 30s, description: How long }
steps:
  - id: poll
    title: Poll
    command: poll it
    parse: json
    effect: read
    until: duration(string(out.json.lag) + "s") <= inputs.most
    inconclusiveWhen: out.json.count == 0
    timeout: 1m
`;
  const toldOf = async (json: string): Promise<string> => {
    const report = await tests.run(
      `test: polling\ngiven: { steps: { poll: { json: ${json} } } }\nexpect: { state: succeeded }\n`,
      'polling.runbook.test.yaml',
      libraryOf({ 'polling.runbook.yaml': text }),
      false,
    );
    return report.cases.flatMap(({ problems }) => problems.map(({ hint }) => hint)).join('\n');
  };
  expect(await toldOf('{ lag: 3, count: 1 }')).toBe('');
  expect(await toldOf('{ lag: 1.5, count: 1 }')).toContain('"1.5s" is no duration');
  expect(await toldOf('{ lag: 99, count: 0 }')).toContain('it cannot be told: out.json.count == 0');
});

describe('a step that proves its effect', () => {
  const proving = (more = '') => `runbook: label
version: 1.0.0
title: Label it
type: MAINTENANCE
priority: LOW
owner: sre
steps:
  - id: first
    title: First
    command: first
    effect: read
  - id: label
    title: Label it
    command: label it
    effect: change
    undo: { command: unlabel it }
    approval: { by: sre }
    verify: { command: labelled it, expect: { exit: [0, 1] }, until: out.exitCode == 0, proves: true${more} }
  - id: last
    title: Last
    command: last
    effect: read
`;
  const report = (expected: string, given = '{ stdout: done }', text = proving()) =>
    tests.run(
      `test: label\ngiven: { steps: { label: ${given} } }\nexpect: ${expected}\n`,
      'label.runbook.test.yaml',
      libraryOf({ 'label.runbook.yaml': text }),
      true,
    );

  test('is done behind its gate where it is not done yet, or nobody can tell', async () => {
    const all = '{ path: [first, label, last], gates: [label], state: succeeded }';
    for (const given of [
      '{ stdout: done }',
      '{ proof: { exitCode: 1 } }',
      '{ proof: { failed: StepTimeout } }',
      '{ proof: { failed: CommandMissing } }',
    ])
      expect([given, told(await report(all, given))]).toEqual([given, []]);
  });

  test('is not needed where it is done already, and nobody is asked', async () => {
    const none = '{ path: [first, last], gates: [], undos: [], state: succeeded }';
    expect(told(await report(none, '{ proof: { exitCode: 0 } }'))).toEqual([]);
    expect((await report(none, '{ proof: { exitCode: 0 } }')).generated?.findings).toEqual([]);
  });

  test('is verified afterwards, too', async () => {
    const failed = '{ path: [first, label], undos: [], state: needs-operator }';
    expect(told(await report(failed, '{ verify: { exitCode: 1 } }'))).toEqual([]);
  });

  test('is asked as ever where one look would prove nothing', async () => {
    const all = '{ path: [first, label, last], gates: [label] }';
    const twice = proving(', consecutive: 2');
    expect(told(await report(all, '{ proof: { exitCode: 0 } }', twice))).toEqual([]);
  });
});

const twoChanges = `runbook: two-changes
version: 1.0.0
title: Two changes
type: MAINTENANCE
priority: LOW
owner: sre
steps:
  - { id: one, title: One, command: one, effect: change, undo: { command: back one } }
  - { id: two, title: Two, command: two, effect: change, undo: { command: back two } }
  - { id: three, title: Three, command: three, effect: change, undo: { none: it stays } }
  - { id: look, title: Look, command: look, effect: read }
`;

test('generated runs find an engine that undoes in the wrong order', async () => {
  const { code } = readBundle();
  const wrong = code
    .replace('this.entries.at(-1)', 'this.entries.at(0)')
    .replace('this.entries.pop()', 'this.entries.shift()');
  const library = libraryOf({ 'two-changes.runbook.yaml': twoChanges });
  const findings = async (tests: Tests): Promise<FileReport['generated']> => {
    const text = 'test: two-changes\nexpect: { state: succeeded }';
    return (await tests.run(text, 'two-changes.runbook.test.yaml', library, true)).generated;
  };
  expect(await findings(tests)).toMatchObject({ findings: [], stays: { three: 'look' } });
  const others = await Tests.open(wrong);
  try {
    expect((await findings(others))?.findings).toContain(
      'look fails, people say rollback: undone were one, two, not two, one',
    );
  } finally {
    await others.close();
  }
});

describe('a test that is not met says where and why', () => {
  const active = 'before: { exitCode: 0, stdout: active }';
  const given = (steps: string): string =>
    `test: service-restart\ngiven: { inputs: { service: nginx }, steps: { ${steps} } }\n`;
  test.each<[string, string, string[]]>([
    [
      'another way',
      `${given(active)}expect: { path: [before, way/stopped/start] }`,
      ['3:26 path: way/active/restart was done here, not way/stopped/start'],
    ],
    [
      'more than was expected',
      `${given(active)}expect: { path: [before, way] }`,
      ['3:11 path: after was done too'],
    ],
    [
      'less than was expected',
      `${given(active)}expect: { path: [before, way, after, before] }`,
      ['3:38 path: nothing more was done, not before'],
    ],
    [
      'gates, undos and state',
      `${given(active)}expect: { gates: [], undos: [after], state: failed }`,
      [
        '3:11 gates: people were asked at way/active/restart',
        '3:30 undos: nothing was undone',
        '3:38 state: the run is succeeded, not failed',
      ],
    ],
    [
      'a value that is not given',
      given('after: { exitCode: 0 }'),
      [
        '1:1 not-given: way reads steps.before.exitCode, and the test does not say what before comes to',
      ],
    ],
    [
      'a step that failed, and nobody says what to do',
      given(`${active}, after: { failed: StepTimeout }`),
      ['1:1 state: the run waits for people at after: it is needs-operator'],
    ],
    [
      'an answer to what nobody asks',
      `${given(active)}answer: { before: skip }`,
      ['3:11 answer-unused: nobody was asked about before'],
    ],
    [
      'an input that is refused',
      'test: service-restart\ngiven: { inputs: { service: "" } }',
      ['1:1 refused: nothing was started: input service does not match [a-z][a-z0-9@._-]*: ""'],
    ],
    [
      'names that there are not',
      'test: service-restart\ngiven: { inputs: { servce: x }, steps: { way/active: { exitCode: 0 } } }\nexpect: { gates: [after] }',
      [
        '2:20 unknown-input: the runbook has no input servce',
        '2:42 unknown-step: the runbook has no step way/active that does something',
        '3:19 unknown-step: the runbook has no step after with an approval',
      ],
    ],
    [
      'an outcome that a step cannot have',
      given('before: { rows: [] }'),
      ['2:57 outcome-field: a command step has no rows to answer'],
    ],
    [
      'a runbook that there is not',
      'test: service-rstart',
      [
        '1:7 file-name: the test of service-rstart is called service-rstart.runbook.test.yaml',
        '1:7 unknown-runbook: there is no file service-rstart.runbook.yaml that can be read',
      ],
    ],
  ])('%s', async (_what, text, problems) => {
    const report = await run(text);
    expect(told(report)).toEqual(problems);
    expect(report.ok).toBe(false);
  });

  test('with the values that decided', async () => {
    const report = await run(`${given(active)}expect: { path: [way/stopped] }`);
    expect(report.cases[0]?.problems[0]?.hint).toContain(
      'way/active: before.exitCode (0) == 0 is true',
    );
  });
});
