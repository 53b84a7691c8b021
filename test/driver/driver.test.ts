import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { stretched } from '../../embedded/pace.js';
import { type ApplicationFailure, CancelledFailure } from '@temporalio/common';
import { queryTooEarly } from '../../common/ask-again.js';
import { messageNames } from '../../common/defaults.js';
import { deadlineSpec } from '../engine/specs.js';
import type { Driver } from '../../testing/driver/driver.js';
import type { Run } from '../../testing/driver/run.js';
import type { RunOptions } from '../../testing/driver/server.js';
import { outline } from '../../testing/driver/trace.js';
import { openDriver } from './open.js';
import {
  activities,
  decide,
  envelope,
  start,
  status,
  stepFailure,
  type PlayCommand,
} from './world.js';
import { nothing } from '../helpers/shell.js';

const done: PlayCommand = () => ({ exitCode: 0 });
const hour = 60 * 60 * 1_000;
const day = 24 * hour;

let driver: Driver;
beforeAll(async () => {
  driver = await openDriver('test/engine/procedures');
}, 60_000);
afterAll(() => driver?.close());

function commands(play: PlayCommand, options: Partial<RunOptions> = {}): Run {
  return start(driver, 'test-commands', { first: nothing, second: nothing }, play, options);
}

function gated(play: PlayCommand = done, options: Partial<RunOptions> = {}): Run {
  return start(
    driver,
    'test-gated',
    { journal: '/journal', last: nothing, first_change: true },
    play,
    options,
  );
}

/** The steps in the order in which they were asked for. */
const steps = (run: Run): string[] =>
  outline(run.trace).filter((line) => /^(command|cancel)/.test(line));

describe('steps', () => {
  test('a run that succeeds issues the commands that it should, and nothing else', async () => {
    const run = commands(({ step }) => ({ path: step.path }));
    expect(await run.result()).toEqual({
      state: 'succeeded',
      outputs: { second: { path: 'second' } },
    });
    expect(outline(run.trace)).toEqual([
      'admit',
      'search-attributes running first',
      'command first',
      'search-attributes running second',
      'command second',
      'search-attributes succeeded',
      'record',
      'complete',
    ]);
    expect(run.trace[2]).toMatchObject({
      startToCloseMs: 90_000,
      heartbeatMs: 10_000,
      retry: { initialMs: 50, factor: 1, attempts: 0 },
      summary: 'First command',
      input: [{ step: { path: 'first' }, action: { argv: ['/usr/bin/true'] } }],
    });
  });

  test('a step that fails is tried again when its retry policy says so, in virtual time', async () => {
    const tries: number[] = [];
    const run = commands((request, activity) => {
      if (request.step.path === 'second') return null;
      tries.push(activity.now());
      if (activity.attempt < 3) throw stepFailure(request, activity, 'CommandFailed', 'not yet');
      return 'now';
    });
    await run.result();
    expect(tries.map((at) => at - (tries[0] ?? 0))).toEqual([0, 50, 100]);
    expect((await status(run)).steps.map((step) => [step.id, step.state, step.attempts])).toEqual([
      ['first', 'succeeded', 3],
      ['second', 'succeeded', 1],
    ]);
  });

  test('a step that fails for good is not tried again, and the run fails with its type', async () => {
    let tries = 0;
    const run = commands((request, activity) => {
      tries += 1;
      throw stepFailure(request, activity, 'CommandMissing', '/no/such does not exist');
    });
    await expect(run.result()).rejects.toMatchObject({
      type: 'CommandMissing',
      nonRetryable: true,
    });
    expect(tries).toBe(1);
    expect(outline(run.trace).slice(-2)).toEqual(['record', 'fail CommandMissing']);
  });

  test('what a worker asks for goes before the back-off', async () => {
    const tries: number[] = [];
    const run = commands((request, activity) => {
      tries.push(activity.now());
      if (tries.length === 1)
        throw stepFailure(request, activity, 'CommandFailed', 'later', { retryAfterMs: 2 * hour });
      return null;
    });
    await run.result();
    expect((tries[1] ?? 0) - (tries[0] ?? 0)).toBe(2 * hour);
  });

  test.each(['HEARTBEAT', 'START_TO_CLOSE'] as const)(
    'a worker that falls silent is replaced: %s',
    async (type) => {
      const tries: number[] = [];
      const run = commands(async ({ step }, activity) => {
        if (step.path === 'first') tries.push(activity.attempt);
        if (activity.attempt === 1 && step.path === 'first') await activity.hold();
        return `by attempt ${activity.attempt}`;
      });
      await run.settle();
      const lost = run.held('first');
      lost.timeout(type);
      await run.result();
      // What comes of it later is nobody's business.
      lost.release();
      await run.settle();
      expect(tries).toEqual([1, 2]);
      expect((await status(run)).steps[0]).toMatchObject({
        state: 'succeeded',
        output: 'by attempt 2',
      });
    },
  );

  test('an attempt that outlives its start-to-close timeout in virtual time is replaced', async () => {
    const run = commands(async ({ step }, activity) => {
      if (step.path === 'first' && activity.attempt === 1) await activity.sleep(hour);
      return activity.attempt;
    });
    await run.result();
    expect((await status(run)).steps.map((step) => step.output)).toEqual([2, 1]);
  });

  test('a failing branch cancels its sibling and waits for its end', async () => {
    const run = start(
      driver,
      'test-parallel',
      { a: nothing, b: nothing },
      async (request, activity) => {
        if (request.step.path === 'all/a') await activity.hold();
        else throw stepFailure(request, activity, 'CommandFailed', 'b is broken');
        return null;
      },
    );
    await run.settle();
    expect(outline(run.trace).at(-1)).toBe('cancel-activity all/a');
    expect(run.held('all/a').cancelRequested).toBe(true);
    run.held('all/a').fail(new CancelledFailure('ended'));
    await expect(run.result()).rejects.toMatchObject({
      type: 'CommandFailed',
      message: expect.stringContaining('b is broken'),
    });
    expect((await status(run)).steps.map((step) => [step.id, step.state])).toEqual([
      ['all', 'failed'],
      ['all/a', 'failed'],
      ['all/b', 'failed'],
    ]);
  });

  test('a failure undoes what was changed where the runbook says so', async () => {
    const run = gated((request, activity) => {
      if (request.step.path === 'last')
        throw stepFailure(request, activity, 'CommandMissing', 'not there');
      return null;
    });
    await decide(run);
    await expect(run.result()).rejects.toMatchObject({
      type: 'CommandMissing',
      message: 'not there',
    });
    expect(steps(run).slice(-2)).toEqual(['command after.undo', 'command before.undo']);
    expect((await status(run)).state).toBe('rolled-back');
  });

  test('a start that is refused does nothing', async () => {
    const run = start(driver, 'test-commands', { first: nothing }, done);
    await expect(run.result()).rejects.toMatchObject({ type: 'Refused' });
    expect(outline(run.trace)).toEqual(['admit', 'fail Refused']);
  });
});

describe('gates', () => {
  test('an approval lets the run go on', async () => {
    const run = gated();
    expect(await decide(run)).toMatchObject({ accepted: true });
    expect(await run.result()).toMatchObject({ state: 'succeeded' });
    expect(steps(run)).toEqual([
      'command before',
      'cancel-timer 1',
      'command after',
      'command last',
    ]);
  });

  test('a rejection undoes what was changed', async () => {
    const run = gated();
    expect(await decide(run, { verb: 'reject', reason: 'not today' })).toMatchObject({
      accepted: true,
    });
    expect(await run.result()).toMatchObject({ state: 'rejected' });
    expect(steps(run)).toEqual(['command before', 'cancel-timer 1', 'command before.undo']);
  });

  test('a decision of the requester is refused, and the gate goes on waiting', async () => {
    const run = gated();
    expect(await decide(run, { by: 'requester' })).toMatchObject({
      accepted: false,
      code: 'own-request',
    });
    expect((await status(run)).waitingFor).toHaveLength(1);
    expect(run.ended).toBe(false);
  });

  test('silence until the deadline rejects the run', async () => {
    const run = start(driver, 'test-deadline', {}, done);
    await run.settle();
    await run.advance(1_499);
    expect(run.ended).toBe(false);
    await run.advance(1);
    expect(run.ended).toBe(true);
    expect(await status(run)).toMatchObject({ state: 'rejected', problem: { type: 'Expired' } });
    expect(outline(run.trace)).toContain('timer 1500');
  });

  test('a deadline of 42 days is waited for in milliseconds, with a reminder each day', async () => {
    const patient = {
      ...deadlineSpec,
      steps: deadlineSpec.steps.map((step) => ({ ...step, deadlineMs: 42 * day })),
    };
    const run = start(driver, 'test-deadline', {}, done, {
      activities: activities(done, [patient]),
    });
    const [begun, real] = [run.now, performance.now()];
    expect(await run.result()).toMatchObject({ state: 'rejected' });
    expect(performance.now() - real).toBeLessThan(stretched(1_000));
    expect(run.now - begun).toBe(42 * day);
    expect(outline(run.trace).filter((line) => line === `timer ${day}`)).toHaveLength(42);
  });

  test('a gate that waits for 42 days is reminded of each day, and is approved in milliseconds', async () => {
    const run = gated();
    const begun = run.now;
    await run.settle();
    const real = performance.now();
    await run.advance(42 * day);
    expect(performance.now() - real).toBeLessThan(stretched(1_000));
    expect(run.now - begun).toBe(42 * day);
    expect(outline(run.trace).filter((line) => line === `timer ${day}`)).toHaveLength(43);
    expect((await status(run)).waitingFor[0]).toMatchObject({ id: 'gate', attempt: 1 });
    expect(await decide(run)).toMatchObject({ accepted: true });
    expect(await run.result()).toMatchObject({ state: 'succeeded' });
  });

  test('a signal that nobody knows is answered and harmless', async () => {
    const run = gated();
    await run.settle();
    run.signal('approve-everything', { id: 'odd', please: true });
    run.signal('__temporal_reserved', { id: 'reserved' });
    run.signalRaw(messageNames.decide, {
      metadata: { encoding: Buffer.from('no/such-encoding') },
      data: Buffer.from('{not json'),
    });
    await run.settle();
    expect(await run.query(messageNames.verdict, 'odd')).toMatchObject({
      accepted: false,
      code: 'malformed',
    });
    expect((await status(run)).decisions.map((each) => each.code)).toEqual([
      'malformed',
      'malformed',
      'malformed',
    ]);
    expect(await decide(run)).toMatchObject({ accepted: true });
    expect(await run.result()).toMatchObject({ state: 'succeeded' });
  });

  test('a decision that comes with the start is refused, and does not count later', async () => {
    const run = gated();
    run.signal(messageNames.decide, {
      version: 1,
      id: 'early',
      run: run.workflowId,
      verb: 'approve',
      about: { kind: 'gate', id: 'gate' },
      by: 'a',
      reason: 'b',
    });
    await run.settle();
    expect(await run.query(messageNames.verdict, 'early')).toMatchObject({
      accepted: false,
      code: 'not-waiting',
    });
    expect(steps(run)).toEqual(['command before']);
  });
});

describe('cancelling', () => {
  test('waits until the open command has ended, then undoes what was changed', async () => {
    const run = gated(async ({ step }, activity) => {
      if (step.path === 'last') await activity.hold();
      return null;
    });
    await decide(run);
    expect((await status(run)).steps.at(-1)?.state).toBe('running');
    run.signal(messageNames.decide, {
      version: 1,
      id: 'stop',
      run: run.workflowId,
      verb: 'cancel',
      by: 'requester',
      reason: 'wrong night',
    });
    await run.advance(30_000);
    expect(steps(run).at(-1)).toBe('cancel-activity last');
    run.held('last').fail(new CancelledFailure('ended'));
    expect(await run.result()).toMatchObject({ state: 'cancelled' });
    expect(steps(run).slice(-3)).toEqual([
      'cancel-activity last',
      'command after.undo',
      'command before.undo',
    ]);
  });

  test('a command that succeeds in spite of it counts, and is undone too', async () => {
    const run = gated(async ({ step }, activity) => {
      if (step.path === 'after') await activity.hold();
      return null;
    });
    await decide(run);
    run.cancel();
    await run.settle();
    run.held('after').release();
    await expect(run.result()).rejects.toBeInstanceOf(CancelledFailure);
    expect(steps(run).slice(-4)).toEqual([
      'cancel-activity after',
      'command after.undo',
      'command before.undo',
      'cancel',
    ]);
    expect(run.trace.at(-1)).toEqual({ type: 'cancel' });
  });

  test('a step between two attempts ends at once', async () => {
    const run = commands((request, activity) => {
      throw stepFailure(request, activity, 'CommandFailed', 'later', { retryAfterMs: day });
    });
    await run.settle();
    const asked = run.now;
    run.cancel();
    await run.settle();
    expect([run.ended, run.now]).toEqual([true, asked]);
    expect(steps(run)).toEqual(['command first', 'cancel-activity first', 'cancel']);
  });

  test('a command that reads its signal sees it', async () => {
    let reason: unknown;
    const run = commands(async (_request, activity) => {
      activity.signal.addEventListener('abort', () => {
        reason = activity.signal.reason;
      });
      await activity.hold();
      return null;
    });
    await run.settle();
    run.cancel();
    await run.settle();
    expect(reason).toBeInstanceOf(CancelledFailure);
  });
});

describe('the driver itself', () => {
  test('a query before admission is refused as the workflow says', async () => {
    const run = driver.start(
      'test-commands',
      [envelope('test-commands', { first: nothing, second: nothing })],
      {
        activities: { ...activities(done), admit: (_input: unknown, activity) => activity.hold() },
      },
    );
    await expect(status(run)).rejects.toThrow('not admitted yet');
    expect(outline(run.trace)).toEqual(['admit']);
  });

  test('what comes before its workflow task is not applied: the worker forgets the run instead of wedging it', async () => {
    const run = gated();
    await run.settle();
    await status(run);
    run.comeEarly();
    run.signal(messageNames.border);
    await expect(status(run)).rejects.toThrow(queryTooEarly);
    expect(steps(run)).toEqual(['command before']);
  });

  test('a question that comes before its workflow task, and brings nothing else, is answered', async () => {
    const run = gated();
    await run.settle();
    run.comeEarly();
    expect((await status(run)).state).toBe('waiting');
  });

  test('where a server does not say how large history is, nothing counts as early', async () => {
    const run = gated();
    run.comeEarly();
    expect(await decide(run)).toMatchObject({ accepted: true });
    expect(await run.result()).toMatchObject({ state: 'succeeded' });
  });

  test('the same seed and the same test give the same trace', async () => {
    const once = async (): Promise<unknown> => {
      const run = gated(done, { seed: 7, interleave: true });
      await decide(run);
      await run.result();
      return run.trace;
    };
    expect(await once()).toEqual(await once());
  });

  test('with interleave, the seed decides which of two branches ends first', async () => {
    const first = async (seed: number): Promise<string | undefined> => {
      const inputs = { a: nothing, b: nothing };
      const play: PlayCommand = (request, activity) => {
        throw stepFailure(request, activity, 'CommandFailed', request.step.path);
      };
      const run = start(driver, 'test-parallel', inputs, play, { seed, interleave: true });
      return run.result().then(
        () => undefined,
        (error: ApplicationFailure) => error.message.split('.')[0] ?? '',
      );
    };
    const seen = await Promise.all([1, 2, 3, 4, 5, 6, 7, 8].map(first));
    expect(new Set(seen)).toEqual(new Set(['all/a', 'all/b']));
    expect(await Promise.all([1, 2, 3, 4, 5, 6, 7, 8].map(first))).toEqual(seen);
  });

  test('a run that only the test can move says so instead of hanging', async () => {
    const run = commands((_request, activity) => activity.hold().then(() => null));
    await expect(run.result()).rejects.toThrow('while the test holds first');
    expect(() => run.held('second')).toThrow('second is not held; held: first');
    await expect(gated().result()).rejects.toThrow('time alone does not end this run');
  });

  test('an activity that the test forgot is named', async () => {
    const run = driver.start('test-deadline', [envelope('test-deadline', {})], { activities: {} });
    await expect(run.settle()).rejects.toThrow('the test gives no activity admit');
  });

  test('time may pass for years while a run waits', async () => {
    const run = gated();
    await run.advance(5 * 365 * day);
    expect((await status(run)).waitingFor).toHaveLength(1);
  });

  test('a run that was disposed of says so', async () => {
    const run = gated();
    await run.settle();
    await run.dispose();
    await expect(status(run)).rejects.toThrow('disposed of');
    expect(steps(run)).toEqual(['command before']);
  });

  test('a run of 23 activities', async () => {
    const run = gated();
    for (let refused = 0; refused < 16; refused++)
      await decide(run, { id: `refused-${refused}`, by: 'requester' });
    await decide(run);
    await run.result();
    expect(run.trace.filter((entry) => entry.type === 'activity')).toHaveLength(23);
    await run.dispose();
  });
});
