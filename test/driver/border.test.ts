import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { ApplicationFailure } from '@temporalio/common';
import type { BorderLimits } from '../../common/admission.js';
import { messageNames } from '../../common/defaults.js';
import type { ActivityFunction } from '../../testing/driver/attempt.js';
import type { Driver } from '../../testing/driver/driver.js';
import type { Run } from '../../testing/driver/run.js';
import type { RunOptions } from '../../testing/driver/server.js';
import { outline } from '../../testing/driver/trace.js';
import { openDriver } from './open.js';
import {
  about,
  answer,
  begin,
  change,
  commands,
  fine,
  gate,
  runbook,
  send,
  tell,
} from './plans.js';
import { activities, status, type PlayCommand } from './world.js';

/*
 * When a run continues as new, and when it does not: its history stays bounded, and nobody who
 * watches can tell.
 */

let driver: Driver;
beforeAll(async () => {
  driver = await openDriver('workflows/index');
}, 60_000);
afterAll(() => driver?.close());

const spec = runbook([change('one'), gate, change('two')]);
const far = 1_000_000_000;
/** About what an event takes, on the driver. */
const bytesPerEvent = 200;

function bounded(
  border: Partial<BorderLimits>,
  play: PlayCommand = fine,
  options: Partial<RunOptions> = {},
): Run {
  const limits = { events: far, bytes: far, signals: far, ...border };
  return begin(
    driver,
    spec,
    undefined,
    {},
    { activities: activities(play, [spec], limits), ...options },
  );
}

const borders = (run: Run): number =>
  outline(run.trace).filter((line) => line.startsWith('continue-as-new')).length;
const junk = (run: Run, count: number): void => {
  for (let sent = 0; sent < count; sent += 1) run.signal('junk', { sent });
};

describe('a run continues as new', () => {
  test.each<[string, Partial<BorderLimits>, Partial<RunOptions>, (run: Run) => void]>([
    ['when its history has many events', { events: 60 }, {}, (run) => junk(run, 40)],
    ['when its history is large', { bytes: 60 * bytesPerEvent }, {}, (run) => junk(run, 40)],
    ['when it has had many signals', { signals: 40 }, {}, (run) => junk(run, 40)],
    ['when Temporal suggests it', {}, { suggestContinueAsNewAt: 60 }, (run) => junk(run, 40)],
    [
      'when another version of the workers is current',
      {},
      {},
      (run) => (run.newVersion(), junk(run, 1)),
    ],
    ['when it is asked to', {}, {}, (run) => run.signal(messageNames.border)],
  ])('%s, and asks what it asked before', async (_name, limits, options, cause) => {
    const run = bounded(limits, fine, options);
    await run.advance(1_000);
    junk(run, 1);
    await run.advance(1_000);
    const before = await status(run);
    expect(borders(run)).toBe(0);
    cause(run);
    await run.advance(1_000);
    expect(borders(run)).toBe(1);
    const after = await status(run);
    expect(after.waitingFor).toEqual(before.waitingFor);
    expect(after.decisions.length).toBeGreaterThanOrEqual(before.decisions.length);
    await answer(run, 'approve');
    expect(await run.result()).toMatchObject({ state: 'succeeded' });
    expect(commands(run)).toEqual(['one', 'two']);
  });

  test.each(['events', 'bytes', 'signals'] as const)(
    'at its limit of %s, and not one before',
    async (name) => {
      /** @returns what the run had come to when it waited at its gate */
      const waiting = async (limit: number): Promise<[number, number]> => {
        let bytesAtFirst = 0;
        const run: Run = bounded({ [name]: limit }, ({ step }) => {
          bytesAtFirst ||= run.historyTold.bytes;
          return step.path;
        });
        await run.advance(1_000);
        junk(run, 5);
        await run.advance(1_000);
        const { length, bytes } = run.historyTold;
        return [borders(run), { events: length, bytes: bytes - bytesAtFirst, signals: 5 }[name]];
      };
      const [none, reached] = await waiting(far);
      expect(none).toBe(0);
      expect((await waiting(reached))[0]).toBe(1);
      expect((await waiting(reached + 1))[0]).toBe(0);
    },
  );

  test('after a thousand events when nobody says otherwise: that is how much whoever takes it over replays', async () => {
    const run = begin(driver, spec, undefined, {}, { activities: activities(fine, [spec]) });
    await run.advance(1_000);
    for (let most = 0; borders(run) === 0; most = run.historyTold.length) {
      expect(most).toBeLessThan(1_000);
      junk(run, 1);
      await run.advance(100);
    }
    await answer(run, 'approve');
    expect(await run.result()).toMatchObject({ state: 'succeeded' });
  });

  test('and inputs that are changed while it is about to are not lost', async () => {
    const played = runbook([gate, change('two')]);
    let broken = true;
    const real = activities(
      ({ action }) => {
        if (broken)
          throw ApplicationFailure.create({
            type: 'CommandMissing',
            message: 'not there',
            nonRetryable: true,
          });
        return action.argv[1] ?? null;
      },
      [played],
      { events: far, bytes: far, signals: far },
    );
    const judge: ActivityFunction = async (request, activity) => {
      await activity.sleep(200);
      return real['judge']?.(request, activity);
    };
    const run = begin(driver, played, undefined, {}, { activities: { ...real, judge } });
    await run.advance(50);
    send(run, 'approve', await about(run));
    await run.advance(1_000);
    broken = false;
    send(run, 'retry', { ...(await about(run)), inputs: { word: 'world' } });
    run.signal(messageNames.border);
    await run.advance(1_000);
    expect(await status(run)).toMatchObject({
      inputs: { word: 'world' },
      waitingFor: [{ id: 'gate', attempt: 2 }],
    });
    send(run, 'approve', await about(run));
    await run.end();
    expect((await status(run)).steps.at(-1)?.output).toBe('world');
  });

  test('in a flood of signals only when it pauses, or after half a minute', async () => {
    const run = bounded({});
    await run.advance(1_000);
    const begun = run.now;
    run.signal(messageNames.border);
    for (let ms = 0; ms < 29_000; ms += 50) {
      junk(run, 1);
      await run.advance(50);
    }
    expect(borders(run)).toBe(0);
    for (let ms = 29_000; ms < 31_000 && borders(run) === 0; ms += 50) {
      junk(run, 1);
      await run.advance(50);
    }
    expect(run.now - begun).toBe(30_000);

    const calm = bounded({});
    await calm.advance(1_000);
    junk(calm, 1);
    calm.signal(messageNames.border);
    await calm.advance(90);
    expect(borders(calm)).toBe(0);
    await calm.advance(20);
    expect(borders(calm)).toBe(1);
  });

  test('not while anything is in flight: a step, the record, a decision that is judged', async () => {
    const slow = async (activity: { sleep(ms: number): Promise<void> }): Promise<void> =>
      activity.sleep(10_000);
    const real = activities(
      async ({ step }, activity) => {
        await slow(activity);
        return step.path;
      },
      [spec],
    );
    const run = begin(
      driver,
      spec,
      undefined,
      {},
      {
        activities: {
          ...real,
          record: async (_request, activity) => {
            await slow(activity);
            return { incomplete: false };
          },
          judge: async (request, activity) => {
            await slow(activity);
            return real['judge']?.(request, activity);
          },
        },
      },
    );
    await run.advance(5_000);
    run.signal(messageNames.border);
    await run.advance(4_900);
    expect([borders(run), (await status(run)).steps[0]?.state]).toEqual([0, 'running']);
    // The gate's question is being written to the record.
    await run.advance(5_000);
    expect([borders(run), (await status(run)).waitingFor.length]).toEqual([0, 1]);
    await run.advance(6_000);
    expect([borders(run), commands(run)]).toEqual([1, ['one']]);
    // What is judged is judged by the execution that got it.
    const wait = (await status(run)).waitingFor[0];
    const id = send(run, 'approve', {
      about: { kind: 'gate', id: 'gate' },
      ...(wait ? { attempt: wait.attempt, digest: wait.digest } : {}),
    });
    await run.advance(1_000);
    run.signal(messageNames.border);
    await run.advance(8_000);
    expect(borders(run)).toBe(1);
    await run.end();
    expect(await run.query('verdict', id)).toMatchObject({ accepted: true });
    expect(commands(run)).toEqual(['one', 'two']);
  });

  test('never once it has come to its end', async () => {
    const real = activities(fine, [spec]);
    const run = begin(
      driver,
      spec,
      undefined,
      {},
      {
        activities: {
          ...real,
          record: async (_request, activity) => {
            await activity.sleep(10_000);
            return { incomplete: false };
          },
        },
      },
    );
    await run.advance(15_000);
    await tell(run, 'abort');
    await run.advance(1_000);
    run.signal(messageNames.border);
    await run.end();
    expect([borders(run), (await status(run)).state]).toEqual([0, 'cancelled']);
  });

  test('nor when its last step ends while it is about to: it does not wait for a pause between signals', async () => {
    const run = begin(driver, runbook([change('one')]), (_request, activity) =>
      activity.sleep(50).then(() => null),
    );
    await run.advance(10);
    junk(run, 1);
    run.signal(messageNames.border);
    expect(await run.result()).toMatchObject({ state: 'succeeded' });
    expect(outline(run.trace).filter((line) => /^(timer|continue-as-new)/.test(line))).toEqual([]);
  });
});
