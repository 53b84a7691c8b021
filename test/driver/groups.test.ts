import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { messageNames } from '../../common/defaults.js';
import type { Driver } from '../../testing/driver/driver.js';
import type { Run } from '../../testing/driver/run.js';
import { openDriver } from './open.js';
import { answer, begin, commands, states, tell, written } from './plans.js';
import { status, stepFailure, type PlayCommand } from './world.js';

/*
 * What belongs together: steps that last as long as their group, and items that may fail.
 */

let driver: Driver;
beforeAll(async () => {
  driver = await openDriver('workflows/index');
}, 60_000);
afterAll(() => driver?.close());

/** Steps at these paths fail for good; every step takes a second. */
const failing =
  (...paths: string[]): PlayCommand =>
  async (request, activity) => {
    await activity.sleep(1_000);
    if (paths.includes(request.step.path))
      throw stepFailure(request, activity, 'CommandMissing', 'not there');
    return request.step.path;
  };

const asked = (run: Run, path: string): boolean => commands(run).includes(path);

/** Lets time pass until the step has been asked for. */
async function advanceTo(run: Run, path: string): Promise<void> {
  for (let ms = 0; !asked(run, path); ms += 100) {
    if (ms > 60_000) throw new Error(`${path} was not asked for`);
    await run.advance(100);
  }
}

async function ended(run: Run) {
  await run.result().catch(() => undefined);
  return status(run);
}

describe('a temporary step', () => {
  const spec = (onFailure = 'ask', more = '') =>
    written(
      '  - id: group',
      '    title: Group',
      '    steps:',
      '      - { id: on, command: on, effect: change, undo: { command: off }, temporary: true }',
      '      - { id: too, command: too, effect: change, undo: { command: not }, temporary: true }',
      `      - { id: work, command: work, effect: change, undo: { command: back }${more} }`,
      `      - { id: check, command: check, effect: read, onFailure: ${onFailure} }`,
      '  - { id: after, title: After, command: after, effect: read }',
    );
  const done = ['group/on', 'group/too', 'group/work', 'group/check'];
  const back = ['group/too.undo', 'group/on.undo'];

  test('is undone behind its group, also over a border in the middle of that', async () => {
    const run = begin(driver, spec(), failing());
    await advanceTo(run, 'group/too.undo');
    run.signal(messageNames.border);
    const view = await ended(run);
    expect(view.state).toBe('succeeded');
    expect(states(view)).toMatchObject({ 'group/on': 'undone', 'group/work': 'succeeded' });
    expect(view.steps.find(({ id }) => id === 'group/on')?.output).toBe('group/on');
    expect(commands(run)).toEqual([...done, ...back, 'after']);
  });

  test('that cannot be undone asks, and what stays is an exception', async () => {
    const run = begin(driver, spec(), failing('group/on.undo'));
    await run.settle();
    for (let ms = 0; (await status(run)).waitingFor.length === 0 && ms < 60_000; ms += 1_000)
      await run.advance(1_000);
    expect((await status(run)).waitingFor).toMatchObject([{ kind: 'undo', id: 'group/on.undo' }]);
    await answer(run, 'skip');
    const view = await ended(run);
    expect(view.state).toBe('succeeded-with-exceptions');
    expect(commands(run).at(-1)).toBe('after');
  });

  test('outlasts a point of no return', async () => {
    const run = begin(driver, spec('ask', ', pointOfNoReturn: it is gone'), failing());
    expect((await ended(run)).state).toBe('succeeded');
    expect(commands(run)).toEqual([...done, ...back, 'after']);
  });

  test.each(['ask', 'rollback'])(
    'goes first when its group fails (%s), and the rest follows over a border',
    async (onFailure) => {
      const run = begin(driver, spec(onFailure), failing('group/check'));
      await advanceTo(run, 'group/check');
      if (onFailure === 'ask') {
        await run.advance(2_000);
        await answer(run, 'rollback');
      }
      await advanceTo(run, 'group/too.undo');
      run.signal(messageNames.border);
      expect((await ended(run)).state).toBe('rolled-back');
      expect(commands(run)).toEqual([...done, ...back, 'group/work.undo']);
    },
  );

  test('goes first when the run is cancelled, also over a border in the middle of that', async () => {
    const run = begin(driver, spec(), failing('group/check'));
    await advanceTo(run, 'group/check');
    await run.advance(2_000);
    await tell(run, 'cancel');
    await advanceTo(run, 'group/too.undo');
    run.signal(messageNames.border);
    expect((await ended(run)).state).toBe('cancelled');
    expect(commands(run)).toEqual([...done, ...back, 'group/work.undo']);
  });

  test('stays where people leave everything as it is', async () => {
    const asking = begin(driver, spec(), failing('group/check'));
    await advanceTo(asking, 'group/check');
    await asking.advance(2_000);
    await answer(asking, 'abort');
    expect((await ended(asking)).state).toBe('failed');
    expect(commands(asking)).toEqual(done);
    const running = begin(driver, spec(), failing());
    await advanceTo(running, 'group/work');
    await tell(running, 'abort');
    expect((await ended(running)).state).toBe('cancelled');
    expect(commands(running)).toEqual(['group/on', 'group/too', 'group/work']);
  });
});

describe('items that may fail', () => {
  const spec = written(
    '  - id: outer',
    '    title: Outer',
    '    forEach: [a, b]',
    '    concurrency: 1',
    '    maxFailures: 1',
    '    steps:',
    '      - id: inner',
    '        forEach: [x, y]',
    '        concurrency: 1',
    '        maxFailures: 50%',
    '        steps: [{ id: try, command: try, effect: read, retry: 1 }]',
    '      - { id: then, command: then, effect: read, retry: 1 }',
    '  - { id: after, title: After, command: after, effect: read }',
  );

  test('fail by themselves, each loop for its own, also over a border', async () => {
    const run = begin(driver, spec, failing('outer/a/inner/x/try', 'outer/b/then'));
    await advanceTo(run, 'outer/b/inner/x/try');
    run.signal(messageNames.border);
    const view = await ended(run);
    expect(view.state).toBe('succeeded');
    expect(states(view)).toMatchObject({
      ...{ 'outer/a/inner/x/try': 'failed', 'outer/b/then': 'failed', after: 'succeeded' },
    });
  });

  test('one too many asks', async () => {
    const run = begin(
      driver,
      spec,
      failing('outer/a/inner/x/try', 'outer/a/inner/y/try', 'outer/b/then'),
    );
    await advanceTo(run, 'outer/a/inner/y/try');
    await run.advance(3_000);
    expect((await status(run)).waitingFor).toMatchObject([{ id: 'outer/a/inner/y/try' }]);
    await answer(run, 'abort');
    expect((await ended(run)).state).toBe('failed');
  });
});

test('a loop that would begin when its run ends already is left, and the run ends', async () => {
  const spec = written(
    '  - id: outer',
    '    title: Outer',
    '    forEach: [a, b]',
    '    concurrency: 1',
    '    steps:',
    '      - { id: first, set: { n: 1 } }',
    '      - id: inner',
    '        forEach: [x, y]',
    '        concurrency: 1',
    '        steps: [{ id: try, command: try, effect: read, retry: 1, onFailure: abort }]',
  );
  const run = begin(driver, spec, failing('outer/a/inner/x/try'));
  expect((await ended(run)).state).toBe('failed');
  expect(commands(run)).toEqual(['outer/a/inner/x/try']);
});
