import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { programFolder } from '../../worker/config.js';
import { catalogue } from '../../workflows/catalogue.js';
import { World, type CliResult } from './world.js';

/*
 * A run keeps the files that it was made from: runbook, nested runbook, script and files beside
 * them. What is on disk may change meanwhile.
 */

let world: World;
let folder: string;

const runbook = (title = 'Put a file in its place') => `
runbook: put-file
version: 1.0.0
title: ${title}
type: MAINTENANCE
priority: LOW
owner: sre
inputs:
  to: { type: text, maxLength: 400, pattern: "/.*", description: Where it is put }
steps:
  - id: put
    title: Put it there
    approval: { by: sre }
    command: cp conf \${inputs.to}
    files: [files/conf]
    effect: change
    undo: { none: it stays }
  - id: told
    title: Tell it
    use: told
  - id: run
    title: Run what lies beside it
    runbook: run-it
    with: { to: "\${inputs.to}" }
`;

const nested = `
part: run-it
version: 1.0.0
title: Run it
owner: sre
inputs:
  to: { type: text, maxLength: 400, pattern: "/.*", description: Where it is put }
steps:
  - id: fix
    title: Fix it
    script: 'sh conf "$1"; pwd > "$1.folder"'
    args: ["\${inputs.to}"]
    files: [conf]
    effect: change
    undo: { none: it stays }
`;

const told = (word = 'plainly'): string => `
action: told
title: Tell it ${word}
command: echo told
effect: read
`;

const bytes = Buffer.from([0xff, 0xfe, 0, 0x80, 10]);
const script = (word: string): string => `echo ${word} > "$1.fixed"\n`;

beforeAll(async () => {
  world = await World.start({ module: join(programFolder, 'workflows', 'index.js'), catalogue });
  folder = world.path('library');
  await world.stopWorker();
  mkdirSync(join(folder, 'files'), { recursive: true });
  mkdirSync(join(folder, 'parts'));
  writeFileSync(join(folder, 'put-file.runbook.yaml'), runbook());
  writeFileSync(join(folder, 'parts', 'run-it.runbook.yaml'), nested);
  asBefore();
  await world.startWorker(undefined, { RUNBOOK_LIBRARY: folder });
}, 90_000);
afterAll(() => world?.stop());
beforeEach(asBefore);
afterEach(asBefore);

function asBefore(): void {
  writeFileSync(join(folder, 'put-file.runbook.yaml'), runbook());
  rmSync(join(folder, 'files', 'conf'), { force: true });
  writeFileSync(join(folder, 'files', 'conf'), bytes);
  writeFileSync(join(folder, 'parts', 'conf'), script('as-approved'));
  writeFileSync(join(folder, 'told.action.yaml'), told());
}

const cli = (...argv: string[]): Promise<CliResult> => world.cli(argv, { RUNBOOK_LIBRARY: folder });

/** Starts a run and waits until it asks at its gate. */
async function atGate(id: string): Promise<string> {
  const to = world.path(id);
  const start = ['start', 'put-file', '--input', `to=${to}`, '--id', id, '--reason', 'a test'];
  expect(await cli(...start)).toMatchObject({ code: 0 });
  expect(await cli('wait', id, '--for', 'decision', '--timeout', '30s')).toMatchObject({ code: 0 });
  return to;
}

async function differing(id: string): Promise<string[]> {
  const { stdout } = await cli('status', id, '--output', 'json');
  return (JSON.parse(stdout) as { differing: string[] }).differing;
}

/** Approves, and waits for the end. */
async function approved(id: string): Promise<CliResult> {
  const decided = await cli('approve', id, '--as', 'bob', '--reason', 'seen');
  return decided.code === 0 ? cli('wait', id, '--timeout', '60s') : decided;
}

test('plan shows them, by name, size and digest', async () => {
  const { stdout } = await cli('plan', 'put-file', '--input', 'to=/tmp/x');
  expect(stdout).toMatch(/Files\n {2}files\/conf +5 bytes, sha256 [0-9a-f]{12}, of put-file/);
  expect(stdout).toMatch(/conf +\d+ bytes, sha256 [0-9a-f]{12}, of run-it/);
  expect(stdout).toContain('run cp conf /tmp/x in a folder with files/conf');
});

test('what was approved is what runs, whatever lies there by then', async () => {
  const to = await atGate('changed');
  expect(await differing('changed')).toEqual([]);
  writeFileSync(join(folder, 'files', 'conf'), 'replaced while they looked');
  writeFileSync(join(folder, 'parts', 'conf'), script('replaced'));
  writeFileSync(join(folder, 'put-file.runbook.yaml'), runbook('Something else'));
  expect(await differing('changed')).toEqual([
    'put-file.runbook.yaml',
    'files/conf of put-file',
    'conf of run-it',
  ]);
  expect((await cli('status', 'changed')).stdout).toMatch(
    /file differs +put-file\.runbook\.yaml, files\/conf of put-file, conf of run-it; the run\s+keeps/,
  );
  expect(await approved('changed')).toMatchObject({ code: 0 });
  expect(readFileSync(to)).toEqual(bytes);
  expect(readFileSync(`${to}.fixed`, 'utf8')).toBe('as-approved\n');
});

test('a named action is a file of the run, too; what reads the same is no other one', async () => {
  const action = join(folder, 'told.action.yaml');
  await atGate('action');
  writeFileSync(action, readFileSync(action, 'utf8'));
  expect(await differing('action')).toEqual([]);
  writeFileSync(action, told('differently'));
  expect(await differing('action')).toEqual(['told.action.yaml']);
});

test('nothing of them stays where the step ran', async () => {
  const to = await atGate('removed');
  expect(await approved('removed')).toMatchObject({ code: 0 });
  const ran = readFileSync(`${to}.folder`, 'utf8').trim();
  expect(ran).toMatch(/\/files$/);
  expect(existsSync(ran)).toBe(false);
  const all = readdirSync(world.path('journals'), { recursive: true, encoding: 'utf8' });
  expect(all.filter((each) => each.endsWith('conf'))).toEqual([]);
  expect(all.length).toBeGreaterThan(0);
});

test('they need not even be there any more', async () => {
  const to = await atGate('gone');
  rmSync(join(folder, 'files', 'conf'));
  expect(await approved('gone')).toMatchObject({ code: 0 });
  expect(readFileSync(to)).toEqual(bytes);
});

test('a plan in a file is not started once one of them is another', async () => {
  const plan = world.path('put.plan.json');
  await cli('plan', 'put-file', '--input', 'to=/tmp/x', '-o', plan);
  expect(readFileSync(plan, 'utf8')).not.toContain(bytes.toString('base64'));
  writeFileSync(join(folder, 'files', 'conf'), 'other');
  const { code, stderr } = await cli('start', plan);
  expect({ code, stderr }).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('file files/conf of put-file has another content') as unknown,
  });
  asBefore();
  expect(await cli('start', plan, '--id', 'as-planned')).toMatchObject({ code: 0 });
});

test.each([
  ['absent', () => rmSync(join(folder, 'files', 'conf')), 'there is no file files/conf'],
  [
    'a link out of the library',
    () => {
      rmSync(join(folder, 'files', 'conf'));
      symlinkSync('/etc/hostname', join(folder, 'files', 'conf'));
    },
    'files/conf leads out of the folder of the library',
  ],
  [
    'huge',
    () => writeFileSync(join(folder, 'files', 'conf'), Buffer.alloc(2 * 1024 ** 2)),
    'more than 1048576 bytes',
  ],
])('nothing is started with one that is %s, and lint says so', async (_what, change, why) => {
  change();
  const asked = ['put-file', '--input', 'to=/tmp/x'];
  for (const result of [await cli('plan', ...asked), await cli('start', ...asked)])
    expect(result).toMatchObject({ code: 2, stderr: expect.stringContaining(why) as unknown });
  const { code, stdout } = await cli('lint', folder);
  expect({ code, stdout }).toMatchObject({
    code: 1,
    stdout: expect.stringMatching(/put-file\.runbook\.yaml:15:13: error: .*\[files\]/) as unknown,
  });
});
