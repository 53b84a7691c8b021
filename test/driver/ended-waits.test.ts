import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { messageNames } from '../../common/defaults.js';
import type { RunView } from '../../common/view.js';
import type { ActivityFunction } from '../../testing/driver/attempt.js';
import type { Driver } from '../../testing/driver/driver.js';
import type { Run } from '../../testing/driver/run.js';
import { outline } from '../../testing/driver/trace.js';
import { openDriver } from './open.js';
import {
  answer,
  begin,
  change,
  commands,
  failing,
  fine,
  gate,
  hand,
  lasting,
  runbook,
  states,
  tell,
} from './plans.js';
import { activities, decision, status, stepFailure, type PlayCommand } from './world.js';

/*
 * What waits for people when its run, or the group around it, is ended: its step ends too, and the
 * record learns of it before anything is undone. A border ends nothing.
 */

let driver: Driver;
beforeAll(async () => {
  driver = await openDriver('workflows/index');
}, 60_000);
afterAll(() => driver?.close());

type Save = { view: RunView };

/** A run, and all that it has saved. */
function saving(steps: readonly object[], play: PlayCommand = fine): { run: Run; saves: Save[] } {
  const spec = runbook(steps);
  const saves: Save[] = [];
  const record = (save: Save): object => {
    saves.push(structuredClone(save));
    return { incomplete: false };
  };
  const real = { ...activities(play, [spec]), record };
  return { run: begin(driver, spec, undefined, {}, { activities: real }), saves };
}

const inOrder = (run: Run): string[] =>
  outline(run.trace).filter((line) => line === 'record' || line.startsWith('command'));

describe('cancelled while it waits', () => {
  test.each([
    ['a gate', gate, 'skipped', 'cancelled while it waited'],
    ['a step by hand', hand, 'skipped', 'cancelled while it waited'],
    ['a step that failed', lasting('hand'), 'failed', 'not there'],
  ])('%s ends with its run, with what ended it', async (_what, step, state, message) => {
    const { run, saves } = saving([change('one'), step], failing('hand'));
    await run.settle();
    expect((await status(run)).waitingFor).toHaveLength(1);
    expect(await tell(run, 'cancel')).toMatchObject({ accepted: true });
    await run.end();
    expect((await status(run)).steps[1]).toMatchObject({ state, error: { message } });
    expect((await status(run)).steps[1]?.endedAt).not.toBeNull();
    expect(saves.at(-1)?.view.steps.find(({ id }) => id !== 'one')).toMatchObject({ state });
    // The decision itself has closed the question in the record.
    const tried = step === gate || step === hand ? [] : ['command hand'];
    expect(inOrder(run)).toEqual([
      ...['command one', ...tried, 'record', 'command one.undo', 'record'],
    ]);
  });

  test('one whose outcome nobody knows stays so', async () => {
    const { run } = saving([lasting('one')], (request, activity) => {
      throw stepFailure(request, activity, 'OutcomeUnknown', 'nobody knows');
    });
    await run.settle();
    await tell(run, 'cancel');
    await run.end();
    expect(states(await status(run))).toEqual({ one: 'unknown' });
  });

  test.each(['by Temporal', 'by its deadline'])(
    '%s: the record learns that nobody is asked any more before anything is undone',
    async (how) => {
      const { run, saves } = saving([change('one'), { ...gate, deadlineMs: 60_000 }]);
      await run.settle();
      if (how === 'by Temporal') run.cancel();
      await run.end();
      expect(inOrder(run)).toEqual([
        ...['command one', 'record', 'record', 'command one.undo', 'record'],
      ]);
      expect(saves[1]?.view).toMatchObject({ waitingFor: [] });
      expect(saves[1]?.view.steps).toMatchObject([{ id: 'gate' }]);
      expect(saves[1]?.view.steps[0]?.state).not.toBe('waiting');
    },
  );

  test('an approval that comes with the cancellation changes nothing', async () => {
    const { run } = saving([change('one'), gate, change('two')]);
    await run.settle();
    run.signal(messageNames.decide, await decision(run));
    run.cancel();
    await run.end();
    expect(commands(run)).toEqual(['one', 'one.undo']);
    expect(states(await status(run))).toMatchObject({ gate: 'skipped' });
  });
});

describe('cancelled in the moment in which it asks', () => {
  const longMs = 2_000;
  const shortMs = 200;

  /** @param order what takes long: the first save, or the judgement */
  async function racing(
    order: { saveMs: number; judgeMs: number },
    step: object,
  ): Promise<{ run: Run; saves: Save[] }> {
    const spec = runbook([change('one'), step]);
    const saves: Save[] = [];
    const real = activities(failing('hand'), [spec]);
    const record: ActivityFunction = async (save, activity) => {
      if (saves.length === 0) await activity.sleep(order.saveMs);
      saves.push(structuredClone(save));
      return { incomplete: false };
    };
    const judged: ActivityFunction = async (request, activity) => {
      await activity.sleep(order.judgeMs);
      return real['judge']?.(request, activity);
    };
    const run = begin(...([driver, spec, undefined, {}] as const), {
      activities: { ...real, record, judge: judged },
    });
    await run.advance(shortMs / 4);
    expect((await status(run)).waitingFor).toHaveLength(1);
    expect(saves).toEqual([]);
    await tell(run, 'cancel');
    await run.end();
    return { run, saves };
  }

  describe.each([
    ['a gate', gate],
    ['a step by hand', hand],
    ['a step that failed', lasting('hand')],
  ])('%s', (_what, step) => {
    test('the first save comes after the decision: another one closes it before anything is undone', async () => {
      const { run, saves } = await racing({ saveMs: longMs, judgeMs: shortMs }, step);
      expect(inOrder(run).slice(-4)).toEqual(['record', 'record', 'command one.undo', 'record']);
      expect(saves.map(({ view }) => view.waitingFor.length)).toEqual([1, 0, 0]);
      expect((await status(run)).state).toBe('cancelled');
    });

    test('the first save comes before the decision, which closes it in the record', async () => {
      const { run, saves } = await racing({ saveMs: shortMs, judgeMs: longMs }, step);
      expect(inOrder(run).slice(-3)).toEqual(['record', 'command one.undo', 'record']);
      expect(saves.map(({ view }) => view.waitingFor.length)).toEqual([1, 0]);
    });
  });
});

describe('beside a branch that fails', () => {
  const both = (asks: object, more: object = {}): object => ({
    ...{ id: 'both', title: 'Both', kind: 'parallel', effect: 'read' },
    steps: [asks, { ...lasting('bad'), effect: 'read', ...more }],
  });
  const slowly =
    (path: string): PlayCommand =>
    async (request, activity) => {
      if (request.step.path === path) await activity.sleep(1_000);
      return failing(path)(request, activity);
    };

  test('a gate is closed in the record before anything is undone', async () => {
    const { run, saves } = saving(
      [change('one'), both(gate, { onFailure: 'rollback' })],
      slowly('both/bad'),
    );
    await run.end();
    expect(inOrder(run)).toEqual([
      ...['command one', 'record', 'command both/bad', 'record', 'command one.undo', 'record'],
    ]);
    expect(saves.map(({ view }) => view.waitingFor.length)).toEqual([1, 0, 0]);
  });

  test('a step by hand is closed in the record, also where the run goes on', async () => {
    const loop = {
      ...{ id: 'all', title: 'All', kind: 'forEach', effect: 'change', items: ['a'] },
      ...{ steps: [both(hand)], maxFailures: 1 },
    };
    const { run, saves } = saving([loop, change('two')], slowly('all/a/both/bad'));
    await run.end();
    expect(commands(run)).toEqual(['all/a/both/bad', 'two']);
    expect(saves.map(({ view }) => view.waitingFor.length)).toEqual([1, 0, 0]);
    expect(states(saves[1]?.view as RunView)).toMatchObject({ 'all/a/both/hand': 'skipped' });
  });
});

test.each([
  ['a gate', gate],
  ['a step by hand', hand],
])('a border leaves %s as it is: open, once, and answered behind it', async (_what, step) => {
  const { run, saves } = saving([change('one'), step, change('two')]);
  await run.settle();
  const before = await status(run);
  run.signal(messageNames.border);
  await run.advance(500);
  expect(outline(run.trace).filter((line) => line.startsWith('continue-as-new'))).toHaveLength(1);
  const after = await status(run);
  expect(after.waitingFor).toEqual(before.waitingFor);
  expect(after.steps[1]).toEqual(before.steps[1]);
  expect(saves).toHaveLength(1);
  await answer(run, step.kind === 'manual' ? 'done' : 'approve');
  expect(await run.result()).toMatchObject({ state: 'succeeded' });
});
