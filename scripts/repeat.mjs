/**
 * Runs a suite again and again, to see whether it is always green. Each result is written to a file
 * at once, and a call that was broken off goes on where it stopped; other sources begin anew.
 *
 *   npm run test:repeat -- 10                  npm test, ten times
 *   npm run test:repeat -- 3 --busy 4          beside four loops that keep the processor busy
 *   npm run test:repeat -- 3 --suite system    npm run test:system
 */
import { spawn } from 'node:child_process';
import { appendFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { onStopRequest } from '../dist/embedded/stop-request.js';
import { sourceStamp } from './lib/stamp.mjs';
import { suites } from './lib/suites.mjs';

const root = resolve(import.meta.dirname, '..');
process.chdir(root);

const { times, busy, suite } = wanted();
const folder = join(root, '.runbook', 'repeated');
const results = join(folder, `${suite}-busy-${busy}.jsonl`);
const source = sourceStamp(root);
mkdirSync(folder, { recursive: true });

let stopped = false;
let running;
onStopRequest(() => {
  stopped = true;
  running?.kill('SIGTERM');
});

const done = earlier();
if (done.length > 0) say(`${done.length} of ${times} were run before: ${results}`);
const loops = Array.from({ length: done.length < times ? busy : 0 }, () =>
  spawn(process.execPath, ['-e', 'for (;;) {}'], { stdio: 'ignore' }),
);
// A loop that outlives us would disturb whatever comes next.
process.on('exit', () => loops.forEach((loop) => loop.kill('SIGKILL')));
while (done.length < times && !stopped) {
  say(`\n== ${suite}, ${done.length + 1} of ${times}, beside ${busy} busy loops`);
  const result = await runOnce(join(folder, `${suite}-busy-${busy}-${done.length + 1}.log`));
  if (stopped) break;
  done.push(result);
  appendFileSync(results, `${JSON.stringify(result)}\n`);
}
loops.forEach((loop) => loop.kill('SIGKILL'));

for (const { began, minutes, line } of done) say(`${began}  ${minutes.toFixed(1)} min  ${line}`);
const red = done.filter(({ green }) => !green).length;
say(`${done.length} of ${times} runs, ${red} red`);
process.exitCode = stopped || red > 0 ? 1 : 0;

/** @returns {{ times: number, busy: number, suite: string }} */
function wanted() {
  try {
    const { values, positionals } = parseArgs({
      options: { busy: { type: 'string', default: '0' }, suite: { type: 'string' } },
      allowPositionals: true,
    });
    const [times, busy] = [positionals[0], values.busy].map(Number);
    const suite = values.suite ?? 'product';
    const isFine = times > 0 && busy >= 0 && Number.isInteger(times) && Number.isInteger(busy);
    if (isFine && positionals.length === 1 && suite in suites) return { times, busy, suite };
  } catch {
    // Told below, as any other mistake.
  }
  const names = Object.keys(suites).join(' or ');
  process.stderr.write(
    `Say how often: npm run test:repeat -- TIMES [--busy LOOPS] [--suite ${names}]\n`,
  );
  process.exit(2);
}

/** Results of the same sources; those of others are put aside. */
function earlier() {
  const lines = existsSync(results)
    ? readFileSync(results, 'utf8').split('\n').filter(Boolean)
    : [];
  const same = lines.map((line) => JSON.parse(line)).filter((each) => each.source === source);
  if (same.length < lines.length) writeFileSync(results, '');
  return same;
}

/** @param {string} log file that gets what the suite prints */
async function runOnce(log) {
  const began = new Date();
  writeFileSync(log, '');
  running = spawn(process.execPath, ['scripts/test.mjs', '--suite', suite], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let last = '';
  for (const stream of [running.stdout, running.stderr]) {
    stream.on('data', (chunk) => {
      appendFileSync(log, chunk);
      process.stderr.write(chunk);
      if (stream === running.stdout) last = String(chunk).trim().split('\n').at(-1) ?? last;
    });
  }
  const code = await new Promise((over) => running.once('close', over));
  return {
    source,
    began: began.toISOString(),
    minutes: (Date.now() - began.getTime()) / 60_000,
    green: code === 0,
    line: last,
  };
}

function say(text) {
  process.stdout.write(`${text}\n`);
}
