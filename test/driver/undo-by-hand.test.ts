import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { messageNames } from '../../common/defaults.js';
import type { Driver } from '../../testing/driver/driver.js';
import { openDriver } from './open.js';
import {
  answer,
  begin,
  change,
  commands,
  failing,
  lasting,
  runbook,
  states,
  written,
} from './plans.js';
import { activities, status } from './world.js';

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

describe('a step that people have done is undone by people', () => {
  const keyed = (id: string, more: object = {}): object =>
    change(id, {
      ...{ undo: `Stop what ${id} has started`, ...more },
      work: {
        action: { kind: 'command', argv: ['begin', id] },
        undo: { kind: 'command', argv: ['stop-by-key', id] },
      },
    });

  test.each(['at once', 'after a border'])(
    'never by an action of ours, %s; what ours has done is undone by ours',
    async (when) => {
      const plan = runbook([keyed('one'), keyed('two'), lasting('three', {})]);
      const run = begin(driver, plan, failing('two', 'three'));
      await answer(run, 'done');
      if (when === 'after a border') {
        run.signal(messageNames.border);
        await run.advance(500);
      }
      expect(await answer(run, 'rollback')).toMatchObject({ accepted: true });
      await run.advance(50);
      const asking = await status(run);
      const what = 'Stop what two has started (the step was done by hand, so its undo is, too)';
      expect(asking.steps.find(({ id }) => id === 'two')?.undo).toBe(`by hand: ${what}`);
      expect(asking.waitingFor).toMatchObject([
        { kind: 'undo', id: 'two.undo', evidence: { 'what to do': what } },
      ]);
      expect(await answer(run, 'done')).toMatchObject({ accepted: true });
      await run.end();
      expect(states(await status(run))).toMatchObject({ one: 'undone', two: 'undone' });
      expect(commands(run)).toEqual(['one', 'two', 'three', 'one.undo']);
    },
  );

  test('also in groups and for items of a loop, in its turn', async () => {
    const each = {
      ...{ id: 'all', title: 'All', kind: 'forEach', effect: 'change' },
      ...{ items: ['a', 'b'], concurrency: 1, steps: [keyed('do')] },
    };
    const pair = {
      ...{ id: 'pair', title: 'Pair', kind: 'parallel', effect: 'change' },
      steps: [keyed('left'), keyed('right')],
    };
    const broken = ['all/a/do', 'pair/left', 'last'];
    const run = begin(driver, runbook([each, pair, lasting('last')]), failing(...broken));
    await answer(run, 'done');
    await answer(run, 'done');
    await answer(run, 'rollback');
    for (const undo of ['pair/left.undo', 'all/a/do.undo']) {
      await run.advance(50);
      expect((await status(run)).waitingFor).toMatchObject([{ id: undo }]);
      expect(await answer(run, 'done')).toMatchObject({ accepted: true });
    }
    await run.end();
    expect(commands(run).filter((path) => path.endsWith('.undo'))).toEqual([
      ...['pair/right.undo', 'all/b/do.undo'],
    ]);
  });

  test('as the runbook says, where it says that people undo it', async () => {
    const run = begin(driver, spec, failing('two', 'three'));
    await answer(run, 'done');
    await run.advance(50);
    expect((await status(run)).waitingFor).toMatchObject([
      { id: 'two.undo', evidence: { 'what to do': 'Say hello to them.' } },
    ]);
  });

  test('one that is skipped keeps its undo: an attempt of ours may have acted', async () => {
    const run = begin(driver, runbook([keyed('one'), lasting('two')]), failing('one', 'two'));
    await answer(run, 'skip');
    await answer(run, 'rollback');
    await run.end();
    expect(commands(run)).toEqual(['one', 'two', 'one.undo']);
  });

  test('also where nobody could tell what the step was to do', async () => {
    const unknown = keyed('two', { when: 'steps.one.absent == 1' });
    const plan = runbook([change('one'), unknown, lasting('three')]);
    for (const when of ['at once', 'after a border']) {
      const run = begin(driver, plan, failing('three'));
      await answer(run, 'done');
      if (when === 'after a border') {
        run.signal(messageNames.border);
        await run.advance(500);
      }
      await answer(run, 'rollback');
      await run.advance(50);
      expect((await status(run)).waitingFor).toMatchObject([{ id: 'two.undo' }]);
      await answer(run, 'done');
      await run.end();
      expect(commands(run)).toEqual(['one', 'three', 'one.undo']);
    }
  });

  test('also where it had begun in the run that this one was started from', async () => {
    const plan = runbook([keyed('one'), lasting('two')]);
    const real = activities(failing('two'), [plan]);
    const admitted = real['admit'] as unknown as (request: object) => object;
    const dead = {
      ...{ id: 'one', title: 'One', state: 'unknown', attempts: 1, output: null, error: null },
      ...{ takenFrom: 'dead', kind: 'command', effect: 'change' },
    };
    const admit = (request: object): object => ({ ...admitted(request), taken: [dead] });
    const run = begin(driver, plan, undefined, {}, { activities: { ...real, admit } });
    await answer(run, 'done');
    await answer(run, 'rollback');
    await run.advance(50);
    expect((await status(run)).waitingFor).toMatchObject([{ kind: 'undo', id: 'one.undo' }]);
    await answer(run, 'done');
    await run.end();
    expect(commands(run)).toEqual(['two']);
  });
});
