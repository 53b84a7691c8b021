import { describe, expect, test } from '@jest/globals';
import { FileError } from '../../../language/strict-file.js';
import { parseTargets, plannedTarget, targetDigest } from '../../../language/targets-file.js';

const good = `targets:
  orders:
    kind: pipeline
    environment: dev
    http: { address: "http://127.0.0.1:8000/base", bearer: orders-token }
    postgres: { address: "postgres://pipeline@127.0.0.1:5432/pipeline", password: orders-db }
    facts: { dataset: flights, batches: 24 }
`;

function refusal(text: string): string {
  try {
    parseTargets(text, 'targets.yaml');
  } catch (error) {
    if (error instanceof FileError) return error.message;
    throw error;
  }
  throw new Error('it was accepted');
}

test('a target is read, with its defaults', () => {
  expect(parseTargets(good, 'targets.yaml')).toEqual([
    {
      name: 'orders',
      kind: 'pipeline',
      environment: 'dev',
      isolated: false,
      http: { address: 'http://127.0.0.1:8000/base', bearer: 'orders-token' },
      postgres: { address: 'postgres://pipeline@127.0.0.1:5432/pipeline', password: 'orders-db' },
      facts: { dataset: 'flights', batches: 24 },
    },
  ]);
  expect(parseTargets('targets: {}\n', 'targets.yaml')).toEqual([]);
});

describe('every fault is told with file, line and column', () => {
  const within = (line: string): string =>
    good.replace('    environment: dev\n', `    environment: dev\n${line}\n`);
  test.each<[string, string, RegExp]>([
    ['an unknown field', within('    enviroment: prod'), /^targets\.yaml:\d+:\d+: .*enviroment/],
    ['a field given twice', within('    kind: other'), /^targets\.yaml:5:5: .*unique/],
    ['an unknown tag', within('    description: !!js/function "x"'), /^targets\.yaml:5:18: /],
    ['a tab as indentation', within('\tdescription: x'), /^targets\.yaml:5:/],
    [
      'a field that is missing',
      good.replace('    kind: pipeline\n', ''),
      /^targets\.yaml:\d+:\d+: targets\.orders\.kind/,
    ],
    [
      'a field of another type',
      good.replace('kind: pipeline', 'kind: [a]'),
      /^targets\.yaml:3:11: targets\.orders\.kind/,
    ],
    [
      'a name that is none',
      good.replace('orders:', 'Orders Two:'),
      /^targets\.yaml:\d+:\d+: .*Orders Two/,
    ],
    ['no targets at all', '', /^targets\.yaml:1:1: /],
    ['a list', '- a\n', /^targets\.yaml:1:1: /],
  ])('%s', (_what, text, said) => {
    expect(refusal(text)).toMatch(said);
  });
});

test('a number that a double would round is refused, and not rounded', () => {
  const numbers = ['9007199254740993', '12345678901234567890', '0.12345678901234567890123'];
  for (const number of numbers)
    expect(refusal(good.replace('batches: 24', `batches: ${number}`))).toBe(
      `targets.yaml:7:41: the number ${number} would be rounded: write "${number}"`,
    );
  const read = (number: string) =>
    parseTargets(good.replace('batches: 24', `batches: ${number}`), 't.yaml')[0]?.facts;
  expect(read("'9007199254740993'")).toMatchObject({ batches: '9007199254740993' });
  expect([read('9007199254740991'), read('0.1')]).toMatchObject([
    { batches: 9007199254740991 },
    { batches: 0.1 },
  ]);
});

test.each([
  ['batches: 3.10', '3.10 is 3.1 for YAML: write 3.1, or "3.10" for a text'],
  ['batches: 3.0', '3.0 is 3 for YAML: write 3, or "3.0" for a text'],
  ['batches: 1e3', '1e3 is 1000 for YAML: write 1000, or "1e3" for a text'],
  ['batches: 0755', '0755 is 755 for YAML 1.2, and other readers differ: write "0755"'],
  ['batches: 0x1F', '0x1F is 31 for YAML: write "0x1F"'],
  ['batches: .inf', '.inf is no number to count with: write ".inf"'],
  ['batches: -0', '-0 is 0 for YAML: write 0, or "-0" for a text'],
  ['1.0: x', '1.0 is 1 for YAML: write 1, or "1.0" for a text'],
  ['__proto__: x', 'nothing can be called __proto__'],
  ['batches: "\\0"', 'a text holds neither NUL nor half of a surrogate pair'],
  ['batches: "\\ud83d"', 'a text holds neither NUL nor half of a surrogate pair'],
])('a value that YAML takes for another is refused: %s', (fact, said) => {
  const told = refusal(good.replace('batches: 24', fact));
  expect(told.replace(/^targets\.yaml:7:\d+: /, '')).toBe(said);
});

test.each([
  'postgres://pipeline:sesame@127.0.0.1/x',
  'postgres://pipeline@127.0.0.1/x?password=sesame',
  'postgres://pipeline@127.0.0.1/x?sslmode=require&sslpassword=sesame',
  'postgres://pipeline@127.0.0.1/x?%70assword=sesame',
])('an address with a password is refused, and not repeated: %s', (address) => {
  const told = refusal(good.replace('postgres://pipeline@127.0.0.1:5432/pipeline', address));
  expect(told).toContain('targets.orders.postgres.address must be an address');
  expect(told).not.toContain('sesame');
});

test('another version of YAML is refused: in it no is a truth value', () => {
  expect(refusal(`%YAML 1.1\n---\n${good}`)).toBe(
    'targets.yaml:1:1: the file is YAML 1.2 and does not say so: take the directive out',
  );
});

test('several faults are told at once', () => {
  expect(
    refusal(
      good.replace('kind: pipeline', 'kind: 1').replace('environment: dev', 'environment: 2'),
    ).split('\n'),
  ).toHaveLength(2);
});

describe('an address carries no credentials', () => {
  test.each([
    ['http://user:sesame@127.0.0.1', 'http'],
    ['http://user@127.0.0.1', 'http'],
    ['ftp://127.0.0.1', 'http'],
    ['javascript:alert(1)', 'http'],
    ['not an address', 'http'],
    ['postgres://pipeline:sesame@127.0.0.1/db', 'postgres'],
    ['http://127.0.0.1/', 'postgres'],
  ])('%s is refused as %s address', (address, kind) => {
    const text = `targets:\n  orders:\n    kind: x\n    environment: dev\n    ${kind}: { address: "${address}" }\n`;
    const said = refusal(text);
    expect(said).toMatch(
      new RegExp(`^targets\\.yaml:5:\\d+: targets\\.orders\\.${kind}\\.address must`),
    );
    expect(said).not.toContain('sesame');
  });
});

test('a plan keeps what people need to see, and a digest that changes with the declaration', () => {
  const [target] = parseTargets(good, 'targets.yaml');
  const [moved] = parseTargets(good.replace('8000', '8001'), 'targets.yaml');
  if (!target || !moved) throw new Error('the targets were not read');
  const planned = plannedTarget(target);
  expect(planned).toEqual({
    name: 'orders',
    kind: 'pipeline',
    environment: 'dev',
    isolated: false,
    addresses: [
      'http http://127.0.0.1:8000/base',
      'postgres postgres://pipeline@127.0.0.1:5432/pipeline',
    ],
    facts: { dataset: 'flights', batches: 24 },
    digest: targetDigest(target),
  });
  expect(planned.digest).toMatch(/^sha256:[0-9a-f]{64}$/);
  expect(targetDigest(moved)).not.toBe(planned.digest);
});
