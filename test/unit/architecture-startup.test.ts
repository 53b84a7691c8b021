import { expect, test } from '@jest/globals';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { pathToFileURL } from 'node:url';

/*
 * Help must be there at once: loading Temporal's client costs 0.2 s and its native core 0.4 s. The
 * command line is packed into parts, and the build says which files each of them holds.
 */
const recorder = join(import.meta.dirname, '..', 'helpers', 'record-imports.mjs');
const dist = join(import.meta.dirname, '..', '..', 'dist');
const main = join(dist, 'client', 'main.js');
const parts = join(dist, 'client', 'chunks');

interface Part {
  holds: string[];
  /** Parts that are loaded before it runs. */
  loads: string[];
}
const contents = JSON.parse(readFileSync(join(parts, 'contents.json'), 'utf8')) as Record<
  string,
  Part
>;

/** Runs the command line. @returns also the files that it loaded, from `dist` */
function loadedBy(args: readonly string[]): {
  status: number | null;
  stdout: string;
  files: string[];
} {
  const folder = mkdtempSync(join(tmpdir(), 'runbook-startup-'));
  try {
    const imports = join(folder, 'imports');
    const { status, stdout } = spawnSync(
      process.execPath,
      ['--no-warnings', '--experimental-loader', recorder, main, ...args],
      {
        encoding: 'utf8',
        env: {
          PATH: process.env['PATH'],
          HOME: folder,
          RUNBOOK_HOME: folder,
          LOADED_IMPORTS_FILE: imports,
        },
      },
    );
    const loaded = readFileSync(imports, 'utf8').split('\n');
    const files = loaded.flatMap((url) =>
      url.startsWith(pathToFileURL(parts).href) ? (contents[basename(url)]?.holds ?? []) : [url],
    );
    return { status, stdout, files };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const ofSdk = (files: readonly string[]): string[] =>
  files.filter((file) => file.includes('node_modules/@temporalio/'));
const noServer = ['--address', '127.0.0.1:1', '--yes'];

test('the recorder sees the SDK when it is loaded', () => {
  const { files } = loadedBy(['start', 'pipeline-recovery', ...noServer]);
  expect(ofSdk(files).length).toBeGreaterThan(10);
});

test.each([
  [['--help']],
  [['--version']],
  [['start', '--help']],
  [['list']],
  [['show', 'pipeline-recovery']],
  [['completion', 'bash']],
])('runbook %j loads no part of the SDK', (args) => {
  const { status, stdout, files } = loadedBy(args);
  expect(status).toBe(0);
  expect(stdout.length).toBeGreaterThan(0);
  expect(files).toContain('client/program.js');
  expect(ofSdk(files)).toEqual([]);
});

test('the start of a runbook by its id does not load what reads files', () => {
  const readsFiles = (runbook: string): boolean =>
    loadedBy(['start', runbook, ...noServer]).files.some((file) => file.includes('/zod/'));
  expect([readsFiles('pipeline-recovery'), readsFiles('./none.json')]).toEqual([false, true]);
});

test('lint loads no SDK, and the parser of shells only where there is a script', () => {
  const examples = join(import.meta.dirname, '..', '..', 'examples', 'runbooks');
  const parsers = (name: string): string[] => {
    const { status, files } = loadedBy(['lint', join(examples, `${name}.runbook.yaml`)]);
    expect([name, status, ofSdk(files)]).toEqual([name, 0, []]);
    return files.filter((file) => file.includes('sh-syntax'));
  };
  expect(parsers('service-restart')).toEqual([]);
  expect(parsers('postgres-backup').length).toBeGreaterThan(0);
});

/** The files that a part loads before it runs. */
function loadedFirst(part: string, found = new Set<string>()): string[] {
  if (found.has(part)) return [];
  found.add(part);
  const { holds = [], loads = [] } = contents[part] ?? {};
  return [...holds, ...loads.flatMap((each) => loadedFirst(each, found))];
}

test('until its verb is known, the command line loads no runbooks, kinds, expressions or records', () => {
  const heavy = (part: string): string[] =>
    loadedFirst(part).filter((file) =>
      /^(language\/(kinds|expression|document)|store|workflows)\//.test(file),
    );
  const partOf = (file: string): string =>
    Object.keys(contents).find((part) => contents[part]?.holds.includes(file)) ?? '';
  expect(loadedFirst('main.js')).toContain('client/program.js');
  expect(heavy('main.js')).toEqual([]);
  expect(heavy(partOf('client/plan-text.js')).length).toBeGreaterThan(20);
});
