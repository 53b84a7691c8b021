import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { RunSummary } from '../../common/view.js';
import type { Left } from '../../common/left.js';
import { World } from './world.js';

/*
 * A run that did not end as it was meant to says what it has left changed, wherever one looks.
 */

let world: World;
beforeAll(async () => {
  world = await World.start();
}, 60_000);
afterAll(() => world?.stop());

async function ended(second: string): Promise<string> {
  const { id } = await world.json<{ id: string }>([
    ...['start', 'test-commands', '--input', 'first=["/bin/true"]'],
    ...['--input', `second=["${second}"]`, '--unattended', 'abort', '--reason', 'x', '--yes'],
  ]);
  await world.cli(['wait', id, '--timeout', '20s']);
  return id;
}

test('what is left stands in status, wait, watch, report and the list, with how to take it back', async () => {
  const run = await ended('/bin/false');
  const line =
    'first (First command): left as it is; it has no undo: look at the target, and decide';
  const { left } = await world.json<{ left: Left[] }>(['status', run], [1]);
  expect(left).toMatchObject([
    { step: 'first', state: 'succeeded' },
    { step: 'second', state: 'failed', what: 'it may have changed something' },
  ]);
  for (const argv of [
    ['status', run],
    ['wait', run],
    ['watch', run],
    ['report', run],
    ['report', run, '--format', 'html'],
    ['report', run, '--format', 'json'],
  ]) {
    const said = (await world.cli(argv)).stdout.replace(/\s+/g, ' ');
    const parts = argv.includes('json') ? left.map(({ what }) => what) : [line];
    for (const part of parts) expect([argv, said]).toEqual([argv, expect.stringContaining(part)]);
  }
  const status = (await world.cli(['status', run])).stdout;
  expect(status).toMatch(/^! +first +First command +succeeded, left/m);
  expect((await world.json<RunSummary[]>(['runs', '--state', 'failed']))[0]).toMatchObject({
    id: run,
    left: 2,
  });
  expect((await world.cli(['runs', '--state', 'failed'])).stdout).toContain('failed (2 left)');
}, 60_000);

test('a run that ended as it was meant to has left nothing', async () => {
  const run = await ended('/bin/true');
  expect((await world.json<{ left: Left[] }>(['status', run])).left).toEqual([]);
  expect((await world.cli(['status', run])).stdout).not.toMatch(/left|taken back/);
  const [listed] = await world.json<RunSummary[]>(['runs', '--state', 'succeeded']);
  expect(listed).not.toHaveProperty('left');
}, 60_000);
