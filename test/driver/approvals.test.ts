import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { Driver } from '../../testing/driver/driver.js';
import type { Run } from '../../testing/driver/run.js';
import { openDriver } from './open.js';
import { answer, begin, commands, gate, lasting, runbook } from './plans.js';
import { status, stepFailure, type PlayCommand } from './world.js';

/*
 * What a run makes of approvals that a worker finds too old.
 */

let driver: Driver;
beforeAll(async () => {
  driver = await openDriver('workflows/index');
}, 60_000);
afterAll(() => driver?.close());

const parts = (...steps: object[]): object => ({
  ...{ id: 'both', title: 'Both', kind: 'parallel', effect: 'change', steps },
});

/** Refuses the first request of each step. */
function once(): PlayCommand {
  const asked = new Set<string>();
  return (request, activity) => {
    const { path } = request.step;
    if (asked.has(path)) return path;
    asked.add(path);
    throw stepFailure(request, activity, 'ApprovalOutdated', 'too old');
  };
}

const waiting = async (run: Run) => {
  await run.advance(50);
  return (await status(run)).waitingFor[0];
};

describe('an approval that a worker finds too old', () => {
  test('is asked for once more, and the step is done', async () => {
    const run = begin(driver, runbook([gate, lasting('one')]), once());
    await answer(run, 'approve');
    expect(await waiting(run)).toMatchObject({ id: 'gate', attempt: 2 });
    const { steps } = await status(run);
    expect(steps.find(({ id }) => id === 'one')).toMatchObject({ error: { message: 'too old' } });
    await answer(run, 'approve');
    expect(await run.result()).toMatchObject({ state: 'succeeded' });
    expect(commands(run)).toEqual(['one', 'one']);
  });

  test('is asked for once where several steps need it', async () => {
    const run = begin(driver, runbook([gate, parts(lasting('one'), lasting('two'))]), once());
    await answer(run, 'approve');
    expect(await waiting(run)).toMatchObject({ id: 'gate', attempt: 2 });
    await answer(run, 'approve');
    expect(await run.result()).toMatchObject({ state: 'succeeded' });
    expect((await status(run)).decisions).toHaveLength(2);
  });

  test('is asked about at the desk where no gate asks', async () => {
    const run = begin(driver, runbook([lasting('one')]), once());
    expect(await waiting(run)).toMatchObject({ kind: 'failure', id: 'one' });
    await answer(run, 'retry');
    expect(await run.result()).toMatchObject({ state: 'succeeded' });
  });
});
