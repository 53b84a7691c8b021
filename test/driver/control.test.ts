import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { Admission } from '../../common/admission.js';
import type { StartEnvelope } from '../../common/envelope.js';
import type { StepView } from '../../common/view.js';
import { digestOf } from '../../language/digest.js';
import type { JsonObject } from '../../language/json.js';
import type { Driver } from '../../testing/driver/driver.js';
import type { Run } from '../../testing/driver/run.js';
import type { RunOptions } from '../../testing/driver/server.js';
import { openDriver } from './open.js';
import {
  answer,
  begin as beginPlan,
  change,
  commands,
  failing,
  fine,
  lasting,
  runbook,
  states,
  tell,
} from './plans.js';
import { activities, envelope, status, stepFailure, type PlayCommand } from './world.js';

/*
 * What people tell a run as a whole, and what becomes of it: on the real workflow code, with plans
 * as data.
 */

let driver: Driver;
beforeAll(async () => {
  driver = await openDriver('workflows/index');
}, 60_000);
afterAll(() => driver?.close());

/** Two changes that can be undone, a gate between them, and a third. */
const steps: object[] = [
  change('one'),
  { id: 'gate', title: 'May it go on?', kind: 'approval', effect: 'read' },
  change('two'),
  change('three'),
];

function begin(
  inner: readonly object[],
  play = fine,
  change: Partial<StartEnvelope> = {},
  options: Partial<RunOptions> = {},
): Run {
  return beginPlan(
    driver,
    runbook(inner, { outputs: { two: { $: 'steps.two' } } }),
    play,
    change,
    options,
  );
}

describe('pause and resume', () => {
  test('what runs goes on to its end, nothing new begins, decisions are still taken', async () => {
    const run = begin(steps, async ({ step }, activity) => {
      await activity.sleep(1_000);
      return step.path;
    });
    await run.advance(500);
    expect(await tell(run, 'pause')).toMatchObject({
      accepted: true,
      message: expect.stringContaining('one'),
    });
    await run.advance(600_000);
    expect(await status(run)).toMatchObject({
      state: 'paused',
      steps: [{ id: 'one', state: 'succeeded' }, {}, {}, {}],
    });
    expect(await tell(run, 'pause')).toMatchObject({ accepted: false, code: 'already-decided' });
    expect(await answer(run, 'approve')).toMatchObject({ accepted: true });
    await run.advance(600_000);
    expect(commands(run)).toEqual(['one']);
    expect(await tell(run, 'resume')).toMatchObject({ accepted: true });
    expect(await tell(run, 'resume')).toMatchObject({ accepted: false, code: 'already-decided' });
    expect(await run.result()).toMatchObject({ state: 'succeeded', outputs: { two: 'two' } });
  });

  test('a paused run can be cancelled, and undoes what it did', async () => {
    const run = begin(steps);
    await run.advance(50);
    await tell(run, 'pause');
    expect(await tell(run, 'cancel')).toMatchObject({ accepted: true });
    await run.end();
    expect(commands(run)).toEqual(['one', 'one.undo']);
    expect(await status(run)).toMatchObject({
      state: 'cancelled',
      problem: { message: 'operator cancelled the run: because' },
    });
  });

  test('a rollback can be paused between its undos, and stopped', async () => {
    const run = begin(steps, async ({ step }, activity) => {
      if (step.path.endsWith('.undo')) await activity.sleep(1_000);
      return null;
    });
    await answer(run, 'approve');
    const view = await status(run);
    expect(view.state).toBe('succeeded');
    const again = begin(
      [...steps, { id: 'last', title: 'Last', kind: 'manual', effect: 'read' }],
      async ({ step }, activity) => {
        if (step.path.endsWith('.undo')) await activity.sleep(1_000);
        return null;
      },
    );
    await answer(again, 'approve');
    await answer(again, 'rollback');
    expect(await tell(again, 'pause')).toMatchObject({ accepted: true });
    await again.advance(600_000);
    expect(commands(again)).toEqual(['one', 'two', 'three', 'three.undo']);
    expect((await status(again)).state).toBe('paused');
    expect(await tell(again, 'cancel')).toMatchObject({ accepted: false, code: 'not-possible' });
    expect(await tell(again, 'abort')).toMatchObject({ accepted: true });
    await again.end();
    expect(commands(again)).toEqual(['one', 'two', 'three', 'three.undo']);
    expect(await status(again)).toMatchObject({
      state: 'failed',
      problem: { message: expect.stringContaining('could not be undone: two, one') },
    });
  });
});

describe('ending a run', () => {
  test('abort leaves everything as it is and says what that is', async () => {
    const run = begin(steps);
    await run.advance(50);
    expect(await tell(run, 'abort')).toMatchObject({ accepted: true });
    await run.end();
    expect(commands(run)).toEqual(['one']);
    expect(await status(run)).toMatchObject({
      state: 'cancelled',
      problem: { type: 'Aborted', message: expect.stringMatching(/; left as they are: one$/) },
    });
  });

  test('rollback on demand undoes what was shown, and nothing else', async () => {
    const run = begin([...steps, { id: 'last', title: 'Last', kind: 'manual', effect: 'read' }]);
    await answer(run, 'approve');
    await run.advance(50);
    const { undos } = await status(run);
    expect(undos).toEqual(['three', 'two', 'one']);
    expect(await tell(run, 'rollback', { digest: digestOf(['two', 'one']) })).toMatchObject({
      accepted: false,
      code: 'stale',
    });
    expect(await tell(run, 'rollback', { digest: digestOf(undos) })).toMatchObject({
      accepted: true,
    });
    await run.end();
    expect(commands(run).slice(3)).toEqual(['three.undo', 'two.undo', 'one.undo']);
    expect((await status(run)).state).toBe('rolled-back');
  });

  test('where nothing can be undone, rollback is refused and says what can be done', async () => {
    const hand = { id: 'two', title: 'By hand', kind: 'manual', effect: 'change' };
    const run = begin([hand]);
    await run.advance(50);
    expect(await tell(run, 'rollback')).toMatchObject({ accepted: false, code: 'not-possible' });
    expect(await tell(run, 'abort', { reason: ' ' })).toMatchObject({
      accepted: false,
      code: 'reason-missing',
    });
  });

  test('a point of no return ends what can be undone', async () => {
    const run = begin(
      [change('one'), change('two', { pointOfNoReturn: true }), change('three'), change('four')],
      failing('four'),
    );
    await answer(run, 'rollback');
    await run.end();
    expect(commands(run)).toEqual([
      'one',
      'two',
      'three',
      'four',
      'four.undo',
      'three.undo',
      'two.undo',
    ]);
    expect(states(await status(run))).toEqual({
      one: 'succeeded',
      two: 'undone',
      three: 'undone',
      four: 'undone',
    });
  });
});

describe('an undo that fails', () => {
  const play = failing('two', 'one.undo');

  test('asks; done by hand goes on', async () => {
    const run = begin([change('zero'), change('one'), change('two')], play);
    await answer(run, 'rollback');
    expect((await status(run)).waitingFor).toMatchObject([{ id: 'one.undo', kind: 'undo' }]);
    expect((await status(run)).state).toBe('needs-operator');
    expect(await answer(run, 'rollback')).toMatchObject({ accepted: false, code: 'not-possible' });
    await answer(run, 'done');
    await run.end();
    expect(states(await status(run))).toEqual({ zero: 'undone', one: 'undone', two: 'undone' });
    expect((await status(run)).state).toBe('rolled-back');
  });

  test('abort stops there, and the end says what stays', async () => {
    const run = begin([change('zero'), change('one'), change('two')], play);
    await answer(run, 'rollback');
    await answer(run, 'abort');
    await run.end();
    expect(states(await status(run))).toEqual({ zero: 'succeeded', one: 'failed', two: 'undone' });
    expect(await status(run)).toMatchObject({
      state: 'failed',
      problem: { message: expect.stringContaining('one, zero') },
    });
  });
});

describe('changed inputs', () => {
  test('decide anew which steps are needed; what was done stays done', async () => {
    const due = (word: string) => ({ when: `inputs.word == ${JSON.stringify(word)}` });
    const each = [
      { ...lasting('for-hello'), ...due('hello') },
      { ...lasting('for-world'), ...due('world') },
      lasting('one'),
    ];
    let broken = true;
    const run = beginPlan(driver, runbook(each), (request, activity) => {
      if (request.step.path === 'one' && broken)
        throw stepFailure(request, activity, 'CommandMissing', 'not there');
      return request.step.path;
    });
    await run.advance(50);
    expect(states(await status(run))).toMatchObject({ 'for-world': 'not-needed' });
    broken = false;
    await answer(run, 'retry', { inputs: { word: 'world' } });
    expect(await run.result()).toMatchObject({ state: 'succeeded' });
    expect(commands(run)).toEqual(['for-hello', 'one', 'for-world', 'one']);
    expect(states(await status(run))).toEqual({
      'for-hello': 'succeeded',
      'for-world': 'succeeded',
      one: 'succeeded',
    });
  });

  test('before a gate was asked: it asks once, about them', async () => {
    let broken = true;
    const run = begin(steps, (request, activity) => {
      if (broken) throw stepFailure(request, activity, 'CommandMissing', 'not there');
      return null;
    });
    await run.advance(50);
    broken = false;
    await answer(run, 'retry', { inputs: { word: 'world' } });
    await answer(run, 'approve');
    await run.end();
    expect(commands(run)).toEqual(['one', 'one', 'two', 'three']);
  });

  test.each([
    ['rejected', 'reject'],
    ['cancelled', 'cancel'],
  ] as const)(
    'and %s at the gate that asks again: what was done is undone',
    async (state, verb) => {
      let broken = true;
      const run = begin(steps, (request, activity) => {
        if (request.step.path === 'three' && broken)
          throw stepFailure(request, activity, 'CommandMissing', 'not there');
        return null;
      });
      await answer(run, 'approve');
      broken = false;
      await answer(run, 'retry', { inputs: { word: 'world' } });
      await run.advance(50);
      const view = await status(run);
      // What was done is not done again, and is undone by whoever says no.
      expect(view.waitingFor[0]?.follows?.map(({ step }) => step)).toEqual(['three']);
      expect(view.undos).toEqual(['three', 'two', 'one']);
      await (verb === 'cancel' ? tell(run, verb) : answer(run, verb));
      await run.end();
      expect((await status(run)).state).toBe(state);
      const undone = ['three.undo', 'two.undo', 'one.undo'];
      expect(commands(run)).toEqual(['one', 'two', 'three', ...undone]);
    },
  );

  test('the step is tried again with them, gates ask again and show the change, what is done stays done', async () => {
    let broken = true;
    const run = begin(steps, (request, activity) => {
      if (request.step.path === 'two' && broken)
        throw stepFailure(request, activity, 'CommandMissing', 'not there');
      return request.action.argv[1] ?? null;
    });
    await answer(run, 'approve');
    const before = await status(run);
    expect(await answer(run, 'retry', { inputs: { word: 'much too long for it' } })).toMatchObject({
      accepted: false,
      code: 'input-refused',
    });
    broken = false;
    expect(await answer(run, 'retry', { inputs: { word: 'world' } })).toMatchObject({
      accepted: true,
    });
    await run.advance(50);
    const after = await status(run);
    expect(after.planDigest).not.toBe(before.planDigest);
    expect(after.inputs).toEqual({ word: 'world' });
    expect(after.waitingFor).toMatchObject([
      {
        id: 'gate',
        attempt: 2,
        evidence: { 'inputs changed since the last approval': 'word: "hello" → "world"' },
      },
    ]);
    // The question stays the same one when the run continues as new while it waits.
    run.signal('border');
    await run.advance(500);
    expect((await status(run)).waitingFor).toEqual(after.waitingFor);
    await answer(run, 'approve');
    expect(await run.result()).toMatchObject({ state: 'succeeded', outputs: { two: 'world' } });
    expect(commands(run)).toEqual(['one', 'two', 'two', 'three']);
  });
});

describe('nobody is there', () => {
  test.each([
    ['abort', 'failed', ['one', 'two']],
    ['rollback', 'rolled-back', ['one', 'two', 'two.undo', 'one.undo']],
    ['continue', 'succeeded-with-exceptions', ['one', 'two', 'three']],
  ] as const)('a failed step that would ask: %s', async (unattended, state, done) => {
    const run = begin([change('one'), change('two'), change('three')], failing('two'), {
      unattended,
    });
    await run.end();
    expect((await status(run)).state).toBe(state);
    expect(commands(run)).toEqual(done);
  });
});

test('a gate waits all the same where nobody is there', async () => {
  const run = begin(steps, fine, { unattended: 'continue' });
  await run.advance(60_000);
  expect((await status(run)).waitingFor).toMatchObject([{ id: 'gate', kind: 'approval' }]);
  expect(commands(run)).toEqual(['one']);
});

describe('a step that people do', () => {
  test('waits for them, with what they have to do, and takes what they answer', async () => {
    const manual = {
      id: 'two',
      title: 'Pull the cable',
      kind: 'manual',
      effect: 'change',
      instructions: 'Pull it.',
      answers: ['port'],
    };
    const run = begin([change('one'), manual, change('three')]);
    await run.advance(50);
    expect((await status(run)).waitingFor).toMatchObject([
      { kind: 'manual', id: 'two', evidence: { 'what to do': 'Pull it.' } },
    ]);
    expect(await answer(run, 'retry')).toMatchObject({ accepted: false, code: 'not-possible' });
    expect(await answer(run, 'done')).toMatchObject({ accepted: false, code: 'output-missing' });
    expect(await answer(run, 'done', { outputs: { port: 7 } })).toMatchObject({ accepted: true });
    expect(await run.result()).toMatchObject({ outputs: { two: { port: 7 } } });
  });
});

describe('a run that takes over from a dead one', () => {
  /** As admission would: the test plays the record. */
  function takingOver(
    taken: Partial<StepView>[],
    inner: readonly object[],
    play: PlayCommand,
  ): Run {
    const asked = { ...envelope('told', {}), from: { run: 'dead' } };
    const real = activities(play, [runbook(inner)]);
    const admitted = real['admit'] as unknown as (request: JsonObject) => Admission;
    return driver.start('told', [asked], {
      workflowId: asked.run,
      activities: {
        ...real,
        check: real['command'] as never,
        admit: (request: JsonObject) => ({
          ...admitted(request),
          taken: taken.map((step) => ({ ...blank, ...step })),
        }),
      },
    });
  }
  const blank = {
    title: 'taken',
    kind: 'command',
    effect: 'change',
    attempts: 1,
    startedAt: null,
    endedAt: null,
    error: null,
    takenFrom: 'dead',
  };

  test('finished steps are passed over and can be undone; an unknown one asks before it is done', async () => {
    const run = takingOver(
      [
        { id: 'one', state: 'succeeded', output: 'before' },
        { id: 'two', state: 'unknown', output: null },
      ],
      [change('one'), change('two'), change('three')],
      fine,
    );
    await run.advance(50);
    expect(await status(run)).toMatchObject({
      state: 'needs-operator',
      waitingFor: [{ id: 'two' }],
    });
    expect(commands(run)).toEqual([]);
    await answer(run, 'retry');
    await run.end();
    expect(commands(run)).toEqual(['two', 'three']);
  });

  test('a result that its check no longer finds is made anew, and shown as drifted', async () => {
    const probe = {
      kind: 'check',
      probe: { kind: 'command', argv: ['look'] },
      until: 'out.exitCode == 0',
      everyMs: 100,
    };
    const checked = (id: string): object => {
      const spec = change(id) as { work: object };
      return { ...spec, work: { ...spec.work, check: probe } };
    };
    const run = takingOver(
      [
        { id: 'one', state: 'succeeded', output: 'before' },
        { id: 'two', state: 'succeeded', output: 'before' },
      ],
      [checked('one'), checked('two'), change('three')],
      failing('two.check'),
    );
    await run.end();
    expect(commands(run)).toEqual(['two', 'three']);
    expect(await status(run)).toMatchObject({ probed: ['one'], drifted: ['two'] });
  });
});
