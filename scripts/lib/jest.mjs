/** Runs jest in a process of its own and judges its result. */
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';

const jest = join(
  createRequire(import.meta.url).resolve('jest/package.json'),
  '..',
  'bin',
  'jest.js',
);

/**
 * @typedef {object} Result
 * @property {number} passed
 * @property {number} failed tests that failed, files that did not run, and skips that nobody
 *   allowed
 * @property {number} skipped with a reason
 * @property {string[]} failures each failed test with its file and the beginning of its message
 * @property {string[]} remarks what to print beside jest's own summary
 */

/**
 * Runs jest with the arguments given, its output going where ours goes.
 * @param {string[]} args
 * @param {{ env: NodeJS.ProcessEnv, skipsFile: string, stdio?:
 *   import('node:child_process').StdioOptions, started?: (child:
 *   import('node:child_process').ChildProcess) => void, limitMs?: number, exitMs?: number }}
 *   options limitMs: milliseconds after which jest is ended and the run has failed: a suite that
 *   hangs must say so, not wait exitMs: milliseconds that jest may take to exit once its result is
 *   written
 * @returns {Promise<Result & { exitCode: number, ended: boolean }>} `ended`: before its tests were
 *   done
 */
export async function runJest(
  args,
  { env, skipsFile, stdio = 'inherit', started, limitMs = 25 * 60_000, exitMs = 10_000 },
) {
  const folder = mkdtempSync(join(tmpdir(), 'runbook-jest-'));
  const resultFile = join(folder, 'result.json');
  const progressFile = join(folder, 'progress.jsonl');
  const leaksFile = join(folder, 'leaks.txt');
  try {
    const child = spawn(
      process.execPath,
      [jest, '--json', `--outputFile=${resultFile}`, ...reporting(args), ...args],
      {
        stdio,
        env: {
          ...env,
          NODE_OPTIONS: nodeOptions(env.NODE_OPTIONS),
          RUNBOOK_TEST_PROGRESS: progressFile,
          RUNBOOK_TEST_LEAKS: leaksFile,
        },
      },
    );
    started?.(child);
    let overtime;
    const end = (why) => {
      overtime = why;
      child.kill('SIGKILL');
    };
    const tooLong = `it had not come to its end after ${(limitMs / 60_000).toFixed(1)} minutes`;
    const limit = setTimeout(() => end(tooLong), limitMs);
    const watch = setInterval(() => {
      if (!existsSync(resultFile)) return;
      clearInterval(watch);
      exitLimit = setTimeout(
        () => end('its tests were done, but something that they opened is still open'),
        exitMs,
      );
    }, 500);
    let exitLimit;
    const exitCode = await new Promise((resolve, reject) => {
      child.once('error', reject);
      child.once('close', (code) => resolve(code ?? 1));
      // What hangs may have left somebody who holds our output open.
      child.once('exit', () => overtime && resolve(1));
    }).finally(() => {
      clearTimeout(limit);
      clearTimeout(exitLimit);
      clearInterval(watch);
    });
    const progress = readProgress(progressFile);
    const result = existsSync(resultFile)
      ? judge(JSON.parse(read(resultFile)), progress, readSkips(skipsFile), chosenByName(args))
      : judgePart(progress);
    if (overtime) result.remarks.push(`jest was ended: ${overtime}.`);
    const leaks = read(leaksFile).split('\n').filter(Boolean);
    result.remarks.push(...leaks);
    result.failed += leaks.length + (overtime && existsSync(resultFile) ? 1 : 0);
    return {
      exitCode: exitCode || (result.failed > 0 ? 1 : 0),
      ended: !existsSync(resultFile),
      ...result,
    };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** A configuration that is given by hand, as by the suite's own tests, lacks ours. */
function reporting(args) {
  if (!args.includes('--config')) return [];
  return [
    `--reporters=${join(import.meta.dirname, 'reporter.mjs')}`,
    `--testSequencer=${join(import.meta.dirname, 'sequencer.mjs')}`,
  ];
}

/**
 * Jest runs ES modules only with this flag, and Node would say with each process that it is
 * experimental.
 */
function nodeOptions(given) {
  return [given, '--experimental-vm-modules', '--disable-warning=ExperimentalWarning']
    .filter(Boolean)
    .join(' ');
}

/** Tests picked by name leave the others of a file aside on purpose. */
function chosenByName(args) {
  return args.some((arg) => /^(-t|--testNamePattern)(=|$)/.test(arg));
}

/**
 * @returns {{ test: string, reason: string }[]} tests that may be skipped, by the beginning of
 *   their full name
 */
function readSkips(file) {
  return existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : [];
}

function read(file) {
  return existsSync(file) ? readFileSync(file, 'utf8') : '';
}

/**
 * What the reporter and the sequencer wrote. Whether a file passed, failed or did not run is the
 * reporter's to say.
 */
function readProgress(file) {
  const lines = read(file)
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line));
  const results = lines.filter((line) => line.file !== undefined);
  const sum = (key) => results.reduce((total, line) => total + line[key], 0);
  return {
    files: lines.flatMap((line) => line.files ?? []),
    ran: new Set(results.map(({ file: path }) => path)),
    failures: results.flatMap((line) => line.failures),
    ...{ passed: sum('passed'), failed: sum('failed'), skipped: sum('skipped') },
  };
}

/** @returns {Result} */
function judge(result, progress, allowed, picked) {
  const remarks = [];
  let skipped = 0;
  let refused = 0;
  if (!picked) {
    for (const file of result.testResults) {
      for (const { fullName, status } of file.assertionResults) {
        if (!['pending', 'skipped', 'disabled', 'todo'].includes(status)) continue;
        const entry = allowed.find(({ test }) => fullName.startsWith(test));
        if (entry) skipped += 1;
        else refused += 1;
        remarks.push(
          entry
            ? `skipped: ${fullName}: ${entry.reason}`
            : `${status}: ${fullName}: give the reason in test/skips.json, or let it run.`,
        );
      }
    }
  }
  if (result.numTotalTests === 0) remarks.push('No test ran.');
  const { passed } = progress;
  const failed =
    progress.failed + refused + (result.numTotalTests === 0 && progress.failed === 0 ? 1 : 0);
  return { passed, failed, skipped, failures: progress.failures, remarks };
}

/**
 * What a suite did that was ended before its end: what passed has passed, what failed has failed,
 * and that the rest did not run is one failure more.
 * @param {ReturnType<typeof readProgress>} progress
 * @returns {Result}
 */
function judgePart({ files, ran, passed, failed, skipped, failures }) {
  const left = files.filter((file) => !ran.has(file)).map((file) => relative('', file));
  return {
    passed,
    failed: failed + 1,
    skipped,
    failures,
    remarks:
      files.length === 0
        ? ['jest ended without a result: no test ran.']
        : [
            `${ran.size} of ${files.length} files came to their ` +
              `end: ${passed} tests passed, ${failed} failed.`,
            `Did not run, or not to their end: ${left.join(', ')}`,
          ],
  };
}

/**
 * The last line of a run: what scripts that call us read.
 * @param {{ passed: number, failed: number, skipped: number }} result
 */
export function summaryLine({ passed, failed, skipped }) {
  return `${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`;
}
