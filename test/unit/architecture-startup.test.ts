import { expect, test } from '@jest/globals';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

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
} {
  const folder = mkdtempSync(join(tmpdir(), 'runbook-startup-'));
  try {
    const file = join(folder, 'modules.json');
    const { status, stdout } = spawnSync(process.execPath, ['--require', recorder, ...args], {
      encoding: 'utf8',
      env: {
        PATH: process.env['PATH'],
        HOME: folder,
        RUNBOOK_HOME: folder,
        LOADED_MODULES_FILE: file,
      },
    });
    const modules = JSON.parse(readFileSync(file, 'utf8')) as string[];
    return {
      status,
      stdout,
      modules,
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
