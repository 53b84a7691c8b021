import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { until } from '../../lab/until.js';
import { World } from './world.js';

/*
 * Completion from a real record: at each place what can be typed there now, and nothing else.
 */

let world: World;
let gated: string;
let failed: string;
let ended: string;

beforeAll(async () => {
  world = await World.start();
  const start = async (second: string, ...more: string[]): Promise<string> => {
    const { id } = await world.json<{ id: string }>([
      ...['start', 'test-desk', '--input', 'first=["/bin/true"]', '--input', `journal=/dev/null`],
      ...['--input', `second=["${second}"]`, '--reason', 'a test', ...more],
    ]);
    return id;
  };
  gated = await world.gatedRun();
  failed = await start('/bin/false');
  ended = await start('/bin/false', '--unattended', 'abort');
  await world.cli(['wait', ended, '--timeout', '30s']);
  await until('the record to know what fails', async () =>
    (await offered('retry', '')).includes(failed),
  );
}, 90_000);
afterAll(() => world?.stop());

/** What the shell is offered behind these words. */
async function offered(...words: string[]): Promise<string[]> {
  const { code, stdout } = await world.typed(['complete', '--', ...words]);
  expect(code).toBe(0);
  return stdout
    .split('\n')
    .filter(Boolean)
    .map((each) => each.split('\t')[0] ?? '');
}

test('runs are those that the verb can be about now', async () => {
  expect(await offered('approve', '')).toEqual(['@latest', gated]);
  expect(await offered('retry', '')).toEqual(['@latest', failed]);
  expect(await offered('take-over', '')).toEqual(['@latest']);
  expect(await offered('resume', '')).toEqual(['@latest']);
  expect(await offered('cancel', '')).toEqual(['@latest', failed, gated]);
  expect(await offered('ack', '')).toEqual(['@latest', failed, gated]);
  expect(await offered('report', '')).toEqual(['@latest', ended, failed, gated]);
  expect(await offered('start', '--from', '')).toEqual([ended, failed, gated]);
}, 60_000);

test('gates and steps are those that wait for the verb; of logs, all', async () => {
  expect(await offered('approve', gated, '')).toEqual(['gate']);
  expect(await offered('retry', gated, '')).toEqual([]);
  expect(await offered('retry', failed, '')).toEqual(['second']);
  expect(await offered('approve', failed, '')).toEqual([]);
  expect(await offered('skip', ended, '')).toEqual([]);
  expect(await offered('logs', ended, '')).toEqual(['first', 'second']);
  expect(await offered('start', '--from', ended, '--at', '')).toEqual(['first', 'second']);
}, 60_000);

test('what is offered for a run is taken', async () => {
  const [, run = ''] = await offered('approve', '');
  const [gate = ''] = await offered('approve', run, '');
  const result = await world.cli(['approve', run, gate, '--as', 'bob', '--reason', 'fine']);
  expect(result).toMatchObject({ code: 0 });
}, 60_000);

test('schedules are those of Temporal, and inputs those of the runbook', async () => {
  const name = `completed-${process.pid}`;
  const made = await world.cli([
    ...['schedule', 'create', name, 'test-commands', '--every', '30d', '--reason', 'a test'],
    ...['--input', 'first=["/bin/true"]', '--input', 'second=["/bin/true"]'],
  ]);
  expect(made).toMatchObject({ code: 0 });
  await until('the schedule to be listed', async () =>
    (await offered('schedule', 'pause', '')).includes(name),
  );
  expect(await offered('schedule', 'create', '')).toEqual([]);
  await world.cli(['schedule', 'delete', name]);
  expect(await offered('start', 'pipeline-recovery', '--input', 'pi')).toEqual(['pipeline=']);
}, 60_000);
