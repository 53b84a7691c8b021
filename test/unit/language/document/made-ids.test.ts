import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import type { Json } from '../../../../language/json.js';
import { Library } from '../../../../language/document/library.js';
import { lint } from '../../../../language/document/lint.js';
import { read, type Written } from '../../../../language/document/read.js';
import { toSpec } from '../../../../language/document/to-spec.js';
import type { StepSpec } from '../../../../language/runbook.js';
import { runbookFiles, textOf } from '../../../../worker/runbook-files.js';

/*
 * The loader makes steps that no author writes. Each of their ids is listed here, and none of them
 * is taken for a step of the author.
 */

const everyMaker = `runbook: x
version: 1.0.0
title: X
type: MAINTENANCE
priority: LOW
owner: sre
inputs:
  n: { type: integer, description: A number }
prerequisites:
  - A text.
  - { title: We may, command: ls, effect: read }
steps:
  - id: label
    title: Label it
    command: touch -- a
    effect: change
    undo: { command: rm -f -- a }
    approval: { by: sre }
    verify: { command: ls a, until: out.exitCode == 0, proves: true }
  - id: tell
    title: Tell them
    notify: hello
    to: [team, others]
  - id: way
    title: Which way?
    branch:
      - case: none
        when: inputs.n == 0
        succeed: nothing to do
      - case: some
        when: inputs.n == 1
        outputs: { found: inputs.n }
      - case: case
        when: inputs.n == 2
        steps: [{ id: say, command: ls, effect: read }]
verify:
  - { id: at_the_end, title: It is there, command: ls, effect: read }
`;
const step = (id: string): string => `{ id: ${id}, title: T, command: ls, effect: read }`;
const first = (id: string) => (text: string) =>
  text.replace('steps:\n', `steps:\n  - ${step(id)}\n`);

/** How an author writes a step of the same id beside each. */
const beside: Readonly<Record<string, (text: string) => string>> = {
  prerequisites: first('prerequisites'),
  verify: first('verify'),
  proof_label: first('proof_label'),
  approve_label: first('approve_label'),
  look_1: (text) => text.replace('steps:\n', `  - ${step('look_1')}\nsteps:\n`),
  end: (text) => text.replace('succeed: no', `steps: [${step('end')}]\n        succeed: no`),
  case_: (text) =>
    text.replace('- case: none', '- { case: case_, when: inputs.n == 9 }\n      - case: none'),
};
/** Alone in a group that is made too, or never the name of a case. */
const alone = ['case', 'to_1', 'to_2', 'values'];

const specOf = (text: string, file: string, library: Library): readonly StepSpec[] => {
  const made = toSpec(read(text, file) as Written, library);
  return 'spec' in made ? made.spec.steps : [];
};

function idsIn(steps: readonly StepSpec[]): string[] {
  return steps.flatMap((each) => [each.id, ...idsIn(each.steps ?? [])]);
}

/** Ids of steps and names of cases, as somebody wrote them. */
function writtenIn(value: Json): string[] {
  if (typeof value !== 'object' || value === null) return [];
  const own = Array.isArray(value) ? [] : [value['id'], value['case']];
  return [
    ...own.flatMap((id) => (typeof id === 'string' ? [id.replaceAll('-', '_')] : [])),
    ...Object.values(value).flatMap(writtenIn),
  ];
}

function madeIn(text: string, file: string, library = new Library()): string[] {
  const written = (read(text, file) as Written).data;
  const own = new Set(writtenIn(written));
  return [...new Set(idsIn(specOf(text, file, library)))].filter((id) => !own.has(id)).sort();
}

test('these are the ids that are made', () => {
  expect(lint(everyMaker, 'x.runbook.yaml')).toEqual([]);
  const known = [...Object.keys(beside), ...alone.filter((id) => id !== 'case')];
  expect(madeIn(everyMaker, 'x.runbook.yaml')).toEqual(known.sort());
});

test.each(Object.entries(beside))('%s is refused as an id of the author', (id, write) => {
  const text = write(everyMaker);
  expect(text).not.toBe(everyMaker);
  const errors = lint(text, 'x.runbook.yaml').filter(({ severity }) => severity === 'error');
  const lines = text.split('\n');
  expect(errors).toHaveLength(1);
  const [{ rule = '', line = 0, hint = '' } = {}] = errors;
  expect(['reserved-name', 'duplicate-id']).toContain(rule);
  expect(lines[line - 1]).toMatch(id === 'case_' ? /case: case$/ : new RegExp(`id: ${id},`));
  expect(hint).toMatch(/otherwise/);
});

test('where nothing of the name is made, it is a name as any other', () => {
  const plain = everyMaker
    .replace(/prerequisites:\n.*\n.*\n/, '')
    .replace(/verify:\n.*\n$/, '')
    .replace(', proves: true', '')
    .replace(/ {4}approval: .*\n/, '');
  for (const id of ['prerequisites', 'verify', 'proof_label', 'approve_label', 'end'])
    expect([id, lint(first(id)(plain), 'x.runbook.yaml')]).toEqual([id, []]);
});

test('no runbook of ours has a made id that is not in this list, or an id twice', () => {
  const patterns = /^(prerequisites|verify|(proof|approve)_.+|(look|to)_\d+|end|case_?|values)$/;
  const folders = [join(import.meta.dirname, 'examples'), join('examples', 'runbooks')];
  const files = runbookFiles(folders);
  const library = new Library(files);
  const texts = files.all
    .filter((file) => file.endsWith('.runbook.yaml'))
    .map((file) => [file, textOf(file) ?? ''] as const);
  const all = [['x.runbook.yaml', everyMaker] as const, ...texts];
  const unknown = all.flatMap(([file, text]) =>
    madeIn(text, file, library).filter((id) => !patterns.test(id)),
  );
  const twice = all.flatMap(([file, text]) => twiceIn(specOf(text, file, library)));
  expect({ unknown, twice }).toEqual({ unknown: [], twice: [] });
});

function twiceIn(steps: readonly StepSpec[]): string[] {
  const ids = steps.map(({ id }) => id);
  const own = ids.filter((id, at) => ids.indexOf(id) !== at);
  return [...own, ...steps.flatMap((each) => twiceIn(each.steps ?? []))];
}
