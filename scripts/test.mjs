/**
 * A suite on real services: starts PostgreSQL and Temporal once, in a folder of their own and on
 * free ports, runs jest, and stops everything again, also on Ctrl-C and in `npm test | head`. What
 * a test leaves running or leaves in the database fails the run. The last line is `N passed, N
 * failed`, with `, N skipped` when there were any.
 *
 *   npm test                          the product
 *   npm run test:hardening            attacks, deaths, installation
 *   npm run test:system               whole systems
 *   npm run test:only -- test/store   one folder, without installing and building first
 *
 * RUNBOOK_TEST_DYNAMIC_CONFIG sets more of the Temporal server's dynamic configuration, as
 * `key=value` with spaces between.
 */
import { randomUUID } from 'node:crypto';
import { chmodSync, mkdirSync, mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { databaseNames, leakedDatabases, leakedProcesses } from './lib/leaks.mjs';
import { measureEngine } from './lib/coverage.mjs';
import { runJest, summaryLine } from './lib/jest.mjs';
import { patternsOf, suites } from './lib/suites.mjs';

const root = resolve(import.meta.dirname, '..');
process.chdir(root);
const { startServices } = await import('../dist/embedded/services.js');
const { onStopRequest } = await import('../dist/embedded/stop-request.js');
const { atThisPace, measurePatience } = await import('../dist/embedded/pace.js');
const { startReplayer } = await import('../dist/test/helpers/replay.js');

/** After `--suite NAME` or alone: arguments for jest. */
const suite = process.argv[2] === '--suite' ? process.argv[3] : undefined;
if (suite !== undefined && !(suite in suites)) {
  process.stderr.write(
    `There is no suite ${suite}. There are: ${Object.keys(suites).join(', ')}.\n`,
  );
  process.exit(2);
}
const jestArguments =
  suite === undefined ? process.argv.slice(2) : [...patternsOf(suite), ...process.argv.slice(4)];

const home = realpathSync(mkdtempSync(join(tmpdir(), 'runbook-test-')));
const temporary = join(home, 'tmp');
// Servers that root starts run as another user, who must find the way to their files.
chmodSync(home, 0o755);
mkdirSync(temporary);
chmodSync(temporary, 0o1777);

let stoppedBy = 0;
let jest;
let services;
let replayer;
/** Coverage is a promise of the whole suite: a part of it says nothing. */
let measured;
onStopRequest((code) => {
  stoppedBy = code;
  jest?.kill('SIGTERM');
});

const mark = `RUNBOOK_TEST_RUN=${randomUUID()}`;
const marks = [mark, home];
const result = { passed: 0, failed: 0, skipped: 0 };
/** Each with what one needs to know, told once more at the end: the log above it is long. */
const failures = [];
let exitCode = 1;
try {
  const started = performance.now();
  process.stderr.write(`deadlines are stretched ${measurePatience()} times on this machine\n`);
  services = await startServices({
    home,
    // A run is deleted only when the queue's progress is saved, by default every 30 s: the tests
    // need not wait for that.
    dynamicConfig: [
      'history.transferProcessorUpdateAckInterval="1s"',
      'history.visibilityProcessorUpdateAckInterval="1s"',
      // A workflow paused in Temporal has to be told; the server allows it only when it is told so.
      'frontend.WorkflowPauseEnabled=true',
      ...(process.env.RUNBOOK_TEST_DYNAMIC_CONFIG ?? '').split(/\s+/).filter(Boolean),
    ],
    say: (line) => process.stderr.write(`${line}\n`),
  });
  const adminUrl = services.database('postgres');
  const before = await databaseNames(adminUrl);
  process.stderr.write(
    `services up in ${seconds(started)}: Temporal ` +
      `${services.address}, PostgreSQL ${new URL(adminUrl).host}\n`,
  );

  if (stoppedBy === 0) {
    replayer = await startReplayer();
    if (suite === 'product') measured = await measureEngine(root);
    const ran = await runJest(jestArguments, {
      skipsFile: join(root, 'test', 'skips.json'),
      limitMs: limitMs(),
      started: (child) => {
        jest = child;
      },
      env: {
        ...process.env,
        [mark.split('=')[0]]: mark.split('=')[1],
        TMPDIR: temporary,
        RUNBOOK_TEST_DATABASE_URL: adminUrl,
        RUNBOOK_TEST_UI_URL: services.uiUrl,
        TEMPORAL_ADDRESS: services.address,
        RUNBOOK_TEST_REPLAYER: replayer.url,
        ...measured?.env,
      },
    });
    const left = [...(await leakedProcesses([mark])), ...(await leakedDatabases(adminUrl, before))];
    // A suite that was ended could not clean up: that is no fault of its tests.
    const leaks = ran.ended ? [] : left;
    Object.assign(result, {
      passed: ran.passed,
      failed: ran.failed + leaks.length,
      skipped: ran.skipped,
    });
    exitCode = ran.exitCode || (leaks.length > 0 ? 1 : 0);
    for (const line of [...ran.remarks, ...leaks]) process.stderr.write(`${line}\n`);
    failures.push(...ran.failures, ...leaks, ...(ran.ended ? ran.remarks : []));
    // Of a part it would say nothing.
    if (measured && !ran.ended && stoppedBy === 0) judgeCoverage(measured.report());
  }
} catch (error) {
  process.stderr.write(
    `The tests could not run: ${error instanceof Error ? error.message : String(error)}\n`,
  );
  result.failed += 1;
  exitCode = 1;
} finally {
  measured?.remove();
  await replayer?.stop();
  await services?.stop();
  const left = await leakedProcesses(marks);
  failures.push(...left);
  result.failed += left.length;
  if (left.length > 0) exitCode = 1;
  rmSync(home, { recursive: true, force: true });
}
if (failures.length > 0) process.stderr.write(`\nWhat failed:\n${failures.join('\n')}\n\n`);
if (stoppedBy > 0) process.stderr.write('Stopped before the end.\n');
process.stdout.write(`${summaryLine(result)}\n`);
process.exitCode = stoppedBy || exitCode;

/** When a suite is ended. The long forms take their time. */
function limitMs() {
  if (process.env.RUNBOOK_CHAOS === 'long') return 90 * 60_000;
  return atThisPace((suite === undefined ? 30 : suites[suite].limitMinutes) * 60_000);
}

function judgeCoverage({ complete, summary, lines }) {
  if (!complete) {
    failures.push(...lines);
    result.failed += 1;
    exitCode ||= 1;
  }
  process.stderr.write(`coverage in the sandbox: ${summary}\n`);
}

function seconds(since) {
  return `${((performance.now() - since) / 1000).toFixed(1)} s`;
}
