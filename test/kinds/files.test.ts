import { chmodSync, existsSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { AttemptFiles } from '../../activities/attempt-files.js';
import { AttemptPrograms } from '../../activities/attempt-programs.js';
import { check } from '../../activities/check.js';
import { command } from '../../activities/command.js';
import type { AttemptContext } from '../../activities/handler.js';
import { http } from '../../activities/http.js';
import { digestOfBytes } from '../../activities/planned-files.js';
import { Programs } from '../../activities/programs.js';
import { sql } from '../../activities/sql.js';
import type { CommandAction } from '../../language/kinds/command.js';
import { until } from '../../lab/until.js';
import { failureOf, World } from './world.js';

/*
 * The files of a step lie in a folder of its own while it runs, and nowhere afterwards.
 */

let world: World;
beforeAll(() => {
  world = new World({});
});
afterAll(() => world.remove());

/** Files of a plan, whose bytes a record has. */
function filesOf(contents: Readonly<Record<string, Buffer>>, executable: string[] = []) {
  const planned = Object.entries(contents).map(([name, content]) => ({
    ...{ runbook: 'r', name, digest: digestOfBytes(content), bytes: content.length },
    ...(executable.includes(name) ? { executable: true as const } : {}),
  }));
  const record = new Map(
    Object.values(contents).map((content) => [digestOfBytes(content), content]),
  );
  return new AttemptFiles(planned, () => Promise.resolve(record));
}

const action = (argv: string[], ...files: string[]): CommandAction => ({
  ...{ kind: 'command', argv, files },
});

/** Folders of files that there are now. */
const placed = (): string[] => {
  const root = world.commands.folder;
  const all = existsSync(root) ? readdirSync(root, { recursive: true, encoding: 'utf8' }) : [];
  return all.filter((path) => /(^|\/)files$/.test(path)).map((path) => join(root, path));
};

/** Runs something with files, and tells what there was in the meantime. */
async function whileItRuns(context: Partial<AttemptContext>, seen: () => void): Promise<unknown> {
  const stop = join(world.folder, 'stop');
  rmSync(stop, { force: true });
  const script = `while ! test -e ${stop}; do sleep 0.05; done`;
  const running = command(action(['sh', '-c', script], 'conf'), {
    ...world.context({ files: filesOf({ conf: Buffer.from('x') }) }),
    ...context,
  });
  await until('the files', () => Promise.resolve(placed().length === 1), 10_000, 20);
  seen();
  if (!context.signal) writeFileSync(stop, '');
  return running;
}

test('any bytes are there as they were, under their own names', async () => {
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ maxLength: 300 }), async (bytes) => {
      const content = Buffer.from(bytes);
      const context = world.context({ files: filesOf({ 'deep/in/it.bin': content }) });
      const output = await command(action(['base64', '-w0', 'it.bin'], 'deep/in/it.bin'), context);
      expect(output).toMatchObject({ stdout: content.toString('base64') });
    }),
    { numRuns: 20 },
  );
  expect(placed()).toEqual([]);
});

test('only the account of the worker may read them, and only a program may be run', async () => {
  const files = filesOf(
    { 'fix.sh': Buffer.from('#!/bin/sh\necho fixed\n'), conf: Buffer.from('x') },
    ['fix.sh'],
  );
  const script = 'stat -c %a . conf fix.sh; ./fix.sh; ./conf || echo refused';
  const output = await command(
    action(['sh', '-c', script], 'fix.sh', 'conf'),
    world.context({ files }),
  );
  expect(output).toMatchObject({ stdout: '700\n600\n700\nfixed\nrefused\n' });
});

test('a program among them is the one that the plan covers, whatever is called so elsewhere', async () => {
  const own = join(world.folder, 'fix.sh');
  writeFileSync(own, '#!/bin/sh\necho other\n');
  chmodSync(own, 0o755);
  const known = [{ name: './fix.sh', file: null }];
  for (const argv of [['./fix.sh'], ['sh', 'fix.sh']])
    expect(
      await command(
        action(argv, 'bin/fix.sh'),
        world.context({
          files: filesOf({ 'bin/fix.sh': Buffer.from('#!/bin/sh\necho planned\n') }, [
            'bin/fix.sh',
          ]),
          programs: new AttemptPrograms(new Programs(), known),
        }),
      ),
    ).toMatchObject({ stdout: 'planned\n' });
});

test('they are gone once it has ended: well, badly or at all', async () => {
  await whileItRuns({}, () => expect(statSync(placed()[0] ?? '').isDirectory()).toBe(true));
  expect(placed()).toEqual([]);

  const files = filesOf({ conf: Buffer.from('x') });
  expect(
    await failureOf(command(action(['false'], 'conf'), world.context({ files }))),
  ).toMatchObject({ type: 'CommandFailed' });
  await failureOf(command(action(['/no/such/program'], 'conf'), world.context({ files })));
  expect(placed()).toEqual([]);

  const controller = new AbortController();
  const cancelled = whileItRuns({ signal: controller.signal }, () =>
    controller.abort(new Error('cancelled by the test')),
  );
  await expect(cancelled).rejects.toThrow('cancelled by the test');
  expect(placed()).toEqual([]);
});

test('a worker that stops leaves them to the command, and the next one removes them', async () => {
  const controller = new AbortController();
  const first = { firstRunId: 'handover', signal: controller.signal };
  const left = whileItRuns(first, () => controller.abort(new Error('WORKER_SHUTDOWN')));
  await expect(left).rejects.toThrow('WORKER_SHUTDOWN');
  expect(placed()).toHaveLength(1);

  const { place } = world.commands;
  const next = world.context({
    ...{ firstRunId: 'handover', fence: 2, resumedFrom: place },
    files: filesOf({ conf: Buffer.from('x') }),
  });
  const followed = command(action(['sh', '-c', 'never started again'], 'conf'), next);
  writeFileSync(join(world.folder, 'stop'), '');
  expect(await followed).toMatchObject({ exitCode: 0 });
  expect(placed()).toEqual([]);
});

test('each poll has them, and they are read from the record once', async () => {
  let asked = 0;
  const content = Buffer.from('x');
  const planned = { runbook: 'r', name: 'conf', digest: digestOfBytes(content), bytes: 1 };
  const read = () => Promise.resolve(((asked += 1), new Map([[planned.digest, content]])));
  const count = join(world.folder, 'count');
  const probe = action(['sh', '-c', `cat conf >> ${count}; cat ${count}`], 'conf');
  const condition = { cel: 'out.stdout == "xxx"' };
  const output = await check(
    { kind: 'check', probe, until: condition, everyMs: 10 },
    world.context({ files: new AttemptFiles([planned], read) }),
    { command, sql, http },
  );
  expect(output).toMatchObject({ stdout: 'xxx', polls: 3 });
  expect(asked).toBe(1);
  expect(placed()).toEqual([]);
});
