import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import type { Verdict } from '../../common/envelope.js';
import type { RunView } from '../../common/view.js';
import { until } from '../../lab/until.js';
import { untilFile } from '../helpers/shell.js';
import { World } from './world.js';

/*
 * Orders to a live run, from the command line.
 */

let world: World;
beforeAll(async () => {
  world = await World.start();
}, 60_000);
afterAll(() => world?.stop());

const good = '["/bin/true"]';
const why = ['--reason', 'a test'];

async function start(first: string, second: string, ...more: string[]): Promise<string> {
  const inputs = [`first=${first}`, `second=${second}`, `journal=${world.path('control.txt')}`];
  const argv = [
    'start',
    'test-desk',
    ...inputs.flatMap((input) => ['--input', input]),
    ...why,
    ...more,
  ];
  return (await world.json<{ id: string }>(argv)).id;
}

/** Whatever the state is: the exit code tells it too. */
const status = (run: string): Promise<RunView> => world.json<RunView>(['status', run], [0, 1, 8]);

async function running(run: string, step: string): Promise<void> {
  await until(`${step} to run`, async () =>
    (await status(run)).steps.some(({ id, state }) => id === step && state === 'running'),
  );
}

describe('orders to a live run', () => {
  test('paused, it says what goes on; resumed, it goes on', async () => {
    const file = world.path('pause');
    const run = await start(untilFile(file), good);
    await running(run, 'first');
    expect(await world.cli(['resume', run, ...why])).toMatchObject({
      code: 0,
      stdout: 'The run is not paused.\n',
    });
    expect(await world.cli(['pause', run])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('needs a reason'),
    });
    expect(await world.cli(['pause', run, ...why])).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('first'),
    });
    await writeFile(file, '');
    await until(
      'the first step to end',
      async () => (await status(run)).steps[0]?.state === 'succeeded',
    );
    expect(await status(run)).toMatchObject({ state: 'paused', steps: [{}, { state: 'pending' }] });
    expect(await world.cli(['pause', run, ...why])).toMatchObject({
      code: 0,
      stdout: `The run is paused already.\nGo on with: runbook resume ${run}\n`,
    });
    expect((await world.cli(['resume', run, ...why])).code).toBe(0);
    expect((await world.cli(['wait', run, '--timeout', '20s'])).code).toBe(0);
  }, 60_000);

  test('cancelled and waited for: an undo that fails ends the wait with its question', async () => {
    const folder = world.path('no-file');
    await mkdir(folder);
    const inputs = [`first=${good}`, `second=${untilFile(world.path('never'))}`];
    const given = [...inputs, `journal=${folder}`].flatMap((input) => ['--input', input]);
    const { id: run } = await world.json<{ id: string }>(['start', 'test-desk', ...given, ...why]);
    await running(run, 'second');
    const cancelled = await world.cli(['cancel', run, ...why, '--wait']);
    expect(cancelled).toMatchObject({
      code: 8,
      stdout: expect.stringContaining(`runbook retry ${run} first.undo --digest sha256:`),
    });
    expect((await world.cli(['done', run, ...why])).code).toBe(0);
    expect((await world.cli(['wait', run, '--timeout', '20s'])).code).toBe(130);
  }, 60_000);

  test('rolled back on demand, with what is undone shown first', async () => {
    const file = world.path('rollback');
    const run = await start(good, untilFile(file));
    await running(run, 'second');
    const told = await world.cli(['rollback', run, ...why]);
    expect(told).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('then undone: first'),
    });
    expect(told.stderr).toContain('Undone, in this order:\n  first: Undo it');
    expect((await world.cli(['wait', run, '--timeout', '20s'])).code).toBe(1);
    expect((await status(run)).state).toBe('rolled-back');
    expect(await readFile(world.path('control.txt'), 'utf8')).toBe('undo first\n');
  }, 60_000);

  test('a rollback of nothing is refused before anybody is asked, and sends nothing', async () => {
    const file = world.path('nothing-to-undo');
    const inputs = [`first=${untilFile(file)}`, `second=${good}`];
    const given = inputs.flatMap((input) => ['--input', input]);
    const argv = ['start', 'test-commands', ...given, ...why];
    const { id: run } = await world.json<{ id: string }>(argv);
    await running(run, 'first');
    expect(await world.cli(['rollback', run, ...why])).toMatchObject({
      code: 4,
      stderr: expect.stringMatching(/Nothing of run \S+ can be undone\. Nothing was sent\./),
    });
    expect((await status(run)).decisions).toEqual([]);
    await writeFile(file, '');
    expect((await world.cli(['wait', run, '--timeout', '20s'])).code).toBe(0);
  }, 60_000);

  test('a failed step is tried again with changed inputs, shown as a difference', async () => {
    const run = await start(good, '["/no/such"]');
    expect((await world.cli(['wait', run, '--for', 'decision', '--timeout', '30s'])).code).toBe(0);
    expect(await world.cli(['retry', run, ...why, '--input', 'secnd=x'])).toMatchObject({
      code: 4,
      stderr: expect.stringContaining('there is no input "secnd"'),
    });
    const told = await world.cli(['retry', run, ...why, '--input', `second=${good}`]);
    expect(told.stderr).toContain('second: "[\\"/no/such\\"]" → ');
    expect(told.code).toBe(0);
    expect((await world.cli(['wait', run, '--timeout', '20s'])).code).toBe(0);
    expect(await status(run)).toMatchObject({ state: 'succeeded', inputs: { second: good } });
  }, 60_000);

  test('a run that was aborted is started again from where it was', async () => {
    const trace = world.path('trace');
    const once = JSON.stringify(['/bin/sh', '-c', 'echo did >> "$1"', 'sh', trace]);
    const dead = await start(once, '["/no/such"]');
    expect((await world.cli(['wait', dead, '--for', 'decision', '--timeout', '30s'])).code).toBe(0);
    expect(await world.cli(['start', '--from', dead, ...why])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('has not ended'),
    });
    expect(await world.json<Verdict>(['abort', dead, ...why])).toMatchObject({ accepted: true });
    expect((await world.cli(['wait', dead, '--timeout', '20s'])).code).toBe(1);
    const { id } = await world.json<{ id: string }>([
      'start',
      '--from',
      dead,
      ...why,
      '--input',
      `second=${good}`,
    ]);
    expect((await world.cli(['wait', id, '--timeout', '20s'])).code).toBe(0);
    expect(await status(id)).toMatchObject({
      state: 'succeeded',
      steps: [{ takenFrom: dead }, {}],
    });
    for (const away of [{}, { TEMPORAL_ADDRESS: '127.0.0.1:1' }])
      expect((await world.cli(['status', id], away)).stdout).toContain(
        `taken over from run ${dead}`,
      );
    expect(await readFile(trace, 'utf8')).toBe('did\n');
  }, 60_000);

  test('unattended, a failed step ends the run by itself', async () => {
    const run = await start(good, '["/no/such"]', '--unattended', 'rollback');
    expect((await world.cli(['wait', run, '--timeout', '20s'])).code).toBe(1);
    expect((await status(run)).state).toBe('rolled-back');
  }, 60_000);
});
