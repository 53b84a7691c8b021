import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { digestOf } from '../../language/digest.js';
import type { Plan } from '../../language/plan.js';
import { openPool, recentWorkers } from '../../store/index.js';
import { until } from '../../lab/until.js';
import { programFolder } from '../../worker/config.js';
import { catalogue } from '../../workflows/catalogue.js';
import { World, type CliResult } from './world.js';

/*
 * A library of which one file is broken, and client and worker that do not have the same one.
 */

/** The file of a runbook. @param steps what stands behind `steps:` */
const file = (
  id: string,
  title = 'Rotate the logs',
  steps = '[{ id: rotate, title: Rotate them, command: /bin/true, effect: read }]',
): string => `
runbook: ${id}
version: 1.0.0
title: ${title}
type: MAINTENANCE
priority: LOW
owner: ops
steps: ${steps}
`;

let world: World;
const library = (name: string): string => join(world.folder, name);

beforeAll(async () => {
  world = await World.start({ module: join(programFolder, 'workflows', 'index.js'), catalogue });
  await world.stopWorker();
  const sound = { 'rotate-logs': file('rotate-logs') };
  folder('theirs', { ...sound, 'clean-up': file('clean-up', 'Clean up', '[]') });
  folder('same', sound);
  folder('other', { 'rotate-logs': file('rotate-logs', 'Rotate all logs') });
  folder('more', { ...sound, 'only-here': file('only-here') });
  await world.startWorker(undefined, { RUNBOOK_LIBRARY: library('theirs') });
  const pool = openPool(world.databaseUrl);
  try {
    await until('the worker to report', async () =>
      (await recentWorkers(pool, 60_000)).some((each) => each.library['rotate-logs']),
    );
  } finally {
    await pool.end();
  }
}, 90_000);
afterAll(() => world?.stop());

function folder(name: string, files: Readonly<Record<string, string>>): void {
  mkdirSync(library(name));
  for (const [id, text] of Object.entries(files))
    writeFileSync(join(library(name), `${id}.runbook.yaml`), text);
}

const cli = (library: string | undefined, ...argv: string[]): Promise<CliResult> =>
  world.cli(argv, library === undefined ? {} : { RUNBOOK_LIBRARY: join(world.folder, library) });

const watched = ['--yes', '--watch', '--output', 'jsonl'];
const wrong =
  /runbook "clean-up" cannot be used: clean-up\.runbook\.yaml:8:8: steps must not be empty/;

describe('a broken file', () => {
  test('takes no other runbook from the list, and is named there', async () => {
    const { code, stdout, stderr } = await cli('theirs', 'list');
    expect(code).toBe(1);
    for (const id of ['pipeline-recovery', 'rotate-logs']) expect(stdout).toContain(id);
    expect(stdout).not.toContain('clean-up');
    expect(stderr).toMatch(wrong);
  });

  test.each(['plan', 'start', 'show'])('%s of it says what is wrong, and where', async (verb) => {
    const yes = verb === 'start' ? ['--yes'] : [];
    const result = await cli('theirs', verb, 'clean-up', ...yes);
    expect(result).toMatchObject({ code: 2, stdout: '', stderr: expect.stringMatching(wrong) });
    expect(result.stderr).toMatch(/Next: {2}Correct .*clean-up\.runbook\.yaml/);
  });

  test('keeps no other one from running', async () => {
    const { code, stderr } = await cli('theirs', 'start', 'rotate-logs', ...watched);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  });

  test('is found by doctor', async () => {
    expect(await libraryCheck('theirs')).toMatchObject({
      ...{ state: 'failed', found: expect.stringMatching(wrong) as unknown },
    });
  });
});

describe('a library that is not the one of the workers', () => {
  test.each([
    ['same', undefined],
    ['other', /workers have another rotate-logs than this machine: theirs is shown, and theirs/],
    [undefined, /This machine's library has no rotate-logs: what the workers have is shown/],
  ])('%s: plan and start say so', async (mine, message) => {
    const note = message ? expect.stringMatching(message) : '';
    const yes = ['--yes', '--id', `rotate-${String(mine)}`];
    expect(await cli(mine, 'plan', 'rotate-logs')).toMatchObject({ code: 0, stderr: note });
    expect(await cli(mine, 'start', 'rotate-logs', ...yes)).toMatchObject({ stderr: note });
  });

  test('start of what only this machine has says who lacks it', async () => {
    const { code, stderr } = await cli('more', 'start', 'only-here', '--yes');
    expect(code).toBe(2);
    expect(stderr).toMatch(
      /no runbook "only-here"[^]*This machine has it, the workers of task queue/,
    );
  });

  test.each([
    ['same', 'ok', /1 runbook/],
    ['other', 'warning', /has another rotate-logs/],
    ['more', 'warning', /lacks only-here/],
    [undefined, 'warning', /has rotate-logs, which this machine has not/],
  ])('%s: doctor says so', async (mine, state, found) => {
    expect(await libraryCheck(mine)).toMatchObject({
      ...{ state, found: expect.stringMatching(found) as unknown },
    });
  });
});

describe('a plan in a file', () => {
  test('is started as it is', async () => {
    const file = library('rotate.plan.json');
    const { stderr } = await cli('theirs', 'plan', 'rotate-logs', '-o', file);
    expect(stderr).toContain(`start ${file}`);
    const { plan } = JSON.parse(readFileSync(file, 'utf8')) as { plan: Plan };
    const { stdout } = await cli('theirs', 'start', file, '--yes', '--output', 'json');
    expect(JSON.parse(stdout)).toMatchObject({ started: true, planDigest: plan.digest });
  });

  test('is not started when something else would be done now', async () => {
    const file = library('old.plan.json');
    await cli('theirs', 'plan', 'rotate-logs', '-o', file);
    const written = JSON.parse(readFileSync(file, 'utf8')) as { plan: Plan };
    const { digest: _digest, ...plan } = written.plan;
    const runbook = { ...plan.runbook, version: '0.9.0' };
    const old = { ...plan, runbook, digest: digestOf({ ...plan, runbook }) };
    writeFileSync(file, JSON.stringify({ ...written, plan: old }));
    const before = await cli('theirs', 'runs', '--output', 'json');
    const { code, stderr } = await cli('theirs', 'start', file, '--yes');
    expect({ code, stderr }).toEqual({
      code: 2,
      stderr: expect.stringContaining('runbook rotate-logs is 1.0.0, not 0.9.0') as unknown,
    });
    const after = await cli('theirs', 'runs', '--output', 'json');
    expect(JSON.parse(after.stdout)).toHaveLength((JSON.parse(before.stdout) as unknown[]).length);
  });
});

async function libraryCheck(mine: string | undefined): Promise<{ state: string; found: string }> {
  const { stdout } = await cli(mine, 'doctor', '--output', 'json');
  const { checks } = JSON.parse(stdout) as {
    checks: { name: string; state: string; found: string }[];
  };
  return checks.find(({ name }) => name === 'library') ?? { state: 'absent', found: '' };
}
