import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { Driver } from '../../testing/driver/driver.js';
import { openDriver } from './open.js';
import { answer, begin, commands, failing, states, written } from './plans.js';
import { status } from './world.js';

/*
 * Undos that people do: they are asked when it is their turn, and what they answer decides.
 */

let driver: Driver;
beforeAll(async () => {
  driver = await openDriver('workflows/index');
}, 60_000);
afterAll(() => driver?.close());

const spec = written(
  '  - { id: one, title: One, command: one, effect: change, undo: { command: back one } }',
  '  - id: two',
  '    title: Two',
  '    command: two',
  '    effect: change',
  '    undo: { manual: "Say ${inputs.word} to them." }',
  '  - { id: three, title: Three, command: three, effect: change, undo: { none: it stays }, onFailure: rollback }',
);

test('people are asked in their turn, and told what to do', async () => {
  const run = begin(driver, spec, failing('three'));
  await run.settle();
  const asking = await status(run);
  expect(asking.steps.find(({ id }) => id === 'two')?.undo).toBe('by hand: Say hello to them.');
  expect(asking.waitingFor).toMatchObject([
    {
      ...{ kind: 'undo', id: 'two.undo', title: 'Two: undo it by hand' },
      evidence: { 'what to do': 'Say hello to them.', done: 'goes on; you undid it' },
    },
  ]);
  expect(commands(run)).toEqual(['one', 'two', 'three']);
  expect(await answer(run, 'retry')).toMatchObject({ accepted: true });
  expect((await status(run)).waitingFor).toMatchObject([{ id: 'two.undo', attempt: 2 }]);
  expect(await answer(run, 'done')).toMatchObject({ accepted: true });
  await run.result().catch(() => undefined);
  const view = await status(run);
  expect(view).toMatchObject({ state: 'rolled-back' });
  expect(states(view)).toMatchObject({ one: 'undone', two: 'undone' });
  expect(commands(run).at(-1)).toBe('one.undo');
});

test.each([
  ['skip', 'undone'],
  ['abort', 'succeeded'],
] as const)('%s leaves it as it is, and the end says so', async (verb, one) => {
  const run = begin(driver, spec, failing('three'));
  await run.settle();
  expect(await answer(run, verb)).toMatchObject({ accepted: true });
  expect(await run.result().catch(() => null)).toBeNull();
  const view = await status(run);
  expect(view).toMatchObject({
    state: 'failed',
    problem: { message: expect.stringContaining('could not be undone: two') },
  });
  expect(states(view)).toMatchObject({ one, two: 'failed' });
});

test('nobody is asked in a run that nobody attends: what is left is told', async () => {
  const run = begin(driver, spec, failing('three'), { unattended: 'rollback' });
  await run.result().catch(() => undefined);
  const view = await status(run);
  expect(view.problem?.message).toContain('could not be undone: two');
  expect(states(view)).toMatchObject({ one: 'undone', two: 'failed' });
});
