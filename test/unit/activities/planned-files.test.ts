import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { AttemptFiles } from '../../../activities/attempt-files.js';
import { readBeside } from '../../../activities/file-beside.js';
import { digestOfBytes, findFiles } from '../../../activities/planned-files.js';
import { fileLimits } from '../../../language/step-files.js';

let root: string;
let library: string;
let folder: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'planned-files-'));
  library = join(root, 'library');
  folder = join(library, 'disk');
  mkdirSync(join(folder, 'files'), { recursive: true });
});
afterEach(() => rmSync(root, { recursive: true }));

const write = (name: string, content: string | Buffer): void =>
  writeFileSync(join(folder, name), content);
const wrongWith = (name: string): string | null => {
  const found = readBeside({ folder, library }, name);
  return 'wrong' in found ? found.wrong : null;
};
const found = (...names: string[]) =>
  findFiles(
    names.map((name) => ({ runbook: 'disk-space', name })),
    new Map([['disk-space', { folder, library }]]),
  );

test('bytes are read as they are, whatever they are, and may be run where their owner may', () => {
  const bytes = Buffer.from([0, 0xff, 0xfe, 0x80, 10, 13, 0xc3]);
  write('files/binary', bytes);
  write('files/empty', '');
  write('fix.sh', '#!/bin/sh\n');
  chmodSync(join(folder, 'fix.sh'), 0o755);
  expect(found('files/binary', 'files/empty', 'fix.sh')).toMatchObject({
    files: [
      { name: 'files/binary', digest: digestOfBytes(bytes), bytes: 7, content: bytes },
      { name: 'files/empty', bytes: 0 },
      { name: 'fix.sh', executable: true },
    ],
  });
  expect(readBeside({ folder, library }, 'files/binary')).toMatchObject({ executable: false });
});

test.each([
  ...['/etc/passwd', '../secret', 'files/../../secret', './x', 'files//x', 'files/', '', '.'],
  ...['..', '~/x', '-rf', 'files\\..\\x', 'a\0b', 'ä', 'x y', '$(x)', 'a'.repeat(201)],
])('nothing is looked up as %j', (name) => {
  writeFileSync(join(library, 'secret'), 'secret');
  expect(wrongWith(name)).toMatch(/leads from the folder of the runbook downwards/);
});

test('a link leads anywhere in the library, and never out of it', () => {
  writeFileSync(join(root, 'secret'), 'secret');
  mkdirSync(join(root, 'library-of-others'));
  writeFileSync(join(root, 'library-of-others', 'secret'), 'secret');
  symlinkSync(join(root, 'secret'), join(folder, 'files', 'stolen'));
  symlinkSync('../../../secret', join(folder, 'files', 'relative'));
  symlinkSync(root, join(folder, 'above'));
  symlinkSync(join(root, 'library-of-others'), join(folder, 'beside'));
  for (const name of ['files/stolen', 'files/relative', 'above/secret', 'beside/secret'])
    expect(wrongWith(name)).toBe(`${name} leads out of the folder of the library`);

  // As a ConfigMap has it.
  mkdirSync(join(library, '..data'));
  writeFileSync(join(library, '..data', 'conf'), 'x');
  symlinkSync('../..data/conf', join(folder, 'conf'));
  symlinkSync(library, join(root, 'current'));
  expect(wrongWith('conf')).toBe(null);
  const current = { folder: join(root, 'current', 'disk'), library: join(root, 'current') };
  expect(readBeside(current, 'conf')).toMatchObject({ content: Buffer.from('x') });
});

test('what is no plain file is not read, and nothing waits for it', () => {
  execFileSync('mkfifo', [join(folder, 'pipe')]);
  symlinkSync('loop', join(folder, 'loop'));
  expect(wrongWith('pipe')).toBe('pipe is no plain file');
  expect(wrongWith('files')).toBe('files is no plain file');
  expect(wrongWith('loop')).toBe('loop cannot be read (ELOOP)');
  expect(wrongWith('absent')).toBe('there is no file absent');
  expect(wrongWith('absent/deeper')).toBe('there is no file absent/deeper');
});

test('the limits are exact, for one file and for all of a plan', () => {
  write('largest', Buffer.alloc(fileLimits.bytes, 1));
  write('larger', Buffer.alloc(fileLimits.bytes + 1, 1));
  expect(wrongWith('largest')).toBe(null);
  expect(wrongWith('larger')).toMatch(/more than 1048576 bytes/);

  const all = ['a', 'b', 'c', 'd'];
  for (const name of all) write(name, Buffer.alloc(fileLimits.bytes, 1));
  write('e', 'x');
  expect(found(...all)).toHaveProperty('files');
  expect(found(...all, 'e')).toMatchObject({
    problems: [{ message: expect.stringContaining('4194305 bytes, more than 4194304') }],
  });
});

test('all that is wrong is told at once; a runbook that lies nowhere has no files', () => {
  expect(found('one', 'two')).toMatchObject({
    problems: [
      { message: 'a file of runbook disk-space: there is no file one' },
      { message: 'a file of runbook disk-space: there is no file two' },
    ],
  });
  expect(findFiles([{ runbook: 'other', name: 'x' }], new Map())).toHaveProperty('problems');
});

test('an attempt gets the bytes that were planned, and no others', async () => {
  const content = Buffer.from('as planned');
  const planned = (name: string, digest: string) => ({
    ...{ runbook: 'disk-space', name, digest, bytes: content.length },
  });
  const files = [
    planned('files/conf', digestOfBytes(content)),
    planned('files/changed', digestOfBytes(Buffer.from('changed'))),
    planned('files/lost', digestOfBytes(Buffer.from('lost'))),
  ];
  let asked = 0;
  const known = new Map([
    [digestOfBytes(content), content],
    [digestOfBytes(Buffer.from('changed')), content],
  ]);
  const attempt = new AttemptFiles(files, () => Promise.resolve(((asked += 1), known)));
  for (let poll = 0; poll < 3; poll += 1)
    expect(await attempt.of(['files/conf'])).toEqual([
      { name: 'conf', content, executable: false },
    ]);
  expect(asked).toBe(1);
  for (const [name, why] of [
    ['files/changed', 'the record does not have the bytes'],
    ['files/lost', 'the record does not have the bytes'],
    ['files/other', 'the plan has no file files/other'],
  ] as const)
    await expect(attempt.of([name])).rejects.toMatchObject({
      type: 'NotAsPlanned',
      message: expect.stringContaining(why) as unknown,
    });
});
