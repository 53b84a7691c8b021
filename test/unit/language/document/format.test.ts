import { expect, test } from '@jest/globals';
import { formatted } from '../../../../language/document/format.js';
import { lint } from '../../../../language/document/lint.js';
import { newRunbook } from '../../../../language/document/new-runbook.js';
import { examples, library } from './library.js';

test.each([...examples])('%s has a canonical form, which is its own', (file, text) => {
  const once = formatted(text, file);
  expect(once).not.toBeNull();
  expect(formatted(once ?? '', file)).toBe(once);
  const comments = (of: string): string[] =>
    (of.match(/(?:^|\s)# .*$/gm) ?? []).map((each) => each.trim()).sort();
  expect(comments(once ?? '')).toEqual(comments(text));
});

test('a step begins with its name, and ends with what is inside', () => {
  const text = `runbook: x
steps:
  - command: ls # what it does
    # why it is so
    effect: read
    id: a
owner: sre
`;
  expect(formatted(text, 'x.runbook.yaml')).toBe(`runbook: x
owner: sre
steps:
  - id: a
    command: ls # what it does
    # why it is so
    effect: read
`);
});

test('a file that cannot be read is left alone', () => {
  expect(formatted('a: [', 'x.runbook.yaml')).toBeNull();
});

test.each(['restart-api', 'x', 'clean_up-2'])('a new runbook %s lints clean', (id) => {
  expect(lint(newRunbook(id), `${id}.runbook.yaml`, library())).toEqual([]);
});
