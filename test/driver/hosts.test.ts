import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { ActivityFailure, RetryState, TimeoutFailure, TimeoutType } from '@temporalio/common';
import { onAnotherHost } from '../../activities/other-host.js';
import type { AttemptRequest } from '../../common/attempt.js';
import type { RunSettings } from '../../common/admission.js';
import type { ActivityContext, ActivityFunction, Driver } from './driver.js';
import { openDriver } from './open.js';
import { begin, change, lasting, runbook, tell } from './plans.js';
import { activities, status } from './world.js';

/*
 * A command that was started on another host than the one that its next attempt came to.
 */

let driver: Driver;
beforeAll(async () => {
  driver = await openDriver('workflows/index');
}, 60_000);
afterAll(() => driver?.close());

const steps = 'driver-steps';
const engine = 'driver-engine';
const itsHost = 'driver@h1';
const elsewhere = (): never => {
  throw onAnotherHost({ id: 'h1', name: 'one.example' });
};
/** What the server makes of an activity that nobody took in time. */
const notTaken = ({ activityId }: ActivityContext): never => {
  const timeout = new TimeoutFailure('not taken', undefined, TimeoutType.SCHEDULE_TO_START);
  throw new ActivityFailure('timed out', 'command', activityId, RetryState.NON_RETRYABLE_FAILURE, '', timeout);
};

interface Asked {
  queue: string;
  hostGone: string | undefined;
}

/** Plays each time that the activity is asked for. @returns the activity, and what it was asked */
function turns(...plays: ((activity: ActivityContext) => unknown)[]): { asked: Asked[]; activity: ActivityFunction } {
  const asked: Asked[] = [];
  const activity: ActivityFunction = (request: AttemptRequest, context) => {
    asked.push({ queue: context.taskQueue, hostGone: request.hostGone });
    const play = plays[asked.length - 1];
    if (!play) throw new Error('asked once more than expected');
    return play(context);
  };
  return { asked, activity };
}

const done = ({ attempt }: ActivityContext): object => ({ output: 'done', attempt });
const spec = runbook([change('one')]);

describe('a command that another host has begun', () => {
  test('is asked of that host, and the step says so while it waits', async () => {
    const { asked, activity } = turns(elsewhere, async (context) => {
      await context.sleep(1_000);
      return done(context);
    });
    const run = begin(driver, spec, undefined, {}, { activities: { ...activities(() => null, [spec]), command: activity } });
    await run.advance(500);
    expect((await status(run)).steps).toMatchObject([
      { state: 'running', error: { type: 'OnAnotherHost', message: expect.stringContaining('one.example') } },
    ]);
    expect(await run.result()).toMatchObject({ state: 'succeeded' });
    expect((await status(run)).steps).toMatchObject([{ state: 'succeeded', error: null }]);
    expect(asked.map(({ queue }) => queue)).toEqual([steps, itsHost]);
  });

  test.each<[string, Partial<RunSettings>]>([
    ['in the time that its worker was given', { hostWaitMs: 5_000 }],
    ['in a run that began before there was such a time', {}],
  ])('that host is gone, %s: the step is decided without it', async (_name, settings) => {
    const { asked, activity } = turns(elsewhere, notTaken, done);
    const real = activities(() => null, [spec]);
    const admit = real['admit'] as unknown as (request: object) => { settings: RunSettings };
    const run = begin(
      driver,
      spec,
      undefined,
      {},
      {
        activities: {
          ...real,
          command: activity,
          admit: (request: object) => {
            const admission = admit(request);
            return { ...admission, settings: { ...admission.settings, ...settings } };
          },
        },
      },
    );
    expect(await run.result()).toMatchObject({ state: 'succeeded' });
    expect(asked).toEqual([
      { queue: steps, hostGone: undefined },
      { queue: itsHost, hostGone: undefined },
      { queue: steps, hostGone: 'h1' },
    ]);
  });

  test('a step that nobody took, with no host to ask instead, asks people', async () => {
    const { activity } = turns(({ activityId }) => {
      const silence = new TimeoutFailure('not taken', undefined, TimeoutType.SCHEDULE_TO_START);
      throw new ActivityFailure('timed out', 'command', activityId, RetryState.NON_RETRYABLE_FAILURE, '', silence);
    });
    const run = begin(driver, spec, undefined, {}, { activities: { ...activities(() => null, [spec]), command: activity } });
    await run.settle();
    expect((await status(run)).waitingFor).toMatchObject([
      { id: 'one', evidence: { 'what happened': 'the worker did not answer in time (SCHEDULE_TO_START)' } },
    ]);
  });
});

describe('a run is cancelled while its command is on a host that is gone', () => {
  test('the step is unknown, and the end says that its change may be there', async () => {
    const kept = runbook([lasting('one')]);
    const settled = turns(elsewhere, notTaken, () => ({ state: 'unknown' }));
    const run = begin(
      driver,
      kept,
      undefined,
      {},
      {
        activities: {
          ...activities((_request, activity) => activity.cancelled(), [kept]),
          settle: settled.activity,
        },
      },
    );
    await run.settle();
    expect(await tell(run, 'cancel')).toMatchObject({ accepted: true });
    expect(await run.result()).toMatchObject({ state: 'cancelled' });
    expect(settled.asked).toEqual([
      { queue: engine, hostGone: undefined },
      { queue: itsHost, hostGone: undefined },
      { queue: engine, hostGone: 'h1' },
    ]);
    expect(await status(run)).toMatchObject({
      steps: [{ state: 'unknown', error: { message: expect.stringContaining('may still run') } }],
      problem: { next: 'Left as they are: one.' },
    });
  });
});
