/**
 * A process that runs the driver's tests with one fault switched on, as often as it is asked: `{
 * fault, tests }` in, what killed it out. It says which test it begins, so that whoever asked can
 * tell when one does not come to its end.
 */
import { readdirSync } from 'node:fs';
import { setImmediate } from 'node:timers';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { files, inFile } from './small-jest.mjs';

const folder = process.env.RUNBOOK_MEASURED;

let active = 0;
let reached = new Set();
globalThis.__fault__ = (id) => {
  reached.add(id);
  return id === active;
};

/**
 * Real time is no part of what is proved here, and faults are slow; the others are about servers or
 * the SDK.
 */
const leftOut = /milliseconds/;
const needServers = /^(same-|sdk-)/;

const tests = join(folder, 'test', 'driver');
for (const file of readdirSync(tests).filter(
  (name) => name.endsWith('.test.js') && !needServers.test(name),
)) {
  inFile(file.replace('.test.js', ''));
  await import(pathToFileURL(join(tests, file)).href);
}

/**
 * Errors that nobody awaits: of workflow code in most cases, which fails its task, or of the test
 * that runs.
 */
let stray;
process.on('uncaughtException', (error) => {
  stray ??= error;
});

process.on('message', async (asked) => {
  const answer = asked.fault === 0 ? await all() : { killedBy: await killer(asked) };
  process.send(answer);
});
process.send({ ready: true });

/** Every test as it is. @returns what each reached, how long it took, and which failed */
async function all() {
  const told = [];
  for (const file of files) {
    await open(file);
    for (const test of file.tests.filter(({ name }) => !leftOut.test(name))) {
      reached = new Set();
      const begun = performance.now();
      const failure = await failureOf(file, test);
      const ms = performance.now() - begun;
      told.push({
        name: nameOf(file, test),
        reached: [...reached],
        ms,
        ...(failure ? { failure: String(failure) } : {}),
      });
    }
  }
  return { told };
}

/** In the order given. @returns the first test that fails; null when none does */
async function killer({ fault, tests: wanted }) {
  const all = files.flatMap((file) =>
    file.tests.map((test) => ({ file, test, name: nameOf(file, test) })),
  );
  for (const name of wanted) {
    const found = all.find((each) => each.name === name);
    if (!found) continue;
    await open(found.file);
    active = fault;
    const failure = await failureOf(found.file, found.test);
    active = 0;
    if (failure) return name;
  }
  return null;
}

async function failureOf(file, test) {
  process.send({ begins: nameOf(file, test) });
  stray = undefined;
  try {
    await test.run();
    // What nobody awaited comes with the next turn.
    await new Promise((turn) => setImmediate(turn));
    return stray;
  } catch (error) {
    return error ?? new Error('it failed');
  }
}

/** Its driver stays open until this process ends: to open one takes longer than most tests. */
async function open(file) {
  for (let hook = file.before.shift(); hook; hook = file.before.shift()) await hook();
}

function nameOf({ file }, { name }) {
  return `${file}: ${name}`;
}
