import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { RunbookSpec } from '../../../language/runbook.js';
import { admit, type AdmissionDeps } from '../../../activities/admit.js';
import { expand } from '../../../activities/nested-runbooks.js';
import { readLibrary } from '../../../worker/library.js';
import { envelope } from '../../driver/world.js';
import { plainRunbook } from '../../helpers/plain-runbook.js';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'runbook-library-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

const runbook = plainRunbook({
  ...{ id: 'restart-it', title: 'Restart', summary: 'Restarts it.', owners: ['ops'] },
  steps: [
    {
      id: 'do',
      title: 'Do it',
      kind: 'command',
      effect: 'change',
      work: { action: { kind: 'command', argv: ['true'] } },
    },
  ],
});
const write = (name: string, data: unknown): void =>
  writeFileSync(join(folder, name), JSON.stringify(data));

test('each file is a runbook; other files are none', () => {
  write('a.json', runbook);
  writeFileSync(join(folder, 'README.md'), 'no runbook');
  expect(readLibrary([folder], [])).toMatchObject({
    ...{ runbooks: [{ id: 'restart-it', data: true }], broken: [] },
  });
  expect(readLibrary([], [])).toEqual({ runbooks: [], broken: [] });
});

test('every mistake of every file is named, with its place', () => {
  write('a.json', { ...runbook, stepz: [] });
  write('b.json', {
    ...runbook,
    steps: [
      { ...runbook.steps[0], work: { action: { kind: 'command', argv: [{ $: 'inputs.x' }] } } },
    ],
  });
  writeFileSync(join(folder, 'c.json'), '{');
  writeFileSync(
    join(folder, 'd.json'),
    JSON.stringify({ ...runbook, title: undefined, steps: 'none' }, null, 2),
  );
  write('e.json', { ...runbook, id: 'sound' });
  const { runbooks, broken } = readLibrary([folder], []);
  expect(runbooks.map(({ id }) => id)).toEqual(['sound']);
  expect(broken.map(({ id, file }) => [id, file])).toEqual(
    ['a', 'b', 'c', 'd'].map((each) => [
      each === 'c' ? 'c' : 'restart-it',
      join(folder, `${each}.json`),
    ]),
  );
  expect(broken.flatMap(({ problems }) => problems).join('\n')).toMatch(
    new RegExp(
      [
        'a.json:1:1: has "stepz", which nothing knows',
        'b.json:1:\\d+: steps.0.work.action.argv.0 must be text',
        'c.json:1:2: Flow map must end with a }',
        'd.json:1:1: title is missing',
        'd.json:\\d+:12: steps must be an array',
      ].join('[\\s\\S]*'),
    ),
  );
});

test('a name that is taken, and a folder that is not there', () => {
  write('a.json', runbook);
  expect(readLibrary([folder], [{ id: 'restart-it' } as RunbookSpec])).toMatchObject({
    runbooks: [],
    broken: [{ problems: ['a.json: there is a runbook restart-it already'] }],
  });
  expect(() => readLibrary([join(folder, 'none')], [])).toThrow('RUNBOOK_LIBRARY');
});

const part = `
part: part-note
version: 1.0.0
title: Note something
owner: sre
inputs: { word: { type: text, pattern: "[a-z]+", maxLength: 20, description: What is noted } }
steps:
  - id: note
    title: Note it
    command: echo \${inputs.word}
    effect: read
`;
const around = `
runbook: keep-note
version: 1.0.0
title: Keep a note
type: MAINTENANCE
priority: LOW
owner: sre
steps:
  - { id: keep, title: Keep it, runbook: part-note, with: { word: hello } }
`;

test('a part stands inside a runbook, and is not started alone', () => {
  writeFileSync(join(folder, 'part-note.runbook.yaml'), part);
  writeFileSync(join(folder, 'keep-note.runbook.yaml'), around);
  const { runbooks, broken } = readLibrary([folder], []);
  expect(broken).toEqual([]);
  const [keep, note] = ['keep-note', 'part-note'].map((id) =>
    runbooks.find((each) => each.id === id),
  );
  expect([keep?.part, note?.part]).toEqual([undefined, true]);
  const targets = { list: () => [], facts: () => ({}) };
  expect(expand(keep!, {}, { catalogue: runbooks, targets })).toMatchObject({
    steps: [{ id: 'keep', inputs: { word: 'hello' }, steps: [{ id: 'note' }] }],
  });
  const deps = { catalogue: runbooks, targets } as unknown as AdmissionDeps;
  expect(admit({ ...envelope('told', {}), runbook: 'part-note' }, deps)).toMatchObject({
    admitted: false,
    problem: { message: expect.stringContaining('part-note is a part') as unknown },
  });
});
