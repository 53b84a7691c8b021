import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

/*
 * What judges the suite is judged here: a run that proves nothing must not look like one that
 * passed.
 */
const library = (name: string): string =>
  pathToFileURL(join(import.meta.dirname, '..', '..', 'scripts', 'lib', name)).href;

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'runbook-suite-'));
  writeFileSync(join(folder, 'package.json'), '{"type":"module"}');
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

interface Judged {
  exitCode: number;
  passed: number;
  failed: number;
  skipped: number;
  failures: string[];
  remarks: string[];
  line: string;
}

/** Runs jest on one test file of the given text, as scripts/test.mjs does. */
function judged(testFile: string, args: string[] = [], skips: object[] = [], limits = {}): Judged {
  writeFileSync(join(folder, 'a.test.js'), testFile);
  writeFileSync(join(folder, 'skips.json'), JSON.stringify(skips));
  const config = JSON.stringify({ rootDir: folder, testMatch: ['**/*.test.js'], transform: {} });
  const program = `
    import { runJest, summaryLine } from ${JSON.stringify(library('jest.mjs'))};
    const result = await runJest(['--config', ${JSON.stringify(config)}, ...${JSON.stringify(args)}],
      { env: process.env, skipsFile: ${JSON.stringify(join(folder, 'skips.json'))}, stdio: 'ignore', ...${JSON.stringify(limits)} });
    console.log(JSON.stringify({ ...result, line: summaryLine(result) }));`;
  const { stdout } = spawnSync(process.execPath, ['--input-type=module', '--eval', program], {
    encoding: 'utf8',
    env: { PATH: process.env['PATH'], HOME: folder },
  });
  return JSON.parse(stdout) as Judged;
}

test('every folder with tests is in one suite', async () => {
  const { suites } = (await import(library('suites.mjs'))) as {
    suites: Record<string, { folders: string[] }>;
  };
  const known = Object.values(suites).flatMap(({ folders }) => folders);
  const root = join(import.meta.dirname, '..', '..');
  const found = readdirSync(join(root, 'test'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.test.ts'))
    .map((name) => `test/${name.split('/')[0]}`);
  expect([...known].sort()).toEqual([...new Set(found)].sort());
});

describe('the result of a run', () => {
  test('counts what passed', () => {
    expect(judged(`test('a', () => {}); test('b', () => {});`)).toMatchObject({
      exitCode: 0,
      line: '2 passed, 0 failed',
    });
  });

  test('a failed test fails it', () => {
    const text = `test('a', () => {}); test('b', () => { throw new Error('why'); });`;
    expect(judged(text)).toMatchObject({
      exitCode: 1,
      line: '1 passed, 1 failed',
      failures: [expect.stringMatching(/^a\.test\.js: b\n.*Error: why/)],
    });
  });

  test('one that hangs is ended, and has failed', () => {
    const hanging = `test('a', () => new Promise(() => {}), 600_000); setInterval(() => {}, 1000);`;
    expect(judged(hanging, [], [], { limitMs: 2_000 })).toMatchObject({
      failed: 1,
      remarks: expect.arrayContaining([expect.stringContaining('ended')]),
    });
  });

  test('one that is ended says what passed, what failed and what did not run, apart', () => {
    // The larger file first, as jest has it.
    const long = (text: string) => `${text}\n//${'x'.repeat(2_000)}`;
    writeFileSync(join(folder, 'first.test.js'), long(`test('a', () => {}); test('b', () => {});`));
    writeFileSync(join(folder, 'last.test.js'), `test('c', () => {});`);
    const hanging = `test('hangs', () => new Promise(() => {}), 600_000); // not the shortest`;
    const result = judged(hanging, ['--runInBand'], [], { limitMs: 5_000 });
    expect(result).toMatchObject({ exitCode: 1, line: '2 passed, 1 failed' });
    expect(result.remarks).toEqual([
      '1 of 3 files came to their end: 2 tests passed, 0 failed.',
      expect.stringMatching(/^Did not run, or not to their end: .*a\.test\.js, .*last\.test\.js$/),
      expect.stringContaining('jest was ended: it had not come to its end after'),
    ]);
  });

  test('one whose tests are done but that does not exit is ended, and has failed', () => {
    const open = `setInterval(() => {}, 1000); test('a', () => {});`;
    expect(judged(open, [], [], { exitMs: 500 })).toMatchObject({
      passed: 1,
      failed: 1,
      remarks: [expect.stringContaining('still open')],
    });
  });

  test('a file that does not run fails it', () => {
    expect(judged(`test('a', () => {}); throw new Error('at the top');`)).toMatchObject({
      exitCode: 1,
      passed: 0,
      failed: 1,
    });
  });

  test('a clean-up that fails, fails it', () => {
    expect(judged(`test('a', () => {}); afterAll(() => { throw new Error(); });`)).toMatchObject({
      exitCode: 1,
      failed: 1,
      failures: [expect.stringMatching(/^a\.test\.js\n/)],
    });
  });

  test('no test at all fails it', () => {
    expect(judged('', ['--passWithNoTests', '--testPathPatterns', 'nowhere'])).toMatchObject({
      exitCode: 1,
      passed: 0,
      failed: 1,
    });
  });

  test.each([
    ['skipped', `test('a', () => {}); test.skip('left out', () => {});`],
    ['todo', `test('a', () => {}); test.todo('left out');`],
    ['only', `test.only('a', () => {}); test('left out', () => {});`],
  ])('a test that is left out without a reason fails it: %s', (_how, text) => {
    const result = judged(text);
    expect(result).toMatchObject({ exitCode: 1, line: '1 passed, 1 failed' });
    expect(result.remarks.join()).toContain('left out');
  });

  test('a test that is left out with a reason is named and counted', () => {
    const skips = [{ test: 'left', reason: 'needs a thing' }];
    const result = judged(`test('a', () => {}); test.skip('left out', () => {});`, [], skips);
    expect(result).toMatchObject({
      exitCode: 0,
      line: '1 passed, 0 failed, 1 skipped',
      remarks: ['skipped: left out: needs a thing'],
    });
  });

  test('picking tests by name leaves the others aside', () => {
    expect(judged(`test('a', () => {}); test('b', () => {});`, ['-t', '^a$'])).toMatchObject({
      exitCode: 0,
      line: '1 passed, 0 failed',
    });
  });
});

test('a process that was left running is found by its mark, named and ended; others are not', async () => {
  const mark = `${folder}/mark`;
  const options = { stdio: 'ignore', detached: true } as const;
  const leaked = spawn('sleep', ['infinity'], {
    ...options,
    env: { PATH: process.env['PATH'], MARK: mark },
  });
  const other = spawn('sleep', ['infinity'], options);
  const ended = once(leaked, 'exit');
  try {
    const program = `
      import { leakedProcesses } from ${JSON.stringify(library('leaks.mjs'))};
      console.log(JSON.stringify(await leakedProcesses([${JSON.stringify(`MARK=${mark}`)}])));`;
    // From a file: given by --eval, the mark would stand on a command line of ours.
    writeFileSync(join(folder, 'search.mjs'), program);
    const { stdout } = spawnSync(process.execPath, [join(folder, 'search.mjs')], {
      encoding: 'utf8',
    });
    expect(JSON.parse(stdout)).toEqual([`left running: process ${leaked.pid}: sleep infinity`]);
    expect((await ended)[1]).toBe('SIGKILL');
    expect(other.exitCode ?? other.signalCode).toBeNull();
  } finally {
    leaked.kill('SIGKILL');
    other.kill('SIGKILL');
  }
});
