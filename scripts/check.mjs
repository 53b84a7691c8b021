/**
 * The quick check before a commit: types, lint, format, nothing unused, the unit tests and the
 * replay of recorded histories. Needs no server. What passes says only how long it took. Types,
 * lint and format look again only at what has changed since the last call; CI looks at everything.
 */
import { spawn } from 'node:child_process';
import { createRequire } from 'node:module';
import { availableParallelism } from 'node:os';
import { join, resolve } from 'node:path';
import { runJest, summaryLine } from './lib/jest.mjs';

const root = resolve(import.meta.dirname, '..');
process.chdir(root);
const require = createRequire(import.meta.url);
const cache = join('.runbook', 'cache', 'check');

/**
 * @type {{ name: string, run: () => Promise<{ exitCode: number, output: string, line?: string }>
 *   }[]}
 */
const checks = [
  { name: 'unit and replay', run: tests },
  {
    name: 'lint',
    run: () =>
      node('eslint/package.json', 'bin/eslint.js', [
        ...['.', '--cache', '--cache-strategy', 'content'],
        ...['--cache-location', join(cache, 'lint')],
      ]),
  },
  {
    name: 'types',
    run: () =>
      node('typescript-native/package.json', 'bin/tsc', [
        ...['--noEmit', '--incremental', '--tsBuildInfoFile', join(cache, 'types')],
      ]),
  },
  {
    name: 'nothing unused',
    run: () => program(join(root, 'node_modules', 'knip', 'bin', 'knip.js'), []),
  },
  {
    name: 'format',
    run: () =>
      node('prettier/package.json', 'bin/prettier.cjs', [
        ...['--check', '.', '--log-level', 'warn'],
        ...['--cache', '--cache-strategy', 'content', '--cache-location', join(cache, 'format')],
      ]),
  },
];

const started = performance.now();
let failed = 0;
let testLine = '';
const waiting = [...checks];
await Promise.all(Array.from({ length: Math.min(availableParallelism(), 2) }, worker));
process.stdout.write(
  `${failed === 0 ? 'all checks passed' : `${failed} of ${checks.length} checks failed`} in ` +
    `${since(started)}\n`,
);
if (testLine) process.stdout.write(`${testLine}\n`);
process.exitCode = failed === 0 ? 0 : 1;

async function worker() {
  for (let check = waiting.shift(); check; check = waiting.shift()) {
    const begun = performance.now();
    const { exitCode, output, line } = await check.run();
    if (exitCode !== 0) {
      failed += 1;
      process.stdout.write(`${output.trimEnd()}\n`);
    }
    if (line) testLine = line;
    process.stdout.write(
      `${exitCode === 0 ? 'ok  ' : 'FAIL'} ${check.name.padEnd(16)} ${since(begun)}\n`,
    );
  }
}

async function tests() {
  let output = '';
  const result = await runJest(['test/unit', 'test/replay', '--maxWorkers=2'], {
    env: process.env,
    skipsFile: join(root, 'test', 'skips.json'),
    stdio: ['ignore', 'ignore', 'pipe'],
    started: (child) => {
      child.stderr.on('data', (chunk) => {
        output += chunk;
      });
    },
  });
  return {
    exitCode: result.exitCode,
    output: [output, ...result.remarks].join('\n'),
    line: summaryLine(result),
  };
}

/** Runs a package's program with this Node. */
function node(packageFile, file, args) {
  return program(join(require.resolve(packageFile), '..', file), args);
}

function program(file, args) {
  return new Promise((done, reject) => {
    const child = spawn(process.execPath, [file, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (chunk) => {
        output += chunk;
      });
    }
    child.once('error', reject);
    child.once('close', (code) => done({ exitCode: code ?? 1, output }));
  });
}

function since(start) {
  return `${((performance.now() - start) / 1000).toFixed(1)} s`;
}
