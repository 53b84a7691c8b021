import { describe, expect, test } from '@jest/globals';
import { resolveInputs } from '../../../language/inputs.js';
import { readExpression } from '../../../language/read-expression.js';
import type { Json, JsonObject } from '../../../language/json.js';
import type { InputSpec } from '../../../language/runbook.js';

const spec: Record<string, InputSpec> = {
  pipeline: { type: 'target', kind: 'pipeline', description: 'the pipeline' },
  job: {
    type: 'text',
    optional: true,
    pattern: '^[a-z0-9-]+$',
    maxLength: 20,
    description: 'the job',
  },
  batch: { type: 'integer', default: 3, minimum: 1, maximum: 10, description: 'the batch' },
  ratio: { type: 'number', optional: true, minimum: 0, maximum: 1, description: 'the ratio' },
  force: { type: 'boolean', default: false, description: 'whether by force' },
  patience: { type: 'duration', default: '5m', description: 'how long' },
  mode: { type: 'choice', options: ['fast', 'safe'], default: 'safe', description: 'how' },
};
const targets = [
  { name: 'flights', kind: 'pipeline' },
  { name: 'oncall', kind: 'webhook' },
];

function resolved(given: JsonObject): JsonObject {
  const answer = resolveInputs(spec, given, targets);
  if (!answer.ok) throw new Error(JSON.stringify(answer.problems));
  return answer.inputs;
}

function problems(given: JsonObject) {
  const answer = resolveInputs(spec, given, targets);
  return answer.ok ? [] : answer.problems;
}

/** The only problem of these inputs, beside a good target. */
function problem(given: JsonObject): string {
  const found = problems({ pipeline: 'flights', ...given });
  expect(found).toHaveLength(1);
  return `${found[0]?.message}. ${found[0]?.next}`;
}

test('defaults are filled in and optional inputs stay away', () => {
  expect(resolved({ pipeline: 'flights' })).toEqual({
    pipeline: 'flights',
    batch: 3,
    force: false,
    patience: '5m',
    mode: 'safe',
  });
});

test('text from a command line is read as the declared type', () => {
  expect(
    resolved({
      pipeline: 'flights',
      batch: '5',
      ratio: '0.25',
      force: 'true',
      patience: '1h30m',
      job: '007',
    }),
  ).toMatchObject({
    batch: 5,
    ratio: 0.25,
    force: true,
    patience: '1h30m',
    job: '007',
  });
});

describe('nothing else is coerced', () => {
  test.each<[string, JsonObject, RegExp]>([
    ['a fraction for an integer', { batch: '1.5' }, /batch must be a whole number/],
    ['empty text for an integer', { batch: '' }, /batch must be a whole number/],
    ['blank text for a number', { ratio: ' ' }, /ratio must be a number/],
    ['hexadecimal', { batch: '0x5' }, /batch must be a whole number/],
    ['an exponent', { batch: '1e1' }, /batch must be a whole number/],
    [
      'a digit beyond what numbers carry',
      { batch: '90071992547409930' },
      /batch must be a whole number/,
    ],
    ['a truth value for a number', { ratio: true }, /ratio must be a number/],
    ['yes for a truth value', { force: 'yes' }, /force must be true or false/],
    ['one for a truth value', { force: 1 }, /force must be true or false/],
    ['a number for text', { job: 7 }, /job must be text/],
    ['a list for text', { job: ['a'] }, /job must be text/],
    ['a number for a duration', { patience: 5 }, /patience must be a duration.*1h30m/],
    ['a duration without a unit', { patience: '5' }, /patience must be a duration/],
    ['a number for a target', { pipeline: 1 }, /pipeline names 1, which is no target/],
  ])('%s', (_what, given, said) => {
    expect(problem(given)).toMatch(said);
  });
});

test.each<[string, InputSpec['type'], Json, RegExp]>([
  ['beyond 2^53', 'number', '9007199254740993', /would be rounded/],
  ['with too many digits', 'number', '0.1234567890123456789', /would be rounded/],
  ['beyond 2^53', 'integer', '9007199254740993', /must be a whole number/],
  ['of more than a hundred years', 'duration', '99999999d', /must be a duration/],
  ['with a NUL', 'text', 'a\0b', /cannot be kept/],
  ['with half of a pair', 'text', 'a\ud83d', /cannot be kept/],
  ['with a NUL in an item', 'list', ['a', 'b\0'], /cannot be kept/],
  ['with a NUL in a field of JSON', 'object', '{"a":[{"b":"\\u0000"}]}', /cannot be kept/],
  ['with half of a pair in a name', 'object', { '\udc00': 1 }, /cannot be kept/],
])('what would not stay as it is is refused: %s, %s', (_name, type, value, why) => {
  const input = { type, description: 'a value' } as InputSpec;
  const answer = resolveInputs({ a: input }, { a: value }, targets);
  expect(JSON.stringify(answer)).toMatch(why);
  expect(answer.ok).toBe(false);
});

test.each(['0.1', '-0', '007', '1.10', '9007199254740991'])(
  'the number %s stays what it is',
  (value) => {
    const input = { type: 'number', description: 'a value' } as InputSpec;
    const answer = resolveInputs({ a: input }, { a: value }, targets);
    expect(answer).toEqual({ ok: true, inputs: { a: Number(value) } });
  },
);

describe('limits hold, at their edges', () => {
  test.each([1, 10, '1', '10'])('%p is in range', (batch) => {
    expect(resolved({ pipeline: 'flights', batch })['batch']).toBe(Number(batch));
  });

  test.each([0, 11, -1, '0', '11'])('%p is out of range', (batch) => {
    expect(problem({ batch })).toMatch(/batch must be from 1 to 10/);
  });

  test('length, pattern and choice', () => {
    expect(resolved({ pipeline: 'flights', job: 'a'.repeat(20) })['job']).toHaveLength(20);
    expect(problem({ job: 'a'.repeat(21) })).toMatch(/longer than 20/);
    expect(problem({ job: 'A' })).toMatch(/does not match/);
    expect(problem({ mode: 'reckless' })).toMatch(/must be one of fast, safe/);
  });
});

test('a target must exist and be of the declared kind', () => {
  expect(problem({ pipeline: 'orders' })).toMatch(/"orders", which is no target.*flights/);
  expect(problem({ pipeline: 'oncall' })).toMatch(/kind webhook, not pipeline.*flights/);
});

test.each(['env:PASSWORD', 'file:/etc/passwd', 'command:id'])(
  '%s is refused: inputs never name a provider',
  (value) => {
    expect(problem({ job: value })).toMatch(/must not name a secret provider.*secrets\.yaml/);
    expect(problem({ pipeline: value })).toMatch(/must not name a secret provider/);
  },
);

test('all problems are told at once, and nothing is resolved', () => {
  const found = problems({ batch: 'x', forse: true, mode: 7 });
  expect(found.map(({ message }) => message)).toEqual([
    'there is no input "forse"',
    expect.stringMatching(/pipeline is missing/),
    expect.stringMatching(/batch must be/),
    expect.stringMatching(/mode must be/),
  ]);
  for (const { type, next } of found) {
    expect(type).toBe('Refused');
    expect(next).not.toBe('');
  }
});

test('names that every object has are no inputs', () => {
  const given = JSON.parse(
    '{"pipeline": "flights", "__proto__": {"batch": 9}, "constructor": 1, "toString": 1}',
  ) as JsonObject;
  expect(problems(given).map(({ message }) => message)).toEqual([
    'there is no input "__proto__"',
    'there is no input "constructor"',
    'there is no input "toString"',
  ]);
});

describe('lists, objects, and defaults made of other inputs', () => {
  const many: Record<string, InputSpec> = {
    names: { type: 'list', of: 'text', pattern: '^[a-z]+$', default: ['a'], description: 'names' },
    ports: { type: 'list', of: 'integer', maximum: 9, optional: true, description: 'ports' },
    places: {
      type: 'list',
      of: 'target',
      kind: ['pipeline', 'webhook'],
      default: 'all',
      description: 'w',
    },
    pairs: {
      type: 'list',
      of: { who: 'text', n: 'integer' },
      optional: true,
      description: 'pairs',
    },
    keep: { type: 'object', default: { daily: 7 }, description: 'how many' },
    where: {
      type: 'target',
      kind: ['pipeline', 'webhook'],
      default: 'oncall',
      description: 'where',
    },
    label: {
      ...{ type: 'text', pattern: '^app=.*', description: 'label' },
      computed: { join: ['app=', readExpression('inputs.names[0]')] } as unknown as Json,
    },
  };
  const read = (given: JsonObject) => resolveInputs(many, given, targets);

  test('defaults', () => {
    expect(read({})).toEqual({
      ok: true,
      inputs: {
        ...{ names: ['a'], places: ['flights', 'oncall'], keep: { daily: 7 }, where: 'oncall' },
        label: 'app=a',
      },
    });
  });

  test('what a command line gives', () => {
    const given = { names: ['b', 'c'], ports: '5', places: 'flights', keep: '{"daily": 1}' };
    expect(read({ ...given, pairs: '{"who": "x", "n": "2"}' })).toMatchObject({
      inputs: {
        ...{ names: ['b', 'c'], ports: [5], places: ['flights'], keep: { daily: 1 } },
        ...{ pairs: [{ who: 'x', n: 2 }], label: 'app=b' },
      },
    });
  });

  test.each<[JsonObject, RegExp]>([
    [{ names: ['a', 'B'] }, /names has an item 2 that does not match/],
    [{ names: { a: 1 } }, /names must be a list of at most 1000.*--input name=a --input name=b/],
    [{ ports: [10] }, /ports has an item 1 that must be from/],
    [{ places: ['flights', 'nowhere'] }, /item 2 that names "nowhere", which is no target/],
    [{ pairs: [{ who: 'x' }] }, /item 1 that has a field n that must be a whole number/],
    [{ pairs: [{ who: 'x', n: 1, z: 1 }] }, /item 1 that has a field z/],
    [{ keep: '[1]' }, /keep must be an object/],
    [{ where: 'nowhere' }, /no target. Targets of kind pipeline or webhook: flights, oncall/],
    [{ label: 'x' }, /label does not match/],
  ])('%j is refused', (given, said) => {
    const answer = read(given);
    const [first] = answer.ok ? [] : answer.problems;
    expect(`${first?.message}. ${first?.next}`).toMatch(said);
  });
});
