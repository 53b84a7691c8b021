import { expect, test } from '@jest/globals';
import { parseSecrets } from '../../../language/secrets-file.js';

const read = (secret: string): unknown =>
  parseSecrets(`secrets:\n  token: ${secret}\n`, 'secrets.yaml');

test('both providers are read', () => {
  expect(read('{ from: "env:TOKEN", targets: [a, b] }')).toEqual([
    { name: 'token', from: 'env:TOKEN', targets: ['a', 'b'] },
  ]);
  expect(read('{ from: "file:/run/secrets/x y", targets: [a] }')).toMatchObject([
    { from: 'file:/run/secrets/x y' },
  ]);
});

test.each([
  [
    'a provider that does not exist',
    '{ from: "vault:x", targets: [a] }',
    /secrets\.yaml:2:\d+: .*env:NAME.*file:PATH/,
  ],
  ['a value in place of a provider', '{ from: "hunter2", targets: [a] }', /env:NAME/],
  ['a variable that no shell could set', '{ from: "env:A-B", targets: [a] }', /env:NAME/],
  ['no targets', '{ from: "env:TOKEN" }', /targets/],
  ['an empty list of targets', '{ from: "env:TOKEN", targets: [] }', /at least one target/],
  ['an unknown field', '{ from: "env:TOKEN", targets: [a], value: x }', /value/],
])('%s is refused', (_what, secret, said) => {
  expect(() => read(secret)).toThrow(said);
});

test('a refusal does not repeat what may be a secret put into the wrong place', () => {
  expect(() => read('{ from: "hunter2", targets: [a] }')).toThrow(
    expect.objectContaining({ message: expect.not.stringContaining('hunter2') }),
  );
});
