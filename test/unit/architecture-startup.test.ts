import { expect, test } from '@jest/globals';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';

/*
 * Help must be there at once: loading Temporal's client costs 0.2 s and its native core 0.4 s. All
 * of @temporalio/* is CommonJS, so the process's own module cache tells what was loaded.
 */
const recorder = join(import.meta.dirname, '..', 'helpers', 'record-requires.cjs');
const main = join(import.meta.dirname, '..', '..', 'dist', 'client', 'main.js');

function loadedBy(args: string[]): {
  status: number | null;
  stdout: string;
  temporal: string[];
  modules: string[];
  /** Addresses of what was imported, where the recorder of imports was there. */
  imports: string;
} {
  const folder = mkdtempSync(join(tmpdir(), 'runbook-startup-'));
  try {
    const file = join(folder, 'modules.json');
    const imports = join(folder, 'imports');
    const { status, stdout } = spawnSync(process.execPath, ['--require', recorder, ...args], {
      encoding: 'utf8',
      env: {
        PATH: process.env['PATH'],
        HOME: folder,
        RUNBOOK_HOME: folder,
        LOADED_MODULES_FILE: file,
        LOADED_IMPORTS_FILE: imports,
      },
    });
    const modules = JSON.parse(readFileSync(file, 'utf8')) as string[];
    return {
      status,
      stdout,
      modules,
      imports: existsSync(imports) ? readFileSync(imports, 'utf8') : '',
      temporal: modules.filter((path) => path.includes('@temporalio')),
    };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

test('the recorder sees the SDK when it is loaded', () => {
  const { temporal } = loadedBy([
    '--input-type=module',
    '--eval',
    `await import('@temporalio/client')`,
  ]);
  expect(temporal.length).toBeGreaterThan(10);
});

test.each([
  [['--help']],
  [['--version']],
  [['start', '--help']],
  [['list']],
  [['show', 'pipeline-recovery']],
  [['completion', 'bash']],
])('runbook %j loads no part of the SDK', (args) => {
  const { status, stdout, temporal } = loadedBy([main, ...args]);
  expect(status).toBe(0);
  expect(stdout.length).toBeGreaterThan(0);
  expect(temporal).toEqual([]);
});

const importRecorder = join(import.meta.dirname, '..', 'helpers', 'record-imports.mjs');

test('the start of a runbook by its id does not load what reads files', () => {
  const readsFiles = (runbook: string): boolean => {
    const args = ['--no-warnings', '--experimental-loader', importRecorder, main, 'start', runbook];
    return loadedBy([...args, '--address', '127.0.0.1:1', '--yes']).imports.includes('/zod/');
  };
  expect([readsFiles('pipeline-recovery'), readsFiles('./none.json')]).toEqual([false, true]);
});

/** The built files that a file loads before it runs: what it imports, and what they import. */
function loadedFirst(file: string, found = new Set<string>()): Set<string> {
  if (found.has(file)) return found;
  found.add(file);
  const imported = readFileSync(file, 'utf8').matchAll(/^(?:import|export)\b[^;]*?'(\.[^']+)';/gm);
  for (const [, path = ''] of imported) loadedFirst(join(dirname(file), path), found);
  return found;
}

test('until its verb is known, the command line loads no runbooks, kinds, expressions or records', () => {
  const dist = join(import.meta.dirname, '..', '..', 'dist');
  const heavy = (file: string): string[] =>
    [...loadedFirst(join(dist, file))]
      .map((each) => relative(dist, each))
      .filter((each) => /^(language\/(kinds|expression|document)|store|workflows)\//.test(each));
  // Each of them costs half a millisecond, and there are a hundred.
  expect(heavy('client/main.js')).toEqual([]);
  expect(heavy('client/plan-text.js').length).toBeGreaterThan(20);
});
