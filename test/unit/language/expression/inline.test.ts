import { expect, test } from '@jest/globals';
import { Hidden, inlined, type Meaning } from '../../../../language/expression/inline.js';
import type { Expression, Tree } from '../../../../language/expression/ast.js';
import { evaluate } from '../../../../language/expression/evaluate.js';
import { parse } from '../../../../language/expression/parse.js';
import { joined, listOf, literal, readingAs } from '../../../../language/expression/write.js';
import type { Json } from '../../../../language/json.js';

function read(source: string): Expression {
  const parsed = parse(source);
  if ('problem' in parsed) throw new Error(parsed.problem.message);
  return parsed.expression;
}

const meanings: Readonly<Record<string, Meaning>> = {
  inputs: {
    fields: {
      n: read('steps.a.n + 1'),
      name: read('steps.a.name'),
      window: literal('90s', 'duration'),
      text: joined(['app=', read('steps.a.name'), '"']),
      list: listOf([read('steps.a.n'), literal(5, 'integer'), literal(2.5)]),
      wide: literal({ a: [1, null, true], b: 'ü\n' }),
    },
  },
  target: read('inputs.database'),
};

test.each<[string, string]>([
  ['inputs.n > 3', '(steps.a.n + 1) > 3'],
  ['3 * inputs.n - inputs.n', '3 * (steps.a.n + 1) - (steps.a.n + 1)'],
  ['inputs.name + inputs.name', 'steps.a.name + steps.a.name'],
  ['inputs.window.getSeconds()', 'duration("90s").getSeconds()'],
  [
    'size(inputs.text)',
    'size(("app=" + string(steps.a.name) + string("\\"")))'.replace('string("\\"")', '"\\""'),
  ],
  ['out.rows.filter(r, r.n in inputs.list)', 'out.rows.filter(r, r.n in [steps.a.n, 5, 2.5])'],
  ['inputs.wide.b', '{"a": [1.0, null, true], "b": "ü\\n"}.b'],
  ['target.host', 'inputs.database.host'],
  ['out.inputs.n', 'out.inputs.n'],
  ['out.list.exists(inputs, inputs.n == 1)', 'out.list.exists(inputs, inputs.n == 1)'],
])('%s becomes %s', (source, text) => {
  const made = inlined(read(source), meanings);
  expect(made.$).toBe(text);
  // Each part of the tree is where its text is.
  expect(plain(made.ast)).toEqual(plain(read(made.$).ast));
});

test('an input that is not given is absent, however it is asked for', () => {
  const scope = { steps: { a: { n: 1, name: 'x' } } };
  const value = (source: string): Json | undefined => {
    const outcome = evaluate(inlined(read(source), meanings), scope);
    return 'value' in outcome ? outcome.value : undefined;
  };
  expect(value('inputs.?gone.orValue("none")')).toBe('none');
  expect(value('inputs.?name.orValue("none")')).toBe('x');
  expect(value('has(inputs.gone)')).toBe(false);
  expect(value('has(inputs.n)')).toBe(true);
  expect(value('inputs.gone')).toBeUndefined();
  expect(value('inputs.window > duration("1m")')).toBe(true);
});

test('a variable that hides a name is refused', () => {
  const given = { inputs: { fields: { x: read('r.size') } } };
  expect(() => inlined(read('out.rows.exists(r, r.n > inputs.x)'), given)).toThrow(Hidden);
  expect(inlined(read('out.rows.exists(q, q.n > inputs.x)'), given).$).toContain('q.n > r.size');
});

test('a value of a declared type is read as such', () => {
  const made = inlined(
    { $: 'inputs.at', ast: readingAs(read('inputs.at'), 'timestamp').ast },
    { inputs: { fields: { at: read('steps.a.at') } } },
  );
  expect(made.ast).toMatchObject({ is: 'field', name: 'at', as: 'timestamp' });
});

/** Without what the checker adds. */
function plain(tree: Tree): unknown {
  return JSON.parse(
    JSON.stringify(tree, (key, value: unknown) => (key === 'as' ? undefined : value)),
  );
}
