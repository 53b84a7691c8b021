import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import {
  ActivityFailure,
  ApplicationFailure,
  RetryState,
  TimeoutFailure,
  TimeoutType,
} from '@temporalio/common';
import { onAnotherHost } from '../../activities/other-host.js';
import type { AttemptRequest } from '../../common/attempt.js';
import type { RunSettings } from '../../common/admission.js';
import type { ActivityContext, ActivityFunction } from '../../testing/driver/attempt.js';
import type { Driver } from '../../testing/driver/driver.js';
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

const steps = 'driver';
const engine = 'driver-engine';
const itsHost = 'driver@h1';
const elsewhere = (): never => {
  throw onAnotherHost({ id: 'h1', name: 'one.example' });
};
/** What the server makes of an activity that it gives up. */
const timedOut =
  (type: TimeoutType) =>
  ({ activityId }: ActivityContext): never => {
    const timeout = new TimeoutFailure('timed out', undefined, type);
    throw new ActivityFailure(
      'timed out',
      'command',
      activityId,
      RetryState.NON_RETRYABLE_FAILURE,
      '',
      timeout,
    );
  };
const notTaken = timedOut(TimeoutType.SCHEDULE_TO_START);

interface Asked {
  queue: string;
  hostGone: string | undefined;
}

/** Plays each time that the activity is asked for. @returns the activity, and what it was asked */
function turns(...plays: ((activity: ActivityContext) => unknown)[]): {
  asked: Asked[];
  activity: ActivityFunction;
} {
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
    const run = begin(
      driver,
      spec,
      undefined,
      {},
      { activities: { ...activities(() => null, [spec]), command: activity } },
    );
    await run.advance(500);
    expect((await status(run)).steps).toMatchObject([
      {
        state: 'running',
        error: { type: 'OnAnotherHost', message: expect.stringContaining('one.example') },
      },
    ]);
    const { currentDetails } = await run.query<{ currentDetails: string }>(
      '__temporal_workflow_metadata',
    );
    expect(currentDetails).toContain('one.example');
    expect(await run.result()).toMatchObject({ state: 'succeeded' });
    expect((await status(run)).steps).toMatchObject([{ state: 'succeeded', error: null }]);
    expect(asked.map(({ queue }) => queue)).toEqual([steps, itsHost]);
  });

  test('that host is gone in the time that its worker was given: the step is decided without it', async () => {
    const waitMs = 5_000;
    const { asked, activity } = turns(elsewhere, done);
    const real = activities(() => null, [spec]);
    const admit = real['admit'] as unknown as (request: object) => { settings: RunSettings };
    const run = begin(
      driver,
      spec,
      undefined,
      {},
      {
        deserted: [itsHost],
        activities: {
          ...real,
          command: activity,
          admit: (request: object) => {
            const admission = admit(request);
            return { ...admission, settings: { ...admission.settings, hostWaitMs: waitMs } };
          },
        },
      },
    );
    await run.advance(waitMs - 1);
    expect(asked).toHaveLength(1);
    await run.advance(1);
    expect(asked).toEqual([
      { queue: steps, hostGone: undefined },
      { queue: steps, hostGone: 'h1' },
    ]);
    expect(await run.result()).toMatchObject({ state: 'succeeded' });
  });

  test.each<[string, (activity: ActivityContext) => never, number]>([
    [
      'fails there: that is its failure, and the host is not gone',
      () => {
        throw ApplicationFailure.create({
          type: 'CommandMissing',
          message: 'not there',
          nonRetryable: true,
        });
      },
      2,
    ],
    ['falls silent there: nobody says that the host is gone', timedOut(TimeoutType.HEARTBEAT), 2],
    ['is not taken there, nor by anybody else', timedOut(TimeoutType.SCHEDULE_TO_START), 3],
  ])('%s: the step asks people', async (_name, play, times) => {
    const { asked, activity } = turns(elsewhere, play, play);
    const run = begin(
      driver,
      spec,
      undefined,
      {},
      { activities: { ...activities(() => null, [spec]), command: activity } },
    );
    await run.settle();
    expect((await status(run)).waitingFor).toMatchObject([{ id: 'one', kind: 'failure' }]);
    expect(asked).toHaveLength(times);
  });

  test('a step that nobody took, with no host to ask instead, asks people', async () => {
    const { activity } = turns(notTaken);
    const run = begin(
      driver,
      spec,
      undefined,
      {},
      { activities: { ...activities(() => null, [spec]), command: activity } },
    );
    await run.settle();
    expect((await status(run)).waitingFor).toMatchObject([
      {
        id: 'one',
        evidence: { 'what happened': 'no worker took it in time' },
      },
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
      problem: { message: expect.stringMatching(/; left as they are: one$/) },
    });
  });
});

describe('a step that says on which host it runs', () => {
  const hosted = runbook([
    change('one', {
      work: {
        action: { kind: 'command', argv: ['do'], runsOn: 'db-1' },
        undo: { kind: 'command', argv: ['undo'] },
      },
    }),
  ]);
  const named = 'driver@host:db-1';

  test('goes to the workers there, and waits for them however long it takes', async () => {
    const { asked, activity } = turns(notTaken, notTaken, async (context) => {
      await context.sleep(1_000);
      return done(context);
    });
    const all = { ...activities(() => null, [hosted]), command: activity };
    const run = begin(driver, hosted, undefined, {}, { activities: all });
    await run.advance(500);
    expect((await status(run)).steps).toMatchObject([
      {
        state: 'running',
        error: {
          ...{ type: 'NoWorker', message: expect.stringContaining('host db-1') },
          next: expect.stringContaining('Start a worker on db-1'),
        },
      },
    ]);
    expect(await run.result()).toMatchObject({ state: 'succeeded' });
    expect((await status(run)).steps).toMatchObject([{ state: 'succeeded', error: null }]);
    expect(asked.map(({ queue }) => queue)).toEqual([named, named, named]);
  });

  test('was begun by a worker whose journals are gone: it is asked of that host without them', async () => {
    const { asked, activity } = turns(elsewhere, notTaken, done);
    const all = { ...activities(() => null, [hosted]), command: activity };
    const run = begin(driver, hosted, undefined, {}, { activities: all });
    expect(await run.result()).toMatchObject({ state: 'succeeded' });
    expect(asked).toEqual([
      { queue: named, hostGone: undefined },
      { queue: itsHost, hostGone: undefined },
      { queue: named, hostGone: 'h1' },
    ]);
  });
});
