import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import {
  ActivityFailure,
  ApplicationFailure,
  CancelledFailure,
  RetryState,
  ServerFailure,
} from '@temporalio/common';
import type { Settled } from '../../activities/settle.js';
import type { FailureType } from '../../common/failures.js';
import type { JudgeAnswer, JudgeRequest } from '../../common/judgement.js';
import { messageNames } from '../../common/defaults.js';
import { leftBy } from '../../common/left.js';
import type { ActivityContext, ActivityFunction } from '../../testing/driver/attempt.js';
import type { Driver } from '../../testing/driver/driver.js';
import type { Run } from '../../testing/driver/run.js';
import { outline } from '../../testing/driver/trace.js';
import { openDriver } from './open.js';
import {
  about,
  answer,
  begin,
  change,
  commands,
  failing,
  gate,
  hand,
  lasting,
  runbook,
  send,
  states,
  tell,
} from './plans.js';
import { activities, envelope, status, stepFailure, type PlayCommand } from './world.js';

/*
 * What comes between a run and its end: failures that meet a cancellation, undos that do not work,
 * words that do not fit.
 */

let driver: Driver;
beforeAll(async () => {
  driver = await openDriver('workflows/index');
}, 60_000);
afterAll(() => driver?.close());

/** Holds the step until the test says how it ends. */
const holding =
  (path: string, then: PlayCommand = () => null): PlayCommand =>
  async (request, activity) => {
    if (request.step.path !== path) return null;
    await activity.hold();
    return then(request, activity);
  };

describe('cancelled while a step is under way', () => {
  async function cancelled(
    type: 'worker dies' | FailureType,
    onFailure: string,
  ): Promise<{ run: Run; settled: string[] }> {
    const settled: string[] = [];
    const fails = holding('two', (request, activity) => {
      throw stepFailure(request, activity, type as FailureType, 'it broke');
    });
    const spec = runbook([change('one'), change('two', { onFailure }), change('three')]);
    const settle: ActivityFunction = ({ step }: { step: string }) => {
      settled.push(step);
      return { state: 'ended' };
    };
    const run = begin(
      driver,
      spec,
      undefined,
      {},
      { activities: { ...activities(fails, [spec]), settle } },
    );
    await run.settle();
    expect(await tell(run, 'cancel')).toMatchObject({ accepted: true });
    if (type === 'worker dies') run.held('two').timeout('HEARTBEAT');
    else run.held('two').release();
    await run.end();
    return { run, settled };
  }

  test('its worker dies: what it had started is ended before anything is undone', async () => {
    const { run, settled } = await cancelled('worker dies', 'abort');
    expect(settled).toEqual(['two']);
    expect(commands(run)).toEqual(['one', 'two', 'two.undo', 'one.undo']);
    const lines = outline(run.trace);
    expect(lines.indexOf('settle')).toBeLessThan(lines.indexOf('command two.undo'));
    expect(await status(run)).toMatchObject({
      state: 'cancelled',
      problem: { message: 'operator cancelled the run: because' },
    });
  });

  test.each(['abort', 'rollback', 'continue', 'ask'])(
    'it fails for good, and would %s: the run ends as it was told, and asks nobody',
    async (onFailure) => {
      const { run } = await cancelled('CommandMissing', onFailure);
      expect(commands(run)).toEqual(['one', 'two', 'two.undo', 'one.undo']);
      expect(outline(run.trace).filter((line) => line === 'record')).toHaveLength(1);
      expect((await status(run)).state).toBe('cancelled');
    },
  );

  test('nobody knows what became of it: that is what the end shows', async () => {
    const play = holding('two', (request, activity) => {
      throw stepFailure(request, activity, 'OutcomeUnknown', 'nobody knows');
    });
    const run = begin(driver, runbook([change('one'), lasting('two')]), play);
    await run.settle();
    await tell(run, 'cancel');
    run.held('two').release();
    await run.end();
    expect(states(await status(run))).toEqual({ one: 'undone', two: 'unknown' });
    expect((await status(run)).problem).toMatchObject({
      message: expect.stringMatching(/; left as they are: two$/),
    });
  });

  const items = ['a', 'b', 'c', 'd', 'e', 'f'];

  test('in a group, what had not begun never begins, and the run comes to its end', async () => {
    const each = {
      id: 'all',
      title: 'All',
      kind: 'forEach',
      effect: 'change',
      items,
      concurrency: 1,
    };
    const run = begin(
      driver,
      runbook([{ ...each, steps: [change('do')] }]),
      ({ step }, activity) => (step.path.endsWith('.undo') ? null : activity.cancelled()),
    );
    await run.settle();
    await tell(run, 'cancel');
    await run.end();
    expect(commands(run)).toEqual(['all/a/do', 'all/a/do.undo']);
    expect((await status(run)).steps.map(({ id, state }) => [id, state])).toEqual([
      ['all', 'skipped'],
      ['all/a/do', 'undone'],
    ]);
  });

  test('in a group, a step that fails for good ends those that wait for their turn', async () => {
    const each = {
      id: 'all',
      title: 'All',
      kind: 'forEach',
      effect: 'change',
      items,
      concurrency: 1,
    };
    const run = begin(
      driver,
      runbook([{ ...each, steps: [change('do', { onFailure: 'abort' })] }]),
      failing('all/b/do'),
    );
    await run.end();
    expect(commands(run)).toEqual(['all/a/do', 'all/b/do']);
    const { state, steps } = await status(run);
    expect([state, steps[0]]).toMatchObject([
      'failed',
      { id: 'all', state: 'failed', error: { message: 'not there' } },
    ]);
  });

  test('it says so, and that nothing of it runs any more', async () => {
    const run = begin(driver, runbook([lasting('one')]), (_request, activity) =>
      activity.cancelled(),
    );
    await run.settle();
    await tell(run, 'cancel');
    await run.end();
    expect((await status(run)).steps).toMatchObject([
      {
        state: 'failed',
        attempts: 1,
        error: { type: 'Cancelled', message: expect.stringContaining('has ended') },
      },
    ]);
    const { state, steps } = await status(run);
    expect(leftBy({ state, steps })).toMatchObject([
      { step: 'one', what: 'it may have changed something' },
    ]);
  });

  test('before it began, it was left out, and has changed nothing', async () => {
    const spec = runbook([lasting('one')]);
    const waits: PlayCommand = (_request, activity) => activity.cancelled();
    const settle = (): Settled => ({ state: 'ended', attempts: 0 });
    const real = activities(waits, [spec]);
    const run = begin(driver, spec, waits, {}, { activities: { ...real, settle } });
    await run.settle();
    await tell(run, 'cancel');
    await run.end();
    const { state, steps } = await status(run);
    expect(steps).toMatchObject([
      { state: 'skipped', attempts: 0, error: { message: 'cancelled before it began' } },
    ]);
    expect(leftBy({ state, steps })).toEqual([]);
  });

  test('it fails for good, and cannot be undone: it is shown as failed, with its attempts', async () => {
    const play = holding('one', (request, activity) => {
      throw stepFailure(request, activity, 'CommandMissing', 'not there');
    });
    const run = begin(driver, runbook([lasting('one')]), play);
    await run.settle();
    await tell(run, 'cancel');
    run.held('one').release();
    await run.end();
    expect((await status(run)).steps).toMatchObject([
      { state: 'failed', attempts: 1, error: { message: 'not there' } },
    ]);
    expect((await status(run)).problem).toEqual({
      type: 'Cancelled',
      message: 'operator cancelled the run: because',
    });
  });

  test('by Temporal, in the middle of a rollback: the rollback goes on, and the run ends as it would have', async () => {
    const run = begin(
      driver,
      runbook([change('one'), change('two')]),
      async (request, activity) => {
        if (request.step.path.endsWith('.undo')) await activity.sleep(1_000);
        if (request.step.path === 'two')
          throw stepFailure(request, activity, 'CommandMissing', 'not there');
        return null;
      },
    );
    await answer(run, 'rollback');
    run.cancel();
    await expect(run.result()).rejects.toMatchObject({ type: 'CommandMissing' });
    expect(commands(run)).toEqual(['one', 'two', 'two.undo', 'one.undo']);
    expect((await status(run)).state).toBe('rolled-back');
  });

  test('while the result of a dead run is looked at again: nothing is done anew', async () => {
    const check = {
      kind: 'check',
      probe: { kind: 'command', argv: ['look'] },
      until: 'out.exitCode == 0',
      everyMs: 100,
    };
    const step = change('one') as { work: object };
    const spec = runbook([{ ...step, work: { ...step.work, check } }]);
    const real = activities(() => null, [spec]);
    const admitted = real['admit'] as unknown as (request: object) => object;
    const taken = [
      {
        id: 'one',
        title: 'One',
        state: 'succeeded',
        attempts: 1,
        output: null,
        error: null,
        takenFrom: 'dead',
        kind: 'command',
        effect: 'change',
      },
    ];
    const run = begin(
      driver,
      spec,
      undefined,
      {},
      {
        activities: {
          ...real,
          check: (_request: unknown, activity: ActivityContext) => activity.cancelled(),
          admit: (request: object) => ({ ...admitted(request), taken }),
        },
      },
    );
    await run.settle();
    await tell(run, 'cancel');
    await run.end();
    expect([commands(run), (await status(run)).drifted]).toEqual([[], undefined]);
  });
});

describe('failures in the words of others', () => {
  /** As the server hands on what is not ours. */
  const verbatim = (cause?: Error): PlayCommand => {
    return (_request, { activityId }) => {
      throw new ActivityFailure(
        'Activity task failed',
        'command',
        activityId,
        RetryState.NON_RETRYABLE_FAILURE,
        'x',
        cause,
      );
    };
  };
  test.each<[string, PlayCommand, string]>([
    [
      'somebody failed the activity by its id',
      verbatim(ApplicationFailure.create({ message: 'by hand' })),
      'Error: by hand',
    ],
    [
      'the server itself gave it up',
      verbatim(new ServerFailure('no such worker', true)),
      'Error: no such worker',
    ],
    ['nobody says why', verbatim(), 'Error: Activity task failed'],
  ])('%s: the step asks people, and says it', async (_name, play, said) => {
    const run = begin(driver, runbook([change('one')]), play);
    await run.settle();
    const [step] = (await status(run)).steps;
    expect([step?.state, `${step?.error?.type}: ${step?.error?.message}`]).toEqual([
      'needs-operator',
      said,
    ]);
    // No attempt has told its number, and one may have acted.
    expect(step?.attempts).toBe(1);
    expect(await answer(run, 'abort')).toMatchObject({ accepted: true });
    await run.end();
    expect((await status(run)).state).toBe('failed');
    expect((await status(run)).problem).not.toHaveProperty('next');
  });
});

describe('an undo that fails', () => {
  const steps = [change('one'), change('two'), change('three')];

  test('is tried again, as often as people say so', async () => {
    let broken = true;
    const run = begin(driver, runbook(steps), (request, activity) => {
      if (request.step.path === 'three')
        throw stepFailure(request, activity, 'CommandMissing', 'not there');
      if (request.step.path === 'two.undo' && broken)
        throw stepFailure(request, activity, 'CommandFailed', 'not yet');
      return null;
    });
    await answer(run, 'rollback');
    broken = false;
    expect(await answer(run, 'retry')).toMatchObject({ accepted: true });
    await run.end();
    expect(commands(run)).toEqual([
      'one',
      'two',
      'three',
      'three.undo',
      'two.undo',
      'two.undo',
      'one.undo',
    ]);
    expect(await status(run)).toMatchObject({
      state: 'rolled-back',
      problem: { type: 'CommandMissing' },
    });
    expect((await status(run)).problem).not.toHaveProperty('next');
  });

  test('stops the rollback when people say so; what is left is named once, groups by what is in them', async () => {
    const group = {
      id: 'all',
      title: 'All',
      kind: 'parallel',
      effect: 'change',
      steps: [lasting('do')],
    };
    const run = begin(driver, runbook([group, ...steps]), failing('three', 'two.undo'));
    await answer(run, 'rollback');
    await answer(run, 'abort');
    await run.end();
    expect((await status(run)).problem?.message).toBe('not there; could not be undone: two, one');

    const cancelled = begin(
      driver,
      runbook([group, { id: 'hand', title: 'By hand', kind: 'manual', effect: 'read' }]),
    );
    await cancelled.settle();
    await tell(cancelled, 'abort');
    await cancelled.end();
    expect((await status(cancelled)).problem?.message).toMatch(/; left as they are: all\/do$/);
  });

  test.each(['at once', 'after a border'])(
    'has its answer when the run as a whole is told to stop, %s: nothing else is undone, and nobody is asked',
    async (when) => {
      const run = begin(driver, runbook(steps), failing('three', 'two.undo'));
      await answer(run, 'rollback');
      if (when === 'after a border') {
        run.signal(messageNames.border);
        await run.advance(500);
      }
      expect((await status(run)).waitingFor).toMatchObject([{ id: 'two.undo' }]);
      expect(await tell(run, 'abort')).toMatchObject({ accepted: true });
      await run.end();
      expect(commands(run)).toEqual(['one', 'two', 'three', 'three.undo', 'two.undo']);
      expect(await status(run)).toMatchObject({
        ...{ state: 'failed', waitingFor: [] },
        problem: {
          message: 'not there; could not be undone: two, one',
          next: 'Undo these steps by hand.',
        },
      });
    },
  );

  test('after the run was told to stop asks nobody', async () => {
    const run = begin(driver, runbook(steps), async (request, activity) => {
      if (request.step.path === 'two.undo') await activity.sleep(1_000);
      return failing('three', 'two.undo')(request, activity);
    });
    await answer(run, 'rollback');
    expect(await tell(run, 'abort')).toMatchObject({ accepted: true });
    await run.end();
    expect(commands(run)).toEqual(['one', 'two', 'three', 'three.undo', 'two.undo']);
    expect((await status(run)).problem?.message).toBe('not there; could not be undone: two, one');
  });

  test('or not: a run that is told to stop while its rollback stands at a border undoes nothing more', async () => {
    const run = begin(driver, runbook(steps), async (request, activity) => {
      if (request.step.path.endsWith('.undo')) await activity.sleep(1_000);
      return failing('three')(request, activity);
    });
    await answer(run, 'rollback');
    await run.advance(900);
    run.signal(messageNames.border);
    run.signal('junk');
    // The undo has ended, the border waits for a pause between signals.
    await run.advance(80);
    expect(commands(run).at(-1)).toBe('three.undo');
    expect(await tell(run, 'abort')).toMatchObject({ accepted: true });
    await run.end();
    expect(commands(run)).toEqual(['one', 'two', 'three', 'three.undo']);
    expect((await status(run)).problem?.message).toBe('not there; could not be undone: two, one');
  });

  test('where nobody is there to be asked, is left, and the others are undone', async () => {
    const run = begin(driver, runbook(steps), failing('three', 'two.undo'), {
      unattended: 'rollback',
    });
    await run.end();
    expect(states(await status(run))).toEqual({ one: 'undone', two: 'failed', three: 'undone' });
    expect(await status(run)).toMatchObject({
      state: 'failed',
      problem: {
        type: 'CommandMissing',
        message: expect.stringMatching(/could not be undone: two$/),
      },
    });
  });

  test.each([
    ['rejection', 'rejected', 'Rejected'],
    ['cancellation', 'cancelled', 'Cancelled'],
  ])('after a %s the run stays %s, and says what is left', async (_name, state, type) => {
    const run = begin(driver, runbook([change('one'), gate]), failing('one.undo'));
    await (state === 'rejected' ? answer(run, 'reject') : tell(run, 'cancel'));
    await answer(run, 'skip');
    await run.end();
    expect(await status(run)).toMatchObject({
      state,
      problem: { type, message: expect.stringContaining('could not be undone: one') },
    });
  });
});

describe('a decision whose question is gone when it has been judged', () => {
  /** A judge that takes its time, so that the question can close meanwhile. */
  function slow(
    spec: ReturnType<typeof runbook>,
    play: PlayCommand,
  ): Record<string, ActivityFunction> {
    const real = activities(play, [spec]);
    const judge = real['judge'] as ActivityFunction;
    return {
      ...real,
      judge: async (request, activity) => {
        await activity.sleep(2_000);
        return judge(request, activity);
      },
    };
  }

  test.each<[string, object, 'approve' | 'done']>([
    ['a gate', { id: 'open', title: 'Go on?', kind: 'approval', effect: 'read' }, 'approve'],
    ['a step by hand', { id: 'open', title: 'By hand', kind: 'manual', effect: 'read' }, 'done'],
  ])('%s of a run that Temporal cancels: nothing comes of it', async (_name, step, verb) => {
    const spec = runbook([change('one'), step, change('two')]);
    const run = begin(
      driver,
      spec,
      undefined,
      {},
      { activities: slow(spec, (_request, activity) => activity.attempt) },
    );
    await run.settle();
    const id = send(run, verb, await about(run));
    await run.settle();
    run.cancel();
    await expect(run.result()).rejects.toBeInstanceOf(CancelledFailure);
    expect(await run.query('verdict', id)).toMatchObject({ accepted: true });
    expect(commands(run)).toEqual(['one', 'one.undo']);
  });

  test.each<[string, object, ['approve' | 'skip', object], ['reject' | 'abort', object], string]>([
    [
      'a gate',
      gate,
      ['approve', { about: { kind: 'gate', id: 'gate' } }],
      ['reject', { about: { kind: 'gate', id: 'gate' } }],
      'succeeded',
    ],
    [
      'a step by hand',
      hand,
      ['skip', { about: { kind: 'step', id: 'hand' } }],
      ['abort', { about: { kind: 'step', id: 'hand' } }],
      'succeeded-with-exceptions',
    ],
  ])(
    '%s: when a worker of another release accepts two, the first counts',
    async (_name, step, first, second, state) => {
      const spec = runbook([step]);
      const lenient = ({ decisions }: JudgeRequest): JudgeAnswer => ({
        verdicts: decisions.map(({ id, at }) => ({
          decision: id,
          accepted: true,
          code: 'accepted',
          message: '',
          at,
        })),
      });
      const run = begin(
        driver,
        spec,
        undefined,
        {},
        { activities: { ...activities(() => null, [spec]), judge: lenient } },
      );
      await run.settle();
      for (const [verb, place] of [first, second]) send(run, verb, { ...place, attempt: 1 });
      await run.end();
      expect((await status(run)).state).toBe(state);
    },
  );

  test('a gate that the run never comes to, because its changes are undone, is closed', async () => {
    const run = begin(driver, runbook([change('one'), hand, gate]), (_request, activity) =>
      activity.sleep(1_000).then(() => null),
    );
    await run.advance(2_000);
    expect(
      await tell(run, 'approve', { about: { kind: 'gate', id: 'gate' }, attempt: 1 }),
    ).toMatchObject({
      code: 'not-waiting',
    });
    await answer(run, 'rollback');
    expect(
      await tell(run, 'approve', { about: { kind: 'gate', id: 'gate' }, attempt: 1 }),
    ).toMatchObject({
      ...{ accepted: false, code: 'already-decided' },
      message: expect.stringContaining('already closed'),
    });
    await run.end();
    expect((await status(run)).state).toBe('rolled-back');
  });

  test('one that comes while the run ends is told that it has ended', async () => {
    const spec = runbook([gate]);
    const run = begin(driver, spec, undefined, {}, { activities: slow(spec, () => null) });
    await run.settle();
    send(run, 'abort');
    await run.advance(1_000);
    send(run, 'approve', await about(run));
    await run.advance(2_000);
    const late = send(run, 'pause');
    await run.end();
    expect(await run.query('verdict', late)).toMatchObject({
      code: 'not-waiting',
      message: expect.stringContaining('already ended'),
    });
  });

  test('one that comes with the deadline itself counts', async () => {
    const spec = runbook([{ ...gate, deadlineMs: 1_000 }, change('two')]);
    const run = begin(driver, spec);
    await run.advance(500);
    run.signalWithNext('decide', {
      ...{
        version: 1,
        id: 'in-time',
        run: run.workflowId,
        verb: 'approve',
        by: 'ann',
        reason: 'because',
      },
      ...(await about(run)),
    });
    expect(await run.result()).toMatchObject({ state: 'succeeded' });
    expect(commands(run)).toEqual(['two']);
  });

  test('one that came before the deadline counts, although it is judged behind it', async () => {
    const spec = runbook([
      {
        id: 'gate',
        title: 'Go on?',
        kind: 'approval',
        effect: 'read',
        deadlineMs: 1_000,
        approvers: 'anyone',
      },
      change('two'),
    ]);
    const begun = (): Run =>
      begin(driver, spec, undefined, {}, { activities: slow(spec, () => null) });
    const run = begun();
    await run.advance(500);
    expect((await status(run)).waitingFor).toMatchObject([
      { who: 'an operator', deadline: '2026-01-01T00:00:01.000Z' },
    ]);
    const asked = await about(run);
    send(run, 'approve', asked);
    expect(await run.result()).toMatchObject({ state: 'succeeded' });

    const refused = begun();
    await refused.advance(500);
    send(refused, 'approve', { ...asked, digest: 'another' });
    await refused.end();
    expect(await status(refused)).toMatchObject({
      state: 'rejected',
      problem: { type: 'Expired' },
    });
    expect(commands(refused)).toEqual([]);
  });
});

describe('what is no decision', () => {
  test('is answered, and harms nothing: lists, texts, nothing at all, the same thing twice', async () => {
    const run = begin(
      driver,
      runbook([{ id: 'gate', title: 'Go on?', kind: 'approval', effect: 'read' }]),
    );
    await run.settle();
    run.signal('decide', ['a', 'list']);
    run.signal('decide', 'a text');
    run.signal('decide');
    run.signal('decide', { id: 'large', text: 'x'.repeat(100_000) });
    run.signal('decide', { id: 'twice' });
    run.signal('decide', { id: 'twice' });
    await run.settle();
    run.signal('decide', { id: '' });
    run.signal('decide', { id: 'x'.repeat(201) });
    run.signal('decide', { id: 'x'.repeat(200), none: null, list: [null] });
    run.signal('decide', null);
    await run.settle();
    const { decisions } = await status(run);
    expect(decisions.map(({ id }) => id)).toEqual([
      ...['unnamed-1', 'unnamed-2', 'unnamed-3', 'unnamed-4', 'twice', 'unnamed-7', 'unnamed-8'],
      ...['x'.repeat(200), 'unnamed-10'],
    ]);
    const judged = run.trace.flatMap((entry) =>
      entry.type === 'activity' && entry.activity === 'judge' ? entry.input : [],
    );
    expect(JSON.stringify(judged).length).toBeLessThan(20_000);
    expect(decisions.map(({ code, by }) => [code, by])).toEqual(
      Array.from({ length: 9 }, () => ['malformed', '']),
    );
    expect(await run.query('verdict', 'twice')).toMatchObject({ code: 'malformed' });
    expect(await answer(run, 'approve')).toMatchObject({ accepted: true });
    expect(await run.result()).toMatchObject({ state: 'succeeded' });
  });

  test('is known by its id up to 8,192 characters and 51 levels; beyond, only its beginning is kept', async () => {
    const run = begin(driver, runbook([gate]));
    await run.settle();
    const long = (id: string, characters: number): object => ({
      id,
      text: 'x'.repeat(characters - `{"id":"${id}","text":""}`.length),
    });
    const deep = (levels: number): unknown => (levels === 0 ? 1 : [deep(levels - 1)]);
    run.signal('decide', long('long', 8_192));
    run.signal('decide', long('longer', 8_193));
    run.signal('decide', { id: 'deep', list: deep(49) });
    run.signal('decide', { id: 'deeper', list: deep(50) });
    await run.settle();
    expect((await status(run)).decisions.map(({ id }) => id)).toEqual([
      'long',
      'unnamed-2',
      'deep',
      'unnamed-4',
    ]);
  });

  test('however deep it is nested: it is answered, and the run can be told what becomes of it', async () => {
    const run = begin(
      driver,
      runbook([{ id: 'gate', title: 'Go on?', kind: 'approval', effect: 'read' }]),
    );
    await run.settle();
    const json = { metadata: { encoding: Buffer.from('json/plain') } };
    const nested = (depth: number): string => '['.repeat(depth) + ']'.repeat(depth);
    for (const text of [
      nested(60),
      nested(4_000),
      nested(100_000),
      `{"id":"deep","outputs":{"a":${nested(3_000)}}}`,
    ]) {
      run.signalRaw('decide', { ...json, data: Buffer.from(text) });
    }
    run.signalRaw('decide', {
      metadata: { encoding: Buffer.from('binary/plain') },
      data: Buffer.alloc(100_000),
    });
    await run.settle();
    expect((await status(run)).decisions.map(({ code }) => code)).toEqual(
      Array.from({ length: 5 }, () => 'malformed'),
    );
    expect(await answer(run, 'approve')).toMatchObject({ accepted: true });
    expect(await run.result()).toMatchObject({ state: 'succeeded' });
  });

  test('when fewer answers come than were asked for, it was not judged, and nothing comes of it', async () => {
    const spec = runbook([{ id: 'gate', title: 'Go on?', kind: 'approval', effect: 'read' }]);
    const real = activities(() => null, [spec]);
    const run = begin(
      driver,
      spec,
      undefined,
      {},
      { activities: { ...real, judge: () => ({ verdicts: [] }) } },
    );
    await run.settle();
    expect(await answer(run, 'approve')).toMatchObject({ accepted: false, code: 'not-judged' });
    expect((await status(run)).waitingFor).toHaveLength(1);
  });

  const start = envelope('told', {});
  test.each<[string, unknown]>([
    ['nothing', null],
    ['another version', { ...start, version: 2 }],
    ['what only asks for the plan', { ...start, verb: 'plan' }],
    ['another runbook', { ...start, runbook: 'other' }],
    ['nobody who asks', { ...start, by: undefined }],
    ['what a run hands to its next execution', { version: 1, verb: 'continue', envelope: start }],
  ])(
    'a run that was started with %s ends with words, before anything is done',
    async (_name, argument) => {
      const run = driver.start('told', [argument], {
        activities: activities(() => null, [runbook([change('one')])]),
      });
      await expect(run.result()).rejects.toMatchObject({
        type: 'Refused',
        message: expect.stringContaining('runbook start told'),
      });
      expect(run.trace).toHaveLength(2);
      expect(run.trace[0]).toMatchObject({ activity: 'refuse' });
    },
  );
});
