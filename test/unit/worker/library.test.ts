import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { RunbookSpec } from '../../../language/runbook.js';
import { admit, type AdmissionDeps } from '../../../activities/admit.js';
import { expand } from '../../../activities/nested-runbooks.js';
import { readLibrary } from '../../../worker/library.js';
import { envelope } from '../../driver/world.js';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'runbook-library-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

const fileOf = (
  id: string,
  steps = '[{ id: do, title: Do it, command: /bin/true, effect: read }]',
): string => `
runbook: ${id}
version: 1.0.0
title: Restart
type: MAINTENANCE
priority: LOW
owner: ops
steps: ${steps}
`;
const write = (id: string, text: string): string => {
  const file = join(folder, `${id}.runbook.yaml`);
  writeFileSync(file, text);
  return file;
};

test('each file is a runbook; other files are none', () => {
  write('restart-it', fileOf('restart-it'));
  writeFileSync(join(folder, 'README.md'), 'no runbook');
  expect(readLibrary([folder], [])).toMatchObject({
    ...{ runbooks: [{ id: 'restart-it', data: true }], broken: [] },
  });
  expect(readLibrary([], [])).toMatchObject({ runbooks: [], broken: [] });
});

test('every mistake of every file is named, with its place', () => {
  const choosing = '[{ id: do, title: Do it, command: ["${inputs.x}"], effect: read }]';
  const files = [
    write('a', `${fileOf('a')}stepz: []\n`),
    write('b', fileOf('b', choosing)),
    write('c', '{'),
    write('d', fileOf('d', 'none').replace('title: Restart\n', '')),
  ];
  write('sound', fileOf('sound'));
  const { runbooks, broken } = readLibrary([folder], []);
  expect(runbooks.map(({ id }) => id)).toEqual(['sound']);
  expect(broken.map(({ id, file }) => [id, file])).toEqual(
    files.map((file, index) => ['abcd'[index], file]),
  );
  expect(broken.flatMap(({ problems }) => problems).join('\n')).toMatch(
    new RegExp(
      [
        'a.runbook.yaml:9:1: there is no field stepz here',
        'b.runbook.yaml:8:\\d+: ',
        'c.runbook.yaml:1:\\d+: ',
        'd.runbook.yaml:2:1: .*title',
        'd.runbook.yaml:7:8: steps must be a list',
      ].join('[\\s\\S]*'),
    ),
  );
});

test('a name that is taken, and a folder that is not there', () => {
  write('restart-it', fileOf('restart-it'));
  expect(readLibrary([folder], [{ id: 'restart-it' } as RunbookSpec])).toMatchObject({
    runbooks: [],
    broken: [{ problems: ['restart-it.runbook.yaml: there is a runbook restart-it already'] }],
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
  write('part-note', part);
  write('keep-note', around);
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
