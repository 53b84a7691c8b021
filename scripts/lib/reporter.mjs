/**
 * Shows how far a suite is: a line for each file with what it took, what failed as soon as it
 * fails, and at the end where the minutes went. Writes each result to a file at once
 * (RUNBOOK_TEST_PROGRESS), so that a suite which is ended before its end can say what passed and
 * what did not run.
 */
import { appendFileSync } from 'node:fs';
import { relative } from 'node:path';
import { stripVTControlCharacters } from 'node:util';

/** How many of the slowest tests are named. */
const shown = Number(process.env.RUNBOOK_TEST_SLOWEST) || 10;

export default class {
  constructor(config) {
    this.root = config.rootDir;
    this.began = performance.now();
    this.done = 0;
    this.tests = { passed: 0, failed: 0, skipped: 0 };
    /** Seconds by folder. */
    this.folders = new Map();
    /** Name and seconds of each test. */
    this.each = [];
  }

  onTestFileResult({ path }, result, { numTotalTestSuites: total }) {
    const file = relative(this.root, path);
    const seconds = (result.perfStats.end - result.perfStats.start) / 1000;
    const broken = brokenFile(result);
    this.done += 1;
    this.tests.passed += result.numPassingTests;
    this.tests.failed += result.numFailingTests + broken;
    this.tests.skipped += result.numPendingTests;
    this.count(file, seconds);
    for (const { fullName, duration } of result.testResults)
      this.each.push({
        name: `${file}: ${fullName}`.replaceAll(/\s+/g, ' '),
        seconds: (duration ?? 0) / 1000,
      });
    progress({
      file: path,
      passed: result.numPassingTests,
      failed: result.numFailingTests + broken,
      skipped: result.numPendingTests,
      seconds,
      failures: failuresOf(file, result),
    });
    const failed = result.numFailingTests + broken > 0;
    const done = String(this.done).padStart(String(total).length);
    const at = `[${done}/${total} ${clock(this.began)}]`;
    write(`${at} ${failed ? 'FAIL' : 'ok  '} ${seconds.toFixed(1).padStart(5)} s  ${file}`);
    for (const { message } of result.console ?? []) write(message);
    if (failed) write(result.failureMessage ?? String(result.testExecError?.message));
  }

  onRunComplete() {
    const { passed, failed, skipped } = this.tests;
    const rows = [...this.folders].sort(([, one], [, other]) => other.seconds - one.seconds);
    write('\nSeconds by folder, all its files added up:');
    for (const [folder, { files, seconds }] of rows)
      write(`  ${seconds.toFixed(0).padStart(5)}  ${folder} (${files} ${plural(files, 'file')})`);
    const slowest = this.each.sort((one, other) => other.seconds - one.seconds).slice(0, shown);
    write('The slowest tests, in seconds:');
    for (const { name, seconds } of slowest) write(`  ${seconds.toFixed(1).padStart(6)}  ${name}`);
    write(
      `${passed} ${plural(passed, 'test')} passed, ${failed} failed, ${skipped} skipped ` +
        `in ${clock(this.began)} min\n`,
    );
  }

  count(file, seconds) {
    const folder = file.split('/').slice(0, 2).join('/');
    const before = this.folders.get(folder) ?? { files: 0, seconds: 0 };
    this.folders.set(folder, { files: before.files + 1, seconds: before.seconds + seconds });
  }
}

/** A file can fail without a failed test: it does not compile, or its `afterAll` throws. */
function brokenFile({ numFailingTests, testExecError, failureMessage }) {
  return numFailingTests === 0 && (testExecError || failureMessage) ? 1 : 0;
}

/** What failed in a file, each with the beginning of its message. */
function failuresOf(file, result) {
  const failures = result.testResults
    .filter(({ status }) => status === 'failed')
    .map(
      ({ fullName, failureMessages }) => `${file}: ${fullName}\n${beginning(failureMessages[0])}`,
    );
  if (brokenFile(result))
    failures.push(`${file}\n${beginning(result.failureMessage ?? result.testExecError?.message)}`);
  return failures;
}

/** The first lines of a message that have text, indented. */
function beginning(message = '') {
  const lines = stripVTControlCharacters(message)
    .split('\n')
    .filter((line) => line.trim() !== '');
  return lines
    .slice(0, 12)
    .map((line) => `    ${line.slice(0, 300)}`)
    .join('\n');
}

function progress(line) {
  const { RUNBOOK_TEST_PROGRESS: file } = process.env;
  if (file) appendFileSync(file, `${JSON.stringify(line)}\n`);
}

function write(text) {
  process.stderr.write(`${text}\n`);
}

/** Minutes and seconds since `began`. */
function clock(began) {
  const seconds = Math.round((performance.now() - began) / 1000);
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`;
}

function plural(count, noun) {
  return count === 1 ? noun : `${noun}s`;
}
