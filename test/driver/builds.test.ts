import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { AttemptRequest, Builds } from '../../common/attempt.js';
import { digestOf } from '../../language/digest.js';
import type { Driver } from '../../testing/driver/driver.js';
import { openDriver } from './open.js';
import { answer, begin, change, gate, lasting, runbook } from './plans.js';
import { status, stepFailure, type PlayCommand } from './world.js';

/*
 * What each step names of what its run was told before, so that the record can confirm it.
 */

let driver: Driver;
beforeAll(async () => {
  driver = await openDriver('workflows/index');
}, 60_000);
afterAll(() => driver?.close());

const of = (path: string, attempt = 1) => ({ path, attempt, digest: digestOf(path) });
const ended = (path: string) => ({ path, attempt: 0, digest: null });

/**
 * Answers with the step's path, and keeps what the requests name.
 * @param fail the type of failure, for some of them
 */
function keeping(
  fail: (request: AttemptRequest, times: number) => string | undefined = () => undefined,
) {
  const named: Record<string, (Builds | undefined)[]> = {};
  const play: PlayCommand = (request, activity) => {
    const { path } = request.step;
    const times = (named[path] ??= []).push(request.builds);
    const type = fail(request, times);
    if (type) throw stepFailure(request, activity, type as 'NotConfirmed', 'said so');
    return path;
  };
  return { named, play };
}

describe('a step names', () => {
  test('the answers since the last one that succeeded, and decisions', async () => {
    const all = { id: 'all', title: 'All', kind: 'parallel', effect: 'change' };
    const steps = [
      lasting('one'),
      gate,
      { ...all, steps: [lasting('a'), lasting('b')] },
      lasting('last'),
    ];
    const { named, play } = keeping();
    const run = begin(driver, runbook(steps), play);
    await answer(run, 'approve', { by: 'approver' });
    expect(await run.result()).toMatchObject({ state: 'succeeded' });
    const [decision] = (await status(run)).decisions;
    const before = { answers: [of('one')], decisions: [decision?.id] };
    expect(named).toEqual({
      one: [{ answers: [], decisions: [] }],
      ...{ 'all/a': [before], 'all/b': [before] },
      last: [{ answers: [of('all/a'), of('all/b')], decisions: [] }],
    });
  });

  test('also what an execution before it was told', async () => {
    const { named, play } = keeping();
    const run = begin(driver, runbook([lasting('one'), gate, lasting('two')]), play);
    await run.advance(50);
    run.signal('border');
    await answer(run, 'approve', { by: 'approver' });
    expect(await run.result()).toMatchObject({ state: 'succeeded' });
    expect(named['two']).toMatchObject([{ answers: [of('one')] }]);
  });

  test('the decision to go on with what the record did not confirm', async () => {
    const fail = ({ step }: AttemptRequest, times: number) =>
      step.path === 'two' && times === 1 ? 'NotConfirmed' : undefined;
    const { named, play } = keeping(fail);
    const run = begin(driver, runbook([lasting('one'), lasting('two')]), play);
    await answer(run, 'retry');
    expect(await run.result()).toMatchObject({ state: 'succeeded' });
    const [decision] = (await status(run)).decisions;
    expect(named['two']).toEqual([
      { answers: [of('one')], decisions: [] },
      { answers: [of('one')], decisions: [decision?.id], despite: decision?.id },
    ]);
  });

  test('when it is undone, only what must not run any more', async () => {
    const fail = ({ step }: AttemptRequest) => (step.path === 'two' ? 'CommandMissing' : undefined);
    const { named, play } = keeping(fail);
    const run = begin(driver, runbook([change('one'), change('two')]), play);
    await answer(run, 'rollback');
    await run.end();
    expect(named['two.undo']).toEqual([{ answers: [ended('two'), ended('one')], decisions: [] }]);
    expect(named['one.undo']?.[0]).toMatchObject({ decisions: [] });
  });
});
