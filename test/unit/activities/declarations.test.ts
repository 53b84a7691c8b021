import { unlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, test } from '@jest/globals';
import { Secrets } from '../../../activities/secrets.js';
import { Targets } from '../../../activities/targets.js';
import { FileError } from '../../../language/strict-file.js';
import { failureOf, World } from '../../kinds/world.js';

let world: World;

afterEach(() => {
  world.remove();
  delete process.env['KINDS_TEST_TOKEN'];
});

const target = { kind: 'pipeline', environment: 'dev' };

test('a target that is added needs no restart', () => {
  world = new World({ a: target });
  const targets = Targets.load(world.targetsFile);
  expect(targets.list()).toEqual([{ name: 'a', kind: 'pipeline' }]);
  writeFileSync(world.targetsFile, JSON.stringify({ targets: { a: target, later: target } }));
  expect(targets.get('later').name).toBe('later');
  expect(targets.planned('later')).toMatchObject({
    name: 'later',
    kind: 'pipeline',
    digest: expect.any(String),
  });
});

test('an unknown target is a matter of configuration, told with the place to declare it', async () => {
  world = new World({ a: target });
  const targets = Targets.load(world.targetsFile);
  const failure = await failureOf(Promise.resolve().then(() => targets.get('b')));
  expect(failure).toMatchObject({ type: 'Configuration', message: expect.stringContaining('"b"') });
  expect(failure.extra.next).toContain('targets.yaml');
});

test('files that are not there are told by name', () => {
  world = new World({});
  expect(() => Targets.load(join(world.folder, 'none.yaml'))).toThrow(FileError);
  expect(() => Targets.load(join(world.folder, 'none.yaml'))).toThrow(
    /none\.yaml cannot be read \(ENOENT\)/,
  );
  expect(() => Secrets.load(join(world.folder, 'none.yaml'))).toThrow(
    /none\.yaml cannot be read \(ENOENT\)/,
  );
});

test('env: and file: give values; a newline at the end of a file is left out', async () => {
  world = new World(
    {},
    { a: { from: 'env:KINDS_TEST_TOKEN', targets: ['x'] }, b: { from: 'file:b', targets: ['x'] } },
  );
  world.secret('b', 'from-file\n');
  process.env['KINDS_TEST_TOKEN'] = 'from-env';
  const { secrets } = world.context();
  await expect(secrets.resolve('a', 'x')).resolves.toBe('from-env');
  await expect(secrets.resolve('b', 'x')).resolves.toBe('from-file');
  expect(secrets.exit.quote('from-env from-file')).toBe('[secret a] [secret b]');
});

test('a rotated secret is read afresh by the next attempt', async () => {
  world = new World({}, { b: { from: 'file:b', targets: ['x'] } });
  world.secret('b', 'first-value');
  await expect(world.context().secrets.resolve('b', 'x')).resolves.toBe('first-value');
  world.secret('b', 'second-value');
  await expect(world.context().secrets.resolve('b', 'x')).resolves.toBe('second-value');
});

test('a secret for another target is refused, and its value appears nowhere', async () => {
  world = new World({}, { a: { from: 'env:KINDS_TEST_TOKEN', targets: ['orders', 'billing'] } });
  process.env['KINDS_TEST_TOKEN'] = 'sesame-open';
  const failure = await failureOf(world.context().secrets.resolve('a', 'stranger'));
  expect(failure.type).toBe('Configuration');
  expect(failure.message).toBe('secret a may not go to target stranger');
  expect(failure.extra.next).toContain('orders, billing');
  expect(JSON.stringify([failure.message, failure.extra])).not.toContain('sesame');
});

test.each<[string, string]>([
  ['unknown', 'nowhere'],
  ['an unset variable', 'unset'],
  ['an empty file', 'empty'],
  ['a missing file', 'gone'],
])('%s: Configuration, with what to do', async (_what, name) => {
  world = new World(
    {},
    {
      unset: { from: 'env:KINDS_TEST_UNSET', targets: ['x'] },
      empty: { from: 'file:empty', targets: ['x'] },
      gone: { from: 'file:gone', targets: ['x'] },
    },
  );
  world.secret('empty', '\n');
  world.secret('gone', 'x');
  unlinkSync(join(world.folder, 'gone'));
  const failure = await failureOf(world.context().secrets.resolve(name, 'x'));
  expect(failure).toMatchObject({
    type: 'Configuration',
    message: expect.stringContaining(`secret ${name}`),
  });
  expect(failure.extra.next).toBeTruthy();
});
