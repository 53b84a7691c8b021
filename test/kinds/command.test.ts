import { createHash } from 'node:crypto';
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  openSync,
  closeSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { command } from '../../activities/command.js';
import { Commands } from '../../activities/commands.js';
import { lastLines } from '../../activities/last-lines.js';
import { StepFailure } from '../../activities/failure.js';
import { Journal } from '../../activities/journal.js';
import { notStarted } from '../../activities/not-started.js';
import type { AttemptContext } from '../../activities/handler.js';
import { Excerpt } from '../../activities/excerpt.js';
import { capForHistory } from '../../activities/output-cap.js';
import { OutputCollector } from '../../activities/output-collector.js';
import { evaluateAnswer } from '../../activities/judge-answer.js';
import { failureTypes } from '../../common/failures.js';
import type { Json } from '../../language/json.js';
import type { CommandAction, OutputForm } from '../../language/kinds/command.js';
import { until } from '../../lab/until.js';
import { canMount } from '../helpers/can-mount.js';
import { failureOf, hostile, refusing, World } from './world.js';

let world: World;

beforeAll(() => {
  world = new World(
    {
      api: {
        ...{ kind: 'x', environment: 'test' },
        postgres: {
          address: 'postgres://app@db.test:5433/shop?sslmode=require',
          password: 'token',
        },
        credentials: { admin: { user: 'boss', password: 'token', env: { EXTRA: 'token' } } },
      },
      other: {
        ...{ kind: 'x', environment: 'test' },
        postgres: { address: 'postgres://app@db.test/shop', password: 'token' },
      },
    },
    { token: { from: 'file:token', targets: ['api'] } },
  );
  world.secret('token', 'sesame-open-token');
  process.env['KINDS_TEST_WORKER_SECRET'] = 'only-for-the-worker';
});

afterEach(() => expect(existsSync(join(world.folder, 'PWNED'))).toBe(false));

afterAll(() => {
  delete process.env['KINDS_TEST_WORKER_SECRET'];
  world.remove();
});

const node = process.execPath;

const run = (
  argv: string[],
  changes: Partial<CommandAction> = {},
  context: Partial<AttemptContext> = {},
) => command({ kind: 'command', argv, cwd: world.folder, ...changes }, world.context(context));

const sha256 = (data: string | Buffer): string => createHash('sha256').update(data).digest('hex');

test('exit code, both streams, sizes and digests come back; the output is shipped as well', async () => {
  const context = world.context();
  const output = await command(
    { kind: 'command', argv: ['sh', '-c', 'echo out; echo err >&2'] },
    context,
  );
  expect(output).toEqual({
    exitCode: 0,
    signal: null,
    stdout: 'out\n',
    stderr: 'err\n',
    truncated: false,
    bytes: { stdout: 4, stderr: 4 },
    sha256: { stdout: sha256('out\n'), stderr: sha256('err\n') },
  });
  expect(context.printed().toString().split('\n').sort()).toEqual(['', 'err', 'out']);
});

test('the run lost its target since: a command that runs is followed to its end, one that was never started is not', async () => {
  const owner = {
    firstRunId: 'lost',
    resumedFrom: world.commands.place,
    assertLeaseHeld: refusing,
  };
  const argv = ['sh', '-c', 'echo once >> count; cat count'];
  expect((await failureOf(run(argv, {}, { ...owner, fence: 2 }))).type).toBe('LeaseLost');
  expect(existsSync(join(world.folder, 'count'))).toBe(false);
  await run(argv, {}, { firstRunId: 'lost', attempt: 2 });
  expect(await run(argv, {}, { ...owner, attempt: 2, fence: 2 })).toMatchObject({
    stdout: 'once\n',
  });
});

test('what is parsed is the whole, however long, without secrets; the excerpt is for people', async () => {
  const rows = 40_000;
  const script = `echo '['; seq ${rows} | sed 's/$/,/'; echo "\\"$1\\"]"`;
  const context = world.context();
  await context.secrets.resolve('token', 'api');
  const output = await command(
    { kind: 'command', argv: ['sh', '-c', script, 'sh', 'sesame-open-token'], parse: 'json' },
    context,
  );
  const { json, truncated } = output as { json: Json[]; truncated: boolean };
  expect([json.length, json[rows - 1], truncated]).toEqual([rows + 1, rows, true]);
  expect(JSON.stringify(output)).not.toContain('sesame');
});

test('a program gets no input to wait for', async () => {
  await expect(run(['cat'])).resolves.toMatchObject({ exitCode: 0, stdout: '' });
});

describe('environment', () => {
  const seen = async (changes: Partial<CommandAction> = {}): Promise<Record<string, string>> => {
    const output = (await run([node, '-p', 'JSON.stringify(process.env)'], changes)) as {
      stdout: string;
    };
    return JSON.parse(output.stdout) as Record<string, string>;
  };

  test('is small: nothing that belongs to the worker or to other steps', async () => {
    const env = await seen({ env: { A: 'b' } });
    expect(env).toMatchObject({
      A: 'b',
      RUNBOOK_RUN: 'run-1',
      RUNBOOK_STEP: 'step-1',
      PATH: process.env['PATH'],
    });
    expect(env).not.toHaveProperty('KINDS_TEST_WORKER_SECRET');
    expect(env).not.toHaveProperty('NODE_OPTIONS');
  });

  test('holds a secret only for its target', async () => {
    const env = { TOKEN: { secret: 'token' } };
    await expect(seen({ env, target: 'api' })).resolves.toMatchObject({
      // The program got the value, or there would be nothing to replace.
      TOKEN: '[secret token]',
    });
    expect((await failureOf(run(['true'], { env, target: 'other' }))).type).toBe('Configuration');
    expect((await failureOf(run(['true'], { env }))).message).toMatch(/token.*no target/);
  });

  test('has the connection of its target, with the credentials that the step names', async () => {
    const at = { PGHOST: 'db.test', PGPORT: '5433', PGDATABASE: 'shop', PGSSLMODE: 'require' };
    const main = await seen({ target: 'api', credentials: 'main' });
    expect(main).toMatchObject({ ...at, PGUSER: 'app', PGPASSWORD: '[secret token]' });
    expect(main).not.toHaveProperty('EXTRA');
    const admin = { ...at, PGUSER: 'boss', PGPASSWORD: '[secret token]', EXTRA: '[secret token]' };
    expect(await seen({ target: 'api', credentials: 'admin' })).toMatchObject(admin);
    // Without a word of the step there are none, and a secret goes to no other target.
    expect(await seen({ target: 'api' })).not.toHaveProperty('PGPASSWORD');
    const failed = (changes: Partial<CommandAction>) => failureOf(run(['true'], changes));
    expect((await failed({ target: 'api', credentials: 'gone' })).message).toBe(
      'target api has no credentials gone',
    );
    expect((await failed({ target: 'other', credentials: 'main' })).message).toMatch(
      /token may not go to target other/,
    );
  });

  test('a secret that the program prints is known to the attempt, so that the receiver can blank it out', async () => {
    const context = world.context();
    const output = await command(
      {
        kind: 'command',
        argv: ['sh', '-c', 'echo $TOKEN'],
        env: { TOKEN: { secret: 'token' } },
        target: 'api',
      },
      context,
    );
    expect(context.secrets.exit.output(output)).toMatchObject({ stdout: '[secret token]\n' });
  });

  const printing = async (text: string, changes: Partial<CommandAction> = {}) => {
    const context = world.context();
    const script = 'console.log(process.argv[1].replaceAll("$TOKEN", process.env.TOKEN))';
    const argv = [node, '-e', script, text];
    const env = { TOKEN: { secret: 'token' } };
    const asked = command({ kind: 'command', argv, env, target: 'api', ...changes }, context);
    return context.secrets.exit.answer(await asked);
  };
  const reading = (cel: string, out: Json) => evaluateAnswer({ cel }, out);
  const takenOut = { why: expect.stringContaining('held a secret, which was taken out') };

  test('no step acts on a stream that held a secret; the other one is read', async () => {
    const output = await printing('password=$TOKEN');
    expect(output).toMatchObject({ stdout: 'password=[secret token]\n', blanked: ['stdout'] });
    expect(reading('out.stdout', output)).toEqual(takenOut);
    expect(reading('out.stdout.contains("password")', output)).toEqual(takenOut);
    expect(reading('out.stderr + string(out.exitCode)', output)).toEqual({ value: '0' });
  });

  test.each<[OutputForm, string, string, string]>([
    ['json', '{"id":7,"login":"$TOKEN"}', 'out.json.login', 'out.json.id'],
    ['jsonl', '{"id":7,"login":"$TOKEN"}', 'out.lines[0].login', 'out.lines[0].id'],
    ['lines', '$TOKEN', 'out.lines[0]', 'out.exitCode'],
    ['pairs', 'login=$TOKEN', 'out.pairs.login', 'out.exitCode'],
    ['table', 'NAME LOGIN\nx $TOKEN', 'out.table[0].LOGIN', 'out.table[0].NAME'],
  ])(
    'nor on what is parsed of it as %s; what is beside it is read',
    async (parse, text, cel, other) => {
      const output = await printing(text, { parse });
      expect(JSON.stringify(output)).toContain('[secret token]');
      expect(reading(cel, output)).toEqual(takenOut);
      expect(reading(other, output)).toHaveProperty('value');
    },
  );

  test('nor on an answer of a program; what only people read of it is shown without the secret', async () => {
    const answer = 'pipeline-job' as const;
    const job = (status: string, message: string): string =>
      JSON.stringify({ status, stage: null, error: { code: 'E1', message } });
    const told = await printing(job('failed', 'no log-in with $TOKEN'), { answer });
    expect(told).toMatchObject({ answer: { error: { message: 'no log-in with [secret token]' } } });
    expect(reading('out.answer.status', told)).toEqual({ value: 'failed' });
    const acting = await failureOf(printing('{"job":"$TOKEN"}', { answer: 'pipeline-started' }));
    expect(acting).toMatchObject({
      type: 'AnswerUnusable',
      message: expect.stringContaining('a secret at job, which the run acts on'),
    });
  });

  test('arguments in the process list hold no secret', async () => {
    const controller = new AbortController();
    const context = world.context({ signal: controller.signal });
    const asked = command(
      {
        kind: 'command',
        argv: ['sh', '-c', 'sleep 47110; :'],
        env: { TOKEN: { secret: 'token' } },
        target: 'api',
      },
      context,
    );
    await until(
      'the program',
      () => Promise.resolve(processes('sleep 47110').length > 0),
      5_000,
      20,
    );
    expect(processes('sesame-open-token')).toEqual([]);
    controller.abort(new Error('cancelled by the test'));
    await expect(asked).rejects.toThrow('cancelled by the test');
  });
});

describe('what an end means', () => {
  test('an exit code that is no success', async () => {
    const failure = await failureOf(
      run(['sh', '-c', 'echo to-stdout; echo the reason >&2; exit 3']),
    );
    expect(failure).toMatchObject({
      type: 'CommandFailed',
      message: 'sh ended with exit code 3: the reason',
    });
    expect(failure.extra.details).toMatchObject({ exitCode: 3 });
  });

  test('an exit code that the step calls a success', async () => {
    await expect(run(['sh', '-c', 'exit 3'], { exitCodes: [0, 3] })).resolves.toMatchObject({
      exitCode: 3,
    });
    expect((await failureOf(run(['true'], { exitCodes: [3] }))).type).toBe('CommandFailed');
  });

  test('a signal', async () => {
    const failure = await failureOf(run(['sh', '-c', 'kill -9 $$']));
    expect(failure).toMatchObject({
      type: 'CommandFailed',
      message: expect.stringContaining('SIGKILL'),
    });
  });

  test('a time limit that no timer of Node.js takes does not end it', async () => {
    for (const timeoutMs of [2 ** 31, 40 * 86_400_000])
      await expect(run(['sleep', '0.2'], {}, { timeoutMs })).resolves.toMatchObject({
        exitCode: 0,
      });
  });

  test('a program that does not exist, or may not be run', async () => {
    expect(await failureOf(run(['no-such-program']))).toMatchObject({
      type: 'CommandMissing',
      message: expect.stringContaining('no-such-program does not exist'),
    });
    const file = join(world.folder, 'not-executable');
    writeFileSync(file, '#!/bin/sh\n', { mode: 0o644 });
    expect((await failureOf(run([file]))).type).toBe('CommandMissing');
  });

  test('a failure repeats neither arguments nor the whole output', async () => {
    const failure = await failureOf(
      run(['sh', '-c', 'yes mumble | head -c 100000 >&2; exit 1', 'argument-1']),
    );
    expect(failure.message.length).toBeLessThan(400);
    expect(failure.message).not.toContain('argument-1');
    // The answer leaves only where the failure is one, by the way of all answers.
    const { answer: _answer, ...told } = failure.extra;
    expect(JSON.stringify(told).length).toBeLessThan(1_000);
  });
});

describe('output of any size and kind', () => {
  test('200 MB run through quickly, memory stays flat, head and tail remain', async () => {
    const size = 200 * 1024 * 1024;
    const context = world.context();
    const kept: number[] = [];
    const collector = new OutputCollector((chunks) => {
      kept.push(...chunks.map(({ bytes }) => bytes.length));
      return Promise.resolve();
    }, context.secrets.redactor);
    context.output = (stream, chunk) => collector.write(stream, chunk);
    let highest = 0;
    const before = process.memoryUsage().rss;
    const watch = setInterval(() => (highest = Math.max(highest, process.memoryUsage().rss)), 20);
    const started = performance.now();
    const output = (await command(
      {
        kind: 'command',
        argv: [
          'sh',
          '-c',
          `echo BEGIN; head -c ${size} /dev/zero | tr '\\0' x; echo; echo THE END`,
        ],
      },
      context,
    )) as { stdout: string };
    const seconds = (performance.now() - started) / 1_000;
    clearInterval(watch);
    const totals = await collector.close();
    expect(output).toMatchObject({ truncated: true, bytes: { stdout: size + 15, stderr: 0 } });
    expect(output.stdout.startsWith('BEGIN\nxxx')).toBe(true);
    expect(output.stdout.endsWith('xxx\nTHE END\n')).toBe(true);
    expect(JSON.stringify(output).length).toBeLessThan(64 * 1024);
    expect(totals).toMatchObject({ bytes: size + 15, truncated: true });
    expect(kept.reduce((sum, bytes) => sum + bytes, 0)).toBeLessThan(9 * 1024 * 1024);
    expect(highest - before).toBeLessThan(150 * 1024 * 1024);
    expect(seconds).toBeLessThan(20);
  });

  test('binary output is text that JSON and databases take; size and digest are of the bytes', async () => {
    const bytes = Buffer.from(Array.from({ length: 256 }, (_, index) => index));
    writeFileSync(join(world.folder, 'binary'), bytes);
    const output = (await run(['cat', 'binary'])) as { stdout: string };
    expect(output).toMatchObject({ bytes: { stdout: 256 }, sha256: { stdout: sha256(bytes) } });
    expect(output.stdout).toContain('\ufffd');
    expect(output.stdout).not.toContain('\0');
  });
});

describe('what is cut for people is not read by code', () => {
  const print = (text: string, changes: Partial<CommandAction> = {}) => {
    writeFileSync(join(world.folder, 'answer'), text);
    return run(['cat', 'answer'], changes);
  };
  /** As the answer was read before: the last line of what people see. */
  const fromExcerpt = (text: string): unknown => {
    const excerpt = new Excerpt();
    excerpt.take(Buffer.from(text));
    try {
      return JSON.parse(excerpt.shorten(excerpt.whole().text).trim().split('\n').at(-1) ?? '');
    } catch {
      return undefined;
    }
  };
  const backups = (count: number): string =>
    JSON.stringify({
      backups: Array.from({ length: count }, (_, index) => ({
        id: `base-${index}`,
        takenAt: '2026-11-21T05:00:00Z',
        bytes: 1_000,
        systemIdentifier: '7412345678901234567',
        good: index % 2 === 0,
        problem: index % 2 === 0 ? null : 'digest differs: ä'.repeat(5),
        files: 'x'.repeat(80),
      })),
      chosen: `base-${count - 1}`,
      wal: { missing: Array.from({ length: count }, (_, index) => `segment ${index}`) },
      reachable: { from: '2026-11-21T05:00:00Z', to: '2026-11-21T06:00:00Z' },
      lost: null,
      files: { count: 0, problem: null },
      config: { id: 'c', good: true, problem: null },
      predicted: { restoreMs: null, rpoMs: 1 },
    });
  const files = (count: number): string =>
    JSON.stringify({
      restored: 5,
      missing: Array.from({ length: count }, (_, index) => ({
        tenant: 't',
        name: `f${index}`,
        sha256: 'a'.repeat(64),
      })),
      wrong: [],
    });

  test('an answer of any size is read whole', async () => {
    const sizes = [48, 150, 1_000, 10_000];
    for (const count of sizes) {
      const output = (await print(`log\n${backups(count)}\n`, { answer: 'site-backups' })) as {
        answer: { backups: { id: string }[]; moreBad: number; wal: object };
      };
      expect(output.answer.backups[0]?.id).toBe(`base-${count - 1}`);
      expect(output.answer.backups.length + output.answer.moreBad).toBe(
        count / 2 + (count % 2 === 0 ? 0 : 1),
      );
      expect(output.answer.wal).toMatchObject({ moreMissing: count - 20 });
      expect(capForHistory(output as unknown as Json)).toMatchObject({ truncated: false });
      const lost = await print(files(count), { answer: 'site-files' });
      expect(lost).toMatchObject({ answer: { restored: 5, missingCount: count, wrongCount: 0 } });
    }
    const before = sizes.filter((count) => fromExcerpt(backups(count)) === undefined).length;
    process.stdout.write(`answers lost of ${sizes.length}: 0; read from the excerpt: ${before}\n`);
    expect(before).toBeGreaterThan(0);
  });

  test.each<[string, RegExp]>([
    ['', /printed nothing/],
    ['no JSON', /did not answer with a line of JSON.*no JSON/],
    ['{}', /unexpected answer at restored/],
    ['{"restored":1,"missing":[{}],"wrong":[]}', /at missing\.0\.tenant/],
    [
      `{"restored":1,"missing":[],"wrong":[],"pad":"${'x'.repeat(8 * 1024 * 1024)}"}`,
      /more than 8 MiB/,
    ],
  ])('an answer that cannot be used fails the step: %.40s', async (text, message) => {
    const failure = await failureOf(print(text, { answer: 'site-files' }));
    expect(failure).toMatchObject({
      type: 'AnswerUnusable',
      message: expect.stringMatching(message),
    });
  });

  test('an answer that is no UTF-8 is none: what it names would be another thing', async () => {
    writeFileSync(join(world.folder, 'answer'), Buffer.from('{"job":"b\xfcro"}', 'latin1'));
    const asked = run(['cat', 'answer'], { answer: 'pipeline-started' });
    expect((await failureOf(asked)).message).toBe('cat answered with bytes that are no UTF-8');
  });

  test('a program that could not look has no answer', async () => {
    const asked = { answer: 'site-look', exitCodes: [0, 2] } as const;
    const output = await run(['sh', '-c', 'echo {}; exit 2'], asked);
    expect(output).toMatchObject({ exitCode: 2, answer: null });
  });

  test('text of any length loses nothing at the border, and is cut between characters', () => {
    for (const character of ['x', 'é', '€', '😀'])
      for (let pad = 0; pad < 4; pad += 1) {
        const text = (bytes: number): string =>
          'y'.repeat(pad) + character.repeat(bytes / Buffer.byteLength(character));
        const read = (whole: string, chunk: number): string => {
          const excerpt = new Excerpt();
          const bytes = Buffer.from(whole);
          for (let at = 0; at < bytes.length; at += chunk)
            excerpt.take(bytes.subarray(at, at + chunk));
          return excerpt.shorten(excerpt.whole().text);
        };
        for (const chunk of [1_000, 65_536]) {
          for (const size of [12_000, 12_288, 16_000, 24_000])
            expect(read(text(size), chunk)).toBe(text(size));
          expect(read(text(60_000), chunk)).not.toContain('\ufffd');
        }
      }
  });

  test('what is not whole is named', async () => {
    expect(await print('x'.repeat(30_000))).toMatchObject({ truncated: true, cut: ['stdout'] });
    expect(await print('x'.repeat(20_000))).not.toHaveProperty('cut');
  });
});

describe('abort', () => {
  /**
   * Starts what ignores SIGTERM or has children, aborts it once `ready` stands in its output, and
   * returns what is left of it.
   */
  async function survivors(script: string, mark: string): Promise<string[]> {
    const controller = new AbortController();
    const context = world.context({ signal: controller.signal });
    const asked = command(
      { kind: 'command', argv: ['sh', '-c', script], cwd: world.folder },
      context,
    );
    await until(
      'the tree',
      () => Promise.resolve(context.printed().toString().includes('ready')),
      10_000,
      20,
    );
    expect(processes(mark).length).toBeGreaterThan(0);
    controller.abort(new Error('cancelled by the test'));
    await expect(asked).rejects.toThrow('cancelled by the test');
    return processes(mark);
  }

  test('ends children and their children', async () => {
    expect(
      await survivors(
        'sleep 511001 & (sleep 511002 & sleep 511003) & echo ready; wait',
        'sleep 51100',
      ),
    ).toEqual([]);
  });

  test('kills what ignores SIGTERM', async () => {
    const script =
      "trap '' TERM; (trap '' TERM; while :; do sleep 521001; done) & echo ready; while :; do sleep 521002; done";
    expect(await survivors(script, 'sleep 52100')).toEqual([]);
  });

  test('before it began', async () => {
    const signal = AbortSignal.abort(new Error('cancelled by the test'));
    await expect(run(['sleep', '53101'], {}, { signal })).rejects.toThrow('cancelled by the test');
    expect(processes('sleep 53101')).toEqual([]);
  });
});

describe('text arrives as it is, and executes nothing', () => {
  const echo = async (argument: string): Promise<unknown> => {
    const script = 'JSON.stringify([process.argv[1], process.env.V])';
    const output = (await run([node, '-p', script, '--', argument], { env: { V: argument } })) as {
      stdout: string;
    };
    return JSON.parse(output.stdout);
  };

  test.each(hostile)('%j as argument and in the environment', async (payload) => {
    expect(await echo(payload)).toEqual([payload, payload]);
  });

  test('any text', async () => {
    const texts = fc
      .sample(fc.string({ unit: 'grapheme', minLength: 1 }), 300)
      .filter((text) => !text.includes('\0'));
    const script = 'JSON.stringify(process.argv.slice(1))';
    const output = (await run([node, '-p', script, '--', ...texts])) as { stdout: string };
    expect(JSON.parse(output.stdout)).toEqual(texts);
  });
});

/**
 * Command lines of living processes that contain `mark`; ended ones that nobody has collected do
 * not count.
 */
function processes(mark: string): string[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((pid) => {
      try {
        return [readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim()];
      } catch {
        return [];
      }
    })
    .filter((line) => line.includes(mark));
}

describe('what was never started', () => {
  const script = (name: string, text: string, mode = 0o755): string => {
    const file = join(world.folder, name);
    writeFileSync(file, text);
    chmodSync(file, mode);
    return file;
  };

  test.each([
    [
      'a folder that is missing',
      () => run(['true'], { cwd: '/no/such/folder' }),
      'CommandMissing',
      /^true was not started on the worker: its working directory \/no\/such\/folder does not exist$/,
    ],
    [
      'a file as folder',
      () => run(['true'], { cwd: script('file', '') }),
      'CommandMissing',
      /working directory .*file is no folder/,
    ],
    [
      'a script from another system',
      () => run([script('crlf.sh', '#!/bin/sh\r\necho hi\r\n')]),
      'CommandMissing',
      /first line ends with a carriage return \(CRLF\)/,
    ],
    [
      'an interpreter that is missing',
      () => run([script('no.py', '#!/opt/no/python\n')]),
      'CommandMissing',
      /its interpreter \/opt\/no\/python does not exist there/,
    ],
    [
      'a program that is missing',
      () => run(['no-such-program']),
      'CommandMissing',
      /^no-such-program does not exist on the worker$/,
    ],
    [
      'a name that no file can have',
      () => run(['x'.repeat(300)]),
      'CommandMissing',
      /^x+ cannot be found on the worker \(ENAMETOOLONG\)$/,
    ],
    [
      'links that lead in a circle',
      () => {
        symlinkSync('circle', join(world.folder, 'circle'));
        return run([join(world.folder, 'circle')]);
      },
      'CommandMissing',
      /circle cannot be found on the worker \(ELOOP\)$/,
    ],
    [
      'no right to run it',
      () => run([script('plain.sh', '#!/bin/sh\n', 0o644)]),
      'CommandMissing',
      /may not be run on the worker \(EACCES\)/,
    ],
    [
      'arguments too long',
      () => run(['true', 'x'.repeat(3_000_000)]),
      'CommandInvalid',
      /longer than the system takes \(E2BIG\)/,
    ],
    ['a NUL', () => run(['echo', 'a\0b']), 'CommandInvalid', /an argument holds a NUL/],
    [
      'a NUL in the environment',
      () => run(['true'], { env: { A: 'a\0b' } }),
      'CommandInvalid',
      /holds a NUL/,
    ],
    [
      'a value that is code',
      () => run(['sh', '-c', 'touch PWNED'], { given: [2] }),
      'CommandInvalid',
      /sh would read a value as code/,
    ],
    [
      'a value that is an option',
      () => run(['rm', '-rf'], { given: [1] }),
      'CommandInvalid',
      /may read as an option/,
    ],
  ] as const)('%s is told by its own name', async (_, attempt, type, message) => {
    expect(await failureOf(attempt())).toMatchObject({
      type,
      message: expect.stringMatching(message),
    });
  });

  test('a program that is being written can be started in a moment: it is tried again', async () => {
    const file = script('busy', '');
    writeFileSync(file, readFileSync('/bin/true'));
    const open = openSync(file, 'r+');
    const failure = await failureOf(run([file]));
    closeSync(open);
    expect(failure).toMatchObject({
      type: 'CommandNotStarted',
      message: expect.stringContaining('(ETXTBSY)'),
    });
    await expect(run([file])).resolves.toMatchObject({ exitCode: 0 });
  });

  test.each([
    ['EMFILE', /too many files are open/],
    ['ENFILE', /too many files are open/],
    ['EAGAIN', /no more processes/],
    ['ENOMEM', /no memory left/],
  ])('a host with nothing left just now: %s says that it is tried again', (code, message) => {
    const failure = notStarted(code, { argv: ['touch', 'PWNED'], cwd: null, path: '' });
    expect(failure).toMatchObject({
      type: 'CommandNotStarted',
      message: expect.stringMatching(message),
      extra: { next: expect.stringContaining('retried') },
    });
    expect(failureTypes[failure.type]).toBe('transient');
  });

  (existsSync('/usr/bin/prlimit') && existsSync('/proc/self/fd') ? test : test.skip)(
    'a supervisor that may open no more files starts nothing, and can again when it may',
    async () => {
      const commands = new Commands(join(world.folder, 'few'));
      const supervisor = async (): Promise<string> =>
        ((await run(['sh', '-c', 'echo $PPID'], {}, { commands })) as { stdout: string }).stdout;
      const pid = (await supervisor()).trim();
      const limit = (files: number): void =>
        void execFileSync('prlimit', ['--pid', pid, `--nofile=${files}:`]);
      const other = run(
        ['sh', '-c', 'touch begun; until test -e go; do sleep 0.05; done'],
        {},
        { commands },
      );
      await until('the other command', () =>
        Promise.resolve(existsSync(join(world.folder, 'begun'))),
      );
      const open = readdirSync(`/proc/${pid}/fd`).length;
      const messages: string[] = [];
      for (let room = 0; room < 10; room += 1) {
        limit(open + room);
        const ended = await run(['touch', `room-${room}`], {}, { commands }).catch(
          (error: unknown) => error as StepFailure,
        );
        const failed = ended instanceof StepFailure;
        expect(existsSync(join(world.folder, `room-${room}`))).toBe(!failed);
        if (!failed) break;
        expect(ended.type).toBe('CommandNotStarted');
        messages.push(ended.message);
      }
      expect(messages).toContainEqual(expect.stringContaining('(EMFILE)'));
      limit(1_024);
      writeFileSync(join(world.folder, 'go'), '');
      await expect(other).resolves.toMatchObject({ exitCode: 0 });
      expect((await supervisor()).trim()).toBe(pid);
      process.stderr.write(
        `refused for want of files, told as never started: ${messages.length}\n`,
      );
      commands.close();
    },
  );

  test('journals that cannot be written: nothing is started', async () => {
    const commands = new Commands(join(world.folder, 'none'));
    rmSync(join(world.folder, 'none'), { recursive: true });
    writeFileSync(join(world.folder, 'none'), 'in the way');
    const failure = await failureOf(run(['touch', 'PWNED'], {}, { commands }));
    expect(failure).toMatchObject({
      type: 'CommandNotStarted',
      message: expect.stringMatching(/^nothing was started: the disk of the worker's journals/),
    });
    commands.close();
  });
});

describe('the disk of the journals is full', () => {
  const disk = (): string => join(world.folder, 'disk');
  const mount = (): void => {
    mkdirSync(disk(), { recursive: true });
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=256k', 'none', disk()], {
      stdio: 'ignore',
    });
  };
  const fill = (): void => {
    const file = openSync(join(disk(), 'filler'), 'w');
    try {
      for (;;) writeFileSync(file, Buffer.alloc(4_096));
    } catch {
      closeSync(file);
    }
  };

  (canMount() ? test : test.skip)(
    'before: nothing is started; while it runs: its outcome is known',
    async () => {
      mount();
      const commands = new Commands(disk());
      try {
        const done = run(
          ['sh', '-c', 'while [ ! -e full ]; do sleep 0.05; done; exit 0'],
          {},
          { commands },
        );
        await until('the command', () =>
          Promise.resolve(
            readdirSync(disk(), { recursive: true }).some((name) =>
              String(name).endsWith('process.json'),
            ),
          ),
        );
        fill();
        writeFileSync(join(world.folder, 'full'), '');
        // Whether it had printed anything nobody knows: code that reads it would read a part.
        const unknown = { truncated: true, cut: ['stdout', 'stderr'] };
        await expect(done).resolves.toMatchObject({ exitCode: 0, ...unknown });
        expect(await failureOf(run(['touch', 'PWNED'], {}, { commands }))).toMatchObject({
          type: 'CommandNotStarted',
          message: expect.stringMatching(/is full: no space, or no inodes, are left \(ENOSPC\)/),
        });
        rmSync(join(disk(), 'filler'));
        const much = ['sh', '-c', 'seq 1 60000; true'];
        expect(await failureOf(run(much, { parse: 'lines' }, { commands }))).toMatchObject({
          type: 'AnswerUnusable',
          message: expect.stringMatching(/exit code 0, and some of its output may be lost/),
        });
        for (const name of readdirSync(disk()))
          rmSync(join(disk(), name), { recursive: true, force: true });
        await expect(run(['true'], {}, { commands })).resolves.toMatchObject({
          ...{ exitCode: 0, truncated: false },
        });
      } finally {
        commands.close();
        await until('the disk to be free', () => {
          try {
            execFileSync('umount', [disk()], { stdio: 'ignore' });
            return Promise.resolve(true);
          } catch {
            return Promise.resolve(false);
          }
        });
      }
    },
  );

  test('a journal that could not be begun leaves nothing', () => {
    const journal = new Journal(join(world.folder, 'file-in-the-way', 'a'));
    writeFileSync(join(world.folder, 'file-in-the-way'), '');
    expect(() => journal.create()).toThrow(/ENOTDIR/);
  });
});

test.each([
  [
    'fatal: disk quota exceeded\nWriting 10%\rWriting 50%\rWriting 100%',
    'fatal: disk quota exceeded',
  ],
  ['10%\r20%\rError: disk is 100% full\n', 'Error: disk is 100% full'],
  ['a\r\nb\r\n', 'a b'],
  ['[####      ] 40%\r[##########] 100%\nrefused\n', 'refused'],
  ['[=====>    ] 45%\n[==========] 100%\nno such table\n', 'no such table'],
  ['one\ntwo\nthree\nfour\n', 'two three four'],
  ['12.3 MB/s ETA 0:01\r12.4 MB/s ETA 0:00\r', ''],
])('the last lines of %j', (text, said) => {
  expect(lastLines(text, 3)).toBe(said);
});
