import { describe, expect, test } from '@jest/globals';
import { mermaidText } from '../../../client/graph/mermaid.js';
import { htmlPicture, svgPicture, type Drawn } from '../../../client/graph/picture.js';
import { linesOf } from '../../../client/graph/text.js';
import { graphForm } from '../../../client/graph/write.js';
import { readExpression } from '../../../language/read-expression.js';
import type { StepSpec } from '../../../language/runbook.js';

const leaf = (id: string, more: Partial<StepSpec> = {}): StepSpec => ({
  ...{ id, title: `Do ${id}`, kind: 'command', effect: 'change' },
  work: { action: { kind: 'command', argv: ['do', id] } },
  ...more,
});

const drawn: Drawn = {
  ...{ id: 'drawn', version: '1.0.0', title: 'Drawn', inputs: { word: 'hello' } },
  steps: [
    leaf('look', { effect: 'read' }),
    { id: 'allow', title: 'May it?', kind: 'approval', effect: 'read' },
    {
      ...{ id: 'both', title: 'Both', kind: 'parallel', effect: 'change' },
      steps: [leaf('one', { undo: 'Take one back' }), leaf('two')],
    },
    leaf('wipe', { effect: 'destroy', pointOfNoReturn: true }),
  ],
};

describe('the picture', () => {
  const svg = svgPicture(drawn);

  test('shows each step with its action, and its effect in words and as a shape', () => {
    for (const words of [
      ...['read, up to 3x · look', 'change, once · both/one', 'destroy, once · wipe'],
      ...['run do look', 'gate · allow', 'May it?', '↶ undo: Take one back', 'no undo'],
      ...['POINT OF NO RETURN', 'all at once · both', 'word: hello'],
    ])
      expect(svg).toContain(`>${words}<`);
    for (const kind of ['read', 'change', 'destroy', 'gate'])
      expect(svg).toContain(`class="mark ${kind}"`);
  });

  test('needs nothing from elsewhere', () => {
    expect(svg.replace('http://www.w3.org/2000/svg', '')).not.toMatch(
      /https?:|<script|@import|url\(/,
    );
  });

  test('puts ways side by side where they fit, and below each other where they do not', () => {
    const places = (text: string): [x: number, y: number][] =>
      [...text.matchAll(/<rect class="box change" x="([\d.]+)" y="([\d.]+)"/g)].map(([, x, y]) => [
        Number(x),
        Number(y),
      ]);
    const [one, two] = places(svg);
    expect(one?.[1]).toBe(two?.[1]);
    const [narrow] = htmlPicture(drawn).split('class="wide"');
    const [above, below] = places(narrow ?? '');
    expect(above?.[0]).toBe(below?.[0]);
    expect(below?.[1]).toBeGreaterThan(above?.[1] ?? Infinity);
  });

  test('stays inside of its width', () => {
    const [, width = ''] = /viewBox="0 0 ([\d.]+)/.exec(svg) ?? [];
    for (const [, x = '', own = ''] of svg.matchAll(
      /<rect[^>]* x="([\d.]+)"[^>]* width="([\d.]+)"/g,
    ))
      expect(Number(x) + Number(own)).toBeLessThanOrEqual(Number(width));
  });
});

test('a way that ends the runbook leads nowhere', () => {
  const steps = ['ended', 'other'].map((id): StepSpec => {
    const inner: StepSpec =
      id === 'ended' ? { id: 'end', title: 'Enough', kind: 'succeed', effect: 'read' } : leaf('do');
    const when = readExpression(`steps.case.case == "${id}"`);
    return { id, title: id, kind: 'group', effect: 'read', when, steps: [inner] };
  });
  const when = readExpression('steps.look.n > 1');
  const cases = [
    { case: 'ended', title: 'ended', when },
    { case: 'other', title: 'other' },
  ];
  const choice: StepSpec = { id: 'case', title: 'Which', kind: 'choice', effect: 'read', cases };
  const way: StepSpec = {
    ...{ id: 'way', title: 'Way', kind: 'group', effect: 'change' },
    steps: [choice, ...steps],
  };
  const plan = { ...drawn, steps: [way, leaf('after')] };
  expect(svgPicture(plan)).toContain('>ends the runbook well');
  const lines = mermaidText(plan).split('\n');
  const idOf = (path: string): string =>
    /n\d+/.exec(lines.find((line) => line.includes(`: ${path}<`)) ?? '')?.[0] ?? 'none';
  const from = (path: string) => lines.filter((line) => line.includes(`${idOf(path)} -->`));
  expect([from('way/ended/end').length, from('way/other/do').length]).toEqual([0, 1]);
});

test('Mermaid gets the same steps in their order', () => {
  const lines = mermaidText(drawn).split('\n');
  expect(lines[0]).toBe('flowchart TD');
  for (const line of [
    'n3["read: look<br/>Do look<br/>run do look"]:::read',
    'n4{{"gate: allow<br/>May it#63;"}}:::gate',
    'n5(["parallel: both<br/>Both"])',
    'n5 --> n6',
    'n5 --> n7',
    'n6 --> n8',
    'n7 --> n8',
    'n8["destroy: wipe<br/>Do wipe<br/>POINT OF NO RETURN<br/>run do wipe"]:::destroy',
  ])
    expect(lines.map((each) => each.trim())).toContain(line);
});

test('a file of no known form is refused', () => {
  expect(() => graphForm('plan.png')).toThrow('no form that can be drawn');
});

test.each([
  ['words that fit', 'one two', 80, ['one two']],
  ['words that do not', 'one two three', 60, ['one two', 'three']],
  ['a long word', 'a'.repeat(20), 60, ['aaaaaaaa', 'aaaaaaaa', 'aaaa']],
  ['too much', 'one two three four five six', 60, ['one two', 'three', 'four…']],
])('lines of %s', (_what, text, width, lines) => {
  expect(linesOf(text, 'small', width, 3).map((line) => line.text)).toEqual(lines);
});
