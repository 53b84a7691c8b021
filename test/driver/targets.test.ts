import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { ActivityFailure, ApplicationFailure, RetryState } from '@temporalio/common';
import type { LeaseAnswer, LeaseRequest } from '../../activities/lease.js';
import type { Admission, BorderLimits } from '../../common/admission.js';
import type { StartEnvelope } from '../../common/envelope.js';
import type { JudgeAnswer, JudgeRequest } from '../../common/judgement.js';
import type { HeldTarget } from '../../common/lease.js';
import type { JsonObject } from '../../language/json.js';
import type { ActivityContext, ActivityFunction } from '../../testing/driver/attempt.js';
import type { Driver } from '../../testing/driver/driver.js';
import type { Run } from '../../testing/driver/run.js';
import { outline } from '../../testing/driver/trace.js';
import { openDriver } from './open.js';
import { about, answer, change, commands, fine, runbook, send, tell } from './plans.js';
import { activities, envelope, status } from './world.js';

/*
 * A run whose target another run has: what it shows, what it waits for, and how people take the
 * target over.
 */

let driver: Driver;
beforeAll(async () => {
  driver = await openDriver('workflows/index');
}, 60_000);
afterAll(() => driver?.close());

const heldBy = (run: string, fence = 1): HeldTarget[] => [
  {
    target: 'web',
    run,
    runbook: 'other',
    requester: 'somebody',
    since: '2026-01-01T00:00:00.000Z',
    fence,
    inLine: false,
  },
];

type Lease = (
  request: LeaseRequest,
  activity: ActivityContext,
) => LeaseAnswer | Promise<LeaseAnswer>;

interface Waiting {
  run: Run;
  /** What the worker was asked, each time. */
  asked: LeaseRequest[];
}

/** A run that finds its target held. @param lease plays the worker that tries to get it */
function begin(
  lease: Lease,
  more: Partial<StartEnvelope> = {},
  also: Record<string, ActivityFunction> = {},
  spec = runbook([change('one')]),
): Waiting {
  const asked: LeaseRequest[] = [];
  const limits: BorderLimits = { events: 1_000, bytes: 1_000_000_000, signals: 1_000 };
  const real = activities(fine, [spec], limits);
  const admitted = real['admit'] as unknown as (request: JsonObject) => Admission;
  const start = { ...envelope('told', {}), ...more };
  const run = driver.start('told', [start], {
    workflowId: start.run,
    activities: {
      ...real,
      ...also,
      admit: (request: JsonObject) => ({ ...admitted(request), held: heldBy('first') }),
      acquireLeases: (request: LeaseRequest, activity) => {
        asked.push(request);
        return lease(request, activity);
      },
    },
  });
  return { run, asked };
}

const untilCancelled: Lease = (_request, activity) => activity.cancelled();
const free: LeaseAnswer = { held: [] };

const target = { kind: 'target', id: 'target:web' } as const;

describe('another run has the target', () => {
  test('and what answers is no worker: the run ends in words', async () => {
    const { run, asked } = begin(() => 'garbage' as never);
    await expect(run.result()).rejects.toMatchObject({
      message: expect.stringContaining('does not come from a worker'),
    });
    expect(asked).toHaveLength(3);
    expect(commands(run)).toEqual([]);
  });

  test('the run says who, waits, says who has it next, and goes on when it is free', async () => {
    const answers = [{ held: heldBy('second', 2) }, free];
    const { run, asked } = begin(async (_request, activity) => {
      await activity.sleep(4_000);
      return answers.shift() as LeaseAnswer;
    });
    await run.advance(1_000);
    const { state, waitingFor } = await status(run);
    expect([state, waitingFor]).toMatchObject([
      'waiting',
      [
        {
          kind: 'lease',
          id: 'target:web',
          attempt: 1,
          who: 'first to end',
          command: expect.stringMatching(/^runbook take-over told-run --digest sha256:\w{64}$/),
        },
      ],
    ]);
    expect(outline(run.trace)).toContain('record');
    await run.advance(4_000);
    expect((await status(run)).waitingFor).toMatchObject([{ attempt: 2, who: 'second to end' }]);
    await run.end();
    expect(asked.map(({ known, patienceMs }) => [known[0]?.run, patienceMs])).toEqual([
      ['first', 5_000],
      ['second', 10_000],
    ]);
    expect(commands(run)).toEqual(['one']);
    expect((await status(run)).waitingFor).toEqual([]);
  });

  test('it goes on waiting in its next execution, without asking anew for what it knows', async () => {
    const { run, asked } = begin(async (_request, activity) => {
      await activity.sleep(4_000);
      return asked.length === 3 ? free : { held: heldBy(`holder ${asked.length}`) };
    });
    await run.advance(1_000);
    run.signal('border');
    await run.end();
    const waited = outline(run.trace).filter((line) =>
      /^(acquireLeases|continue-as-new)/.test(line),
    );
    expect(waited).toEqual([
      'acquireLeases',
      'continue-as-new told',
      'acquireLeases',
      'acquireLeases',
    ]);
    expect(asked.map(({ known, patienceMs }) => [known[0]?.run, patienceMs])).toEqual([
      ['first', 5_000],
      ['holder 1', 10_000],
      ['holder 2', 20_000],
    ]);
  });

  test('a run that is not to wait ends at once and says who has it', async () => {
    const { run, asked } = begin(untilCancelled, { whenHeld: 'refuse' });
    await expect(run.result()).rejects.toMatchObject({
      type: 'Refused',
      message: expect.stringContaining('held by run first'),
    });
    expect([asked, commands(run)]).toEqual([[], []]);
  });

  test('a run that is not to wait goes on where nobody has the target', async () => {
    const spec = runbook([change('one')]);
    const asked: StartEnvelope = { ...envelope('told', {}), whenHeld: 'refuse' };
    const run = driver.start('told', [asked], {
      workflowId: asked.run,
      activities: activities(fine, [spec]),
    });
    expect(await run.result()).toMatchObject({ state: 'succeeded' });
  });

  test('a run that the record says has ended is not given the target, and ends', async () => {
    const { run } = begin(() => ({
      held: [],
      problem: { type: 'Refused', message: 'run told-run has ended' },
    }));
    await expect(run.result()).rejects.toMatchObject({
      type: 'Refused',
      message: 'run told-run has ended',
    });
    expect((await status(run)).state).toBe('failed');
    expect(commands(run)).toEqual([]);
  });

  test('a nested run shares the targets of the run at the top', async () => {
    const root = { run: 'top', firstRunId: 'top-1' };
    const { run, asked } = begin(() => free, { root });
    await run.end();
    expect(asked).toMatchObject([{ root, targets: [] }]);
  });

  test('a fault of the worker fails the run, in the same words', async () => {
    const { run } = begin(() => {
      throw ApplicationFailure.create({ type: 'Broken', message: 'a fault', nonRetryable: true });
    });
    await expect(run.result()).rejects.toMatchObject({ cause: { message: 'a fault' } });
  });
});

describe('taking a target over', () => {
  test('ends the wait and tells the record who took it, from whom', async () => {
    const { run, asked } = begin((request, activity) =>
      request.takeOver ? free : untilCancelled(request, activity),
    );
    expect(await tell(run, 'take-over', { about: target })).toMatchObject({
      accepted: false,
      code: 'stale',
    });
    expect(await answer(run, 'take-over', { reason: 'that one is mine' })).toMatchObject({
      accepted: true,
    });
    expect(await run.result()).toMatchObject({ state: 'succeeded' });
    expect(asked.at(-1)?.takeOver).toMatchObject({
      by: 'operator',
      reason: 'that one is mine',
      from: { web: 1 },
    });
    expect(commands(run)).toEqual(['one']);
  });

  test('a second one is told who came first', async () => {
    const { run } = begin(async (request, activity) => {
      if (!request.takeOver) return activity.cancelled();
      await activity.sleep(1_000);
      return free;
    });
    await run.settle();
    const same = await about(run);
    expect(await tell(run, 'take-over', same)).toMatchObject({ accepted: true });
    expect(await tell(run, 'take-over', { ...same, by: 'late' })).toMatchObject({
      accepted: false,
      code: 'already-decided',
    });
    expect(await run.result()).toMatchObject({ state: 'succeeded' });
    const { decisions } = await status(run);
    expect(
      decisions.map(({ by, accepted, message }) => [by, accepted, message.includes('operator')]),
    ).toEqual([
      ['operator', true, false],
      ['late', false, true],
    ]);
  });

  test('when a worker of another release accepts two, the first one takes it', async () => {
    const lenient: ActivityFunction = ({ decisions }: JudgeRequest): JudgeAnswer => ({
      verdicts: decisions.map(({ id, at }) => ({
        decision: id,
        accepted: true,
        code: 'accepted',
        message: '',
        at,
      })),
    });
    const { run, asked } = begin(
      (request, activity) => (request.takeOver ? free : untilCancelled(request, activity)),
      {},
      { judge: lenient },
    );
    await run.settle();
    send(run, 'take-over', { about: target, attempt: 1, by: 'ann' });
    send(run, 'take-over', { about: target, attempt: 1, by: 'bob' });
    expect(await run.result()).toMatchObject({ state: 'succeeded' });
    expect(asked.flatMap(({ takeOver }) => takeOver?.by ?? [])).toEqual(['ann']);
  });

  test('while it is judged the target becomes free: nothing is taken over', async () => {
    const judged = activities(fine, [runbook([change('one')])])['judge'] as ActivityFunction;
    const slow: ActivityFunction = async (request, activity) => {
      await activity.sleep(2_000);
      return judged(request, activity);
    };
    const { run, asked } = begin(
      async (_request, activity) => {
        await activity.sleep(1_000);
        return free;
      },
      {},
      { judge: slow },
      runbook([change('one'), { id: 'hand', title: 'By hand', kind: 'manual', effect: 'change' }]),
    );
    await run.settle();
    const id = send(run, 'take-over', await about(run));
    await run.advance(5_000);
    expect(await run.query('verdict', id)).toMatchObject({ accepted: true });
    expect(asked.filter(({ takeOver }) => takeOver)).toEqual([]);
    expect(commands(run)).toEqual(['one']);
    expect((await status(run)).waitingFor).toMatchObject([{ kind: 'manual', id: 'hand' }]);
    const again = send(run, 'take-over', { about: target, attempt: 1 });
    await run.advance(5_000);
    expect(await run.query('verdict', again)).toMatchObject({
      ...{ accepted: false, code: 'already-decided' },
      message: expect.stringContaining('no longer waits'),
    });
  });

  test('of a run that has its target by now is refused', async () => {
    const hand = runbook([{ id: 'hand', title: 'By hand', kind: 'manual', effect: 'change' }]);
    const { run } = begin(() => free, {}, {}, hand);
    await run.settle();
    expect(await tell(run, 'take-over', { about: target })).toMatchObject({
      ...{ accepted: false, code: 'already-decided' },
      message: expect.stringContaining('no longer waits'),
    });
  });

  test('where no target was ever waited for there is nothing to take over', async () => {
    const run = driver.start('told', [envelope('told', {}, 'free')], {
      workflowId: 'free',
      activities: activities(fine, [
        runbook([{ id: 'hand', title: 'By hand', kind: 'manual', effect: 'read' }]),
      ]),
    });
    await run.settle();
    expect(await tell(run, 'take-over', { about: target })).toMatchObject({
      accepted: false,
      code: 'not-waiting',
    });
  });
});

describe('cancelled while it waits for a target', () => {
  test.each<[string, Lease]>([
    ['the last try ends as asked', untilCancelled],
    [
      'the last try fails on its way',
      (_request, activity) =>
        activity.cancelled().catch(() => {
          throw ApplicationFailure.create({ type: 'TargetHeld', message: 'still held' });
        }),
    ],
    [
      'Temporal tells of the last try that it failed',
      (_request, activity) =>
        activity.cancelled().catch(() => {
          throw new ActivityFailure(
            'failed',
            'acquireLeases',
            '1',
            RetryState.CANCEL_REQUESTED,
            'worker',
            new Error('gone'),
          );
        }),
    ],
  ])('%s: nothing was done', async (_name, lease) => {
    const { run } = begin(lease);
    await run.settle();
    expect(await tell(run, 'cancel')).toMatchObject({ accepted: true });
    expect(await run.result()).toMatchObject({ state: 'cancelled' });
    expect(commands(run)).toEqual([]);
  });

  test('in the same moment as it is taken over: it is cancelled', async () => {
    const { run, asked } = begin(untilCancelled);
    await run.settle();
    send(run, 'take-over', await about(run));
    send(run, 'cancel');
    expect(await run.result()).toMatchObject({ state: 'cancelled' });
    expect([asked.length, commands(run)]).toEqual([1, []]);
  });
});
