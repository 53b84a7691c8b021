/**
 * Puts one fault after the other into the engine and into the verdicts, and shows which test of the
 * driver finds it. Each test runs the real bundle in the real sandbox; a fault meets only the tests
 * that come by its place. What no test finds must stand in test/mutants/exceptions.json with a
 * reason, else the command fails.
 *
 *   npm run mutants                     all of them; writes docs/mutants.md, and each test beside
 *                                       the fault that it finds to .runbook/mutants.md
 *   npm run mutants -- gates turn       only files whose name contains one of these
 *   npm run mutants -- --survivors      only those of which .runbook/mutants.md does not say that a
 *                                       test finds them
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { onStopRequest } from '../dist/embedded/stop-request.js';
import { withFaults } from './lib/faults.mjs';
import { Runner } from './lib/fault-runners.mjs';
import { lastFound, mutantsDoc } from './lib/mutants-doc.mjs';
import { bundleForDriver, copyProgram } from './lib/program-copy.mjs';

const root = resolve(import.meta.dirname, '..');
process.chdir(root);

/**
 * Where the promises are kept that the driver can see. details.ts only words what people see in the
 * Temporal UI.
 */
const places = [
  ...readdirSync('workflows/engine')
    .filter((name) => name !== 'details.ts')
    .map((name) => `workflows/engine/${name}`),
  'activities/judge.ts',
  'activities/admit.ts',
];
const onlySurvivors = process.argv.includes('--survivors');
const chosen = process.argv.slice(2).filter((part) => part !== '--survivors');
const files = places.filter(
  (file) => chosen.length === 0 || chosen.some((part) => file.includes(part)),
);
/** Random plans find in 8 what they find in 150, or the next run of the suite does. */
const seeds = '8';
/**
 * A test takes this many times as long as without a fault, and some seconds more, before it counts
 * as one that hangs.
 */
const patience = { times: 20, ms: 8_000 };
/** Runs that a fault has stopped halfway stay in their process. */
const faultsPerProcess = 100;

/** What found a fault the last time finds it again in most cases: it is tried first. */
const table = join(root, '.runbook', 'mutants.md');
const foundBefore = lastFound(existsSync(table) ? readFileSync(table, 'utf8') : '');
/**
 * Faults that no test has to find, each with its reason, named by file, function and what becomes
 * of the code.
 */
const exceptions = JSON.parse(readFileSync('test/mutants/exceptions.json', 'utf8')).flatMap(
  ({ faults: named, ...rest }) => named.map((fault) => ({ ...rest, fault })),
);
const faults = [];
const copy = copyProgram(root, files, (source, file) => {
  const changed = withFaults(source, file, faults.length + 1);
  faults.push(...changed.faults);
  return changed.text;
});
onStopRequest((code) => {
  Runner.endAll();
  copy.remove();
  process.exit(code);
});

try {
  await bundleForDriver(copy.folder);
  useSmallJest();
  const first = await Runner.start(copy.folder, seeds);
  const { told } = await first.ask({ fault: 0 }, () => 300_000);
  first.stop();
  const failed = told.filter(({ failure }) => failure);
  if (failed.length > 0)
    throw new Error(
      'Without a fault, too, this fails: ' +
        `${failed.map(({ name, failure }) => `${name}: ${failure}`).join('; ')}`,
    );
  process.stdout.write(`${faults.length} faults, ${told.length} tests\n`);

  const tried = onlySurvivors ? faults.filter((fault) => !foundBefore(fault)) : faults;
  if (onlySurvivors)
    process.stdout.write(`${tried.length} of them survived the last time, or are new\n`);
  const queue = [...tried];
  await Promise.all(
    Array.from({ length: Math.min(availableParallelism(), 2) }, () => work(queue, told)),
  );
  report(tried);
} finally {
  copy.remove();
}

async function work(queue, told) {
  let runner;
  let asked = 0;
  for (let fault = queue.shift(); fault; fault = queue.shift()) {
    const before = foundBefore(fault) ?? [];
    const rank = ({ name, ms }) => (before.includes(name) ? 0 : ms);
    const tests = told
      .filter(({ reached }) => reached.includes(fault.id))
      .sort((one, other) => rank(one) - rank(other));
    if (tests.length === 0) continue;
    if (asked === faultsPerProcess) {
      runner?.stop();
      runner = undefined;
    }
    if (!runner) asked = 0;
    asked += 1;
    runner ??= await Runner.start(copy.folder, seeds);
    const limit = (name) =>
      patience.ms + patience.times * (tests.find((test) => test.name === name)?.ms ?? 0);
    let answer = await runner.ask({ fault: fault.id, tests: tests.map(({ name }) => name) }, limit);
    if (answer.hangs) {
      // A machine that stalls looks the same: only what does not come to its end twice is found by
      // that.
      runner = await Runner.start(copy.folder, seeds);
      const again = [
        answer.killedBy,
        ...tests.map(({ name }) => name).filter((name) => name !== answer.killedBy),
      ];
      answer = await runner.ask({ fault: fault.id, tests: again }, limit);
    }
    fault.killedBy = answer.killedBy;
    fault.hangs = answer.hangs === true;
    if (!fault.killedBy && !isExcused(fault)) process.stdout.write(`SURVIVES  ${placeOf(fault)}\n`);
    if (answer.ended) runner = undefined;
    if (queue.length % 50 === 0) process.stdout.write(`${queue.length} to go\n`);
  }
  runner?.stop();
}

/** The tests import jest by its name; in the copy they find ours. */
function useSmallJest() {
  const folder = join(copy.folder, 'node_modules', '@jest', 'globals');
  mkdirSync(folder, { recursive: true });
  writeFileSync(
    join(folder, 'package.json'),
    JSON.stringify({ type: 'module', exports: './index.js' }),
  );
  const ours = pathToFileURL(join(root, 'scripts', 'lib', 'small-jest.mjs')).href;
  writeFileSync(join(folder, 'index.js'), `export * from ${JSON.stringify(ours)};\n`);
}

function report(tried) {
  const survivors = tried.filter((fault) => !fault.killedBy && !isExcused(fault));
  const excused = tried.filter((fault) => !fault.killedBy && isExcused(fault));
  const stale = exceptions.filter(
    (exception) =>
      files.includes(exception.file) &&
      excused.filter((fault) => excuses(exception, fault)).length !== 1,
  );
  if (tried.length === faults.length && chosen.length === 0) writeDocs();
  process.stdout.write('\n');
  for (const fault of survivors) {
    process.stdout.write(
      `SURVIVES  ${placeOf(fault)}${fault.killedBy === undefined ? '  (no test comes by)' : ''}\n`,
    );
  }
  for (const exception of stale) {
    const covered = excused.filter((fault) => excuses(exception, fault)).length;
    const why =
      covered === 0 ? 'a test finds it, or it is gone' : `it stands for ${covered} faults`;
    process.stdout.write(
      `WRONG in test/mutants/exceptions.json: ${exception.file} ${exception.in} ` +
        `${exception.fault}: ${why}\n`,
    );
  }
  const found = tried.filter(({ killedBy }) => killedBy).length;
  process.stdout.write(
    `${tried.length} faults: ${found} found by a test, ${excused.length} excused, ` +
      `${survivors.length} found by none\n`,
  );
  process.exitCode = survivors.length + stale.length > 0 ? 1 : 0;
}

/** Why a fault need not be found; undefined when it has to be. */
function reasonOf(fault) {
  return exceptions.find((exception) => excuses(exception, fault))?.reason;
}

function excuses(exception, fault) {
  return (
    exception.file === fault.file && exception.in === fault.in && exception.fault === fault.what
  );
}

function isExcused(fault) {
  return Boolean(reasonOf(fault));
}

function placeOf({ file, line, what }) {
  return `${file}:${line}  ${what}`;
}

/** The summary for readers, and the whole table for the next run and whoever looks for a test. */
function writeDocs() {
  const whole = mutantsDoc(faults, reasonOf);
  mkdirSync(dirname(table), { recursive: true });
  writeFileSync(table, whole);
  writeFileSync('docs/mutants.md', `${whole.slice(0, whole.indexOf('## Found\n')).trimEnd()}\n`);
}
