import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { applyFixes } from '../../../../language/document/fix.js';
import { Library } from '../../../../language/document/library.js';
import { lint } from '../../../../language/document/lint.js';
import { problemText } from '../../../../language/document/show-problems.js';
import { library } from './library.js';

/*
 * Wrong runbooks, each with exactly what people are told. In wrong.txt the text of a runbook stands
 * behind what is common to all of them, unless it begins with `runbook:`.
 */
const [common = '', ...sections] = readFileSync(
  join(import.meta.dirname, 'wrong.txt'),
  'utf8',
).split(/^## /m);

const wrong = sections.map((section) => {
  const [what = '', ...rest] = section.split('\n');
  const [text = '', told = ''] = rest.join('\n').split(/^---\n/m);
  return [what, text.startsWith('runbook:') ? text : common + text, told.trimEnd()] as const;
});

test('there are a hundred and twenty, with the ten of the design', () => {
  expect(wrong.length).toBeGreaterThanOrEqual(120);
});

test.each(wrong)('%s', (_what, text, told) => {
  const problems = lint(text, 'x.runbook.yaml', library());
  expect(problems.map((each) => problemText(each)).join('\n')).toBe(told);
});

test('an action whose own file cannot be read is not called missing', () => {
  const path = 'broken.action.yaml';
  const files = {
    paths: (name: string) => (name === path ? [path] : []),
    names: () => [path],
    text: () => 'action: broken\noutputs: { n: out[0] }\n',
  };
  const text = `${common}  - { id: a, title: A, use: broken }\n`;
  const told = lint(text, 'x.runbook.yaml', new Library(files)).map(({ message }) => message);
  expect(told).toContain('the action "broken" cannot be read');
});

const flow = `${common}  - id: a
    title: A
    command: touch -- /tmp/lock
    effect: change
    undo: { title: Open it, command: rm -f -- \${inputs.name}/lock }
`;

test('--fix quotes a whole value inside braces', () => {
  const mended = applyFixes(flow, (text) => lint(text, 'x.runbook.yaml', library()));
  expect(mended).toContain(`undo: { title: Open it, command: "rm -f -- \${inputs.name}/lock" }`);
  expect(lint(mended, 'x.runbook.yaml', library())).toEqual([]);
});

test('what --fix has written is left alone the next time', () => {
  const known = library();
  for (const [what, text] of [...wrong, ['an expression in braces', flow] as const]) {
    const problemsOf = (each: string) => lint(each, 'x.runbook.yaml', known);
    const mended = applyFixes(text, problemsOf);
    expect([what, applyFixes(mended, problemsOf)]).toEqual([what, mended]);
  }
});
