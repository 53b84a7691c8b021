import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { RunbookSpec } from '../../language/runbook.js';
import type { Driver } from '../../testing/driver/driver.js';
import type { Run } from '../../testing/driver/run.js';
import { openDriver } from './open.js';
import { answer, begin, change, commands, failing, lasting, runbook } from './plans.js';
import { activities, envelope, status } from './world.js';

/*
 * What becomes a run, and what does not: the reasons of admission, as the run tells them.
 */

let driver: Driver;
beforeAll(async () => {
  driver = await openDriver('workflows/index');
}, 60_000);
afterAll(() => driver?.close());

const spec = runbook([change('one')]);
const nothing = [runbook([lasting('x')], { id: 'other', inputs: {} })];

async function refusal(run: Run): Promise<string> {
  const ending = await run.end();
  if (ending.status !== 'failed') throw new Error(`the run ended as ${ending.status}`);
  expect(commands(run)).toEqual([]);
  return ending.failure.message;
}

const started = (catalogue: RunbookSpec[], more: object = {}): Run =>
  driver.start('told', [{ ...envelope('told', {}), ...more }], {
    activities: activities(failing(), catalogue),
  });

describe('a start', () => {
  test('of a runbook that there is not', async () => {
    expect(await refusal(started(nothing))).toBe(
      'there is no runbook "told". List the runbooks with: runbook list',
    );
  });

  test('with an input that cannot be names it', async () => {
    expect(await refusal(started([spec], { inputs: { word: 'much too long for it' } }))).toMatch(
      /word/,
    );
  });

  test('of a runbook whose nested one there is not', async () => {
    const nested = {
      id: 'nested',
      title: 'Nested',
      kind: 'runbook',
      effect: 'change',
      runbook: 'gone',
    };
    expect(await refusal(started([runbook([nested])]))).toMatch(/gone/);
  });

  test('of another plan than the one that was shown is refused, of that one it is taken', async () => {
    const shown = begin(driver, spec);
    await shown.end();
    const { planDigest } = await status(shown);
    expect(await refusal(started([spec], { digest: 'sha256:other' }))).toMatch(
      /the plan has changed since it was shown/,
    );
    const same = started([spec], { digest: planDigest });
    expect(await same.result()).toMatchObject({ state: 'succeeded' });
  });
});

describe('changed inputs of a live run', () => {
  const inputs = {
    word: { type: 'text', description: 'a word', default: 'hello', maxLength: 10 },
    service: { type: 'target', kind: 'service', description: 'what is changed', default: 'web' },
  };
  const targeted = runbook([lasting('one')], { inputs });

  test.each<[object, RegExp]>([
    [{ service: 'mail' }, /A run keeps its targets: input service cannot be changed/],
    [{ word: 'much too long for it' }, /word/],
    [{ unknown: 1 }, /unknown/],
  ])('%j are refused, with the reason', async (changed, reason) => {
    const run = driver.start('told', [envelope('told', {})], {
      workflowId: 'told-run',
      activities: activities(failing('one'), [...nothing, targeted]),
    });
    await run.settle();
    const verdict = await answer(run, 'retry', { inputs: changed as never });
    expect(verdict).toMatchObject({
      accepted: false,
      code: 'input-refused',
      message: expect.stringMatching(reason),
    });
    expect((await status(run)).waitingFor).toMatchObject([{ id: 'one', attempt: 1 }]);
  });
});
