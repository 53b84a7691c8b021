import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { ApplicationFailure } from '@temporalio/common';
import type { Admission } from '../../common/admission.js';
import type { AttemptRequest } from '../../common/attempt.js';
import type { StartEnvelope } from '../../common/envelope.js';
import { messageNames } from '../../common/defaults.js';
import { leftBy } from '../../common/left.js';
import type { Json } from '../../language/json.js';
import { readCondition, readExpression } from '../../language/read-expression.js';
import type { Driver } from '../../testing/driver/driver.js';
import { outline } from '../../testing/driver/trace.js';
import { openDriver } from './open.js';
import {
  answer,
  begin,
  change,
  commands,
  failing,
  fine,
  gate,
  lasting,
  runbook,
  send,
  states,
  tell,
} from './plans.js';
import { activities, envelope, status, stepFailure, type PlayCommand } from './world.js';

/*
 * What a run asks people, what it shows them, and what becomes of it in its next execution.
 */

let driver: Driver;
beforeAll(async () => {
  driver = await openDriver('workflows/index');
}, 60_000);
afterAll(() => driver?.close());

describe('a step that failed for good', () => {
  test('says what to do next, and what later steps need of it: it cannot be skipped', async () => {
    const run = begin(
      driver,
      runbook([change('one', { answers: ['port'] })]),
      (request, activity) => {
        throw stepFailure(request, activity, 'CommandMissing', 'not there', {
          next: 'Install it.',
        });
      },
    );
    await run.settle();
    const [wait] = (await status(run)).waitingFor;
    expect(wait?.evidence).toMatchObject({
      next: 'Install it.',
      done: expect.stringContaining('give port with --output'),
    });
    expect(await answer(run, 'skip')).toMatchObject({ accepted: false, code: 'output-missing' });
    expect(await answer(run, 'done', { outputs: { port: 1 } })).toMatchObject({ accepted: true });
    expect(await run.result()).toMatchObject({ state: 'succeeded' });
  });

  test.each(['abort', 'rollback', 'continue'])(
    'and nobody knows what became of it: it asks, although it would %s',
    async (onFailure) => {
      const run = begin(driver, runbook([change('one', { onFailure })]), (request, activity) => {
        throw stepFailure(request, activity, 'OutcomeUnknown', 'nobody knows');
      });
      await run.settle();
      expect((await status(run)).steps).toMatchObject([{ state: 'unknown' }]);
      const [wait] = (await status(run)).waitingFor;
      expect(wait).toMatchObject({
        title: expect.stringContaining('it is not known'),
        evidence: { retry: expect.stringContaining('twice') },
      });
    },
  );

  test.each(['LeaseLost', 'NotConfirmed', 'StillRuns', 'NotAsPlanned', 'OutOfPlace'] as const)(
    'because it was not let begin (%s): it asks, although it may fail',
    async (type) => {
      const play: PlayCommand = (request, activity) => {
        throw stepFailure(request, activity, type, 'nothing was begun');
      };
      const may = change('one', { onFailure: 'continue' });
      const attended = begin(driver, runbook([may]), play);
      await attended.settle();
      expect((await status(attended)).waitingFor).toMatchObject([{ kind: 'failure', id: 'one' }]);
      const alone = begin(driver, runbook([may]), play, { unattended: 'continue' });
      expect(await alone.result()).toMatchObject({ state: 'succeeded-with-exceptions' });
    },
  );

  test('because its target was taken: a retry claims the target again', async () => {
    const asked: AttemptRequest[] = [];
    const run = begin(driver, runbook([change('one')]), (request, activity) => {
      asked.push(request);
      if (asked.length === 1)
        throw stepFailure(request, activity, 'LeaseLost', 'run other has the target');
      return null;
    });
    await run.settle();
    await answer(run, 'retry');
    await run.end();
    expect(asked.map(({ retakeLease, attempts }) => [retakeLease, attempts])).toEqual([
      [undefined, 1],
      [true, 2],
    ]);
  });

  test('changed inputs that admission refuses after all: it asks again', async () => {
    const spec = runbook([change('one')]);
    const real = activities(
      (request, activity) => {
        throw stepFailure(request, activity, 'CommandMissing', 'not there');
      },
      [spec],
    );
    const admit = real['admit'] as unknown as (request: { envelope: StartEnvelope }) => Admission;
    const admitted = (request: { envelope: StartEnvelope }): Admission =>
      request.envelope.inputs['word'] === 'other'
        ? { admitted: false, problem: { type: 'Refused', message: 'no longer there' } }
        : admit(request);
    const run = begin(driver, spec, fine, {}, { activities: { ...real, admit: admitted } });
    await run.settle();
    expect(await answer(run, 'retry', { inputs: { word: 'other' } })).toMatchObject({
      accepted: true,
    });
    await run.advance(500);
    expect((await status(run)).waitingFor).toMatchObject([{ id: 'one', attempt: 2 }]);
    expect((await status(run)).inputs).toEqual({ word: 'hello' });
  });

  test('an input that was not given is shown as such where it changes', async () => {
    const text = { type: 'text', description: 'more', optional: true };
    const spec = runbook([gate, lasting('one')], {
      inputs: { more: text },
    });
    let broken = true;
    const run = begin(driver, spec, (request, activity) => {
      if (broken) throw stepFailure(request, activity, 'CommandMissing', 'not there');
      return null;
    });
    await answer(run, 'approve');
    await answer(run, 'retry', { inputs: { more: 'this' } });
    await run.advance(500);
    expect((await status(run)).waitingFor[0]?.evidence).toEqual({
      'inputs changed since the last approval': 'more: not given → "this"',
    });
    broken = false;
    await answer(run, 'approve');
    expect(await run.result()).toMatchObject({ state: 'succeeded' });
  });
});

describe('a step that needs what nobody has answered', () => {
  const missing = { $: 'steps.one.none' };
  const action = { kind: 'command', argv: ['use', missing] };
  const each = { id: 'each', title: 'Each', kind: 'forEach', effect: 'read', items: missing };

  test.each<[string, object]>([
    ['an argument', lasting('two', { action })],
    ['a list', { ...each, steps: [lasting('look')] }],
  ])('asks people: %s; done goes on, rollback undoes', async (_what, step) => {
    for (const [verb, state] of [
      ['done', 'succeeded'],
      ['rollback', 'rolled-back'],
    ] as const) {
      const run = begin(driver, runbook([change('one'), step]), fine);
      await run.settle();
      const [wait] = (await status(run)).waitingFor;
      expect(wait).toMatchObject({
        kind: 'failure',
        title: expect.stringContaining('what it needs is not there') as unknown,
      });
      await answer(run, verb, verb === 'done' ? { outputs: {} } : {});
      await run.result().catch(() => undefined);
      const view = await status(run);
      expect(view.state).toBe(state);
      expect(commands(run)).toEqual(verb === 'done' ? ['one'] : ['one', 'one.undo']);
    }
  });
});

describe('a step that needs what a secret was taken out of', () => {
  const marks = { truncated: true, blanked: ['login', 'list'], cut: ['login', 'list'] };
  const output = { login: '[secret login]', list: ['[secret login]'], ...marks };
  const from = (text: string): Json => readExpression(text) as unknown as Json;
  const use = (argument: Json) => ({
    work: { action: { kind: 'command', argv: ['use', argument] } },
  });
  const each = { id: 'each', title: 'Each', kind: 'forEach', effect: 'read' };

  test.each<[string, object]>([
    ['an argument', change('two', use(from('steps.one.login')))],
    ['text around it', change('two', use({ join: ['u:', from('steps.one.login')] }))],
    ['a part of it', change('two', use(from('steps.one.login.take(3)')))],
    ['the whole answer', change('two', use(from('steps.one')))],
    ['a list', { ...each, items: from('steps.one.list'), steps: [lasting('look')] }],
    ['a condition', change('two', { when: readExpression('steps.one.login == "x"') })],
  ])('is not done, and says why: %s', async (_what, step) => {
    const run = begin(driver, runbook([change('one'), step]), () => output);
    await run.settle();
    const { waitingFor, steps } = await status(run);
    expect(waitingFor).toMatchObject([{ kind: 'failure' }]);
    expect(steps.at(-1)?.error?.message).toContain('held a secret, which was taken out');
    expect(commands(run)).toEqual(['one']);
    await answer(run, 'abort');
    await run.end();
    // It never began: what is left is of the step before.
    const ended = await status(run);
    expect(leftBy(ended).map(({ step: left }) => left)).toEqual(['one']);
    expect(commands(run)).toEqual(['one']);
  });

  test('goes on without its mark: with what people see', async () => {
    const { truncated: _, cut: _cut, blanked: _blanked, ...unmarked } = { ...output };
    const step = change('two', use(from('steps.one.login')));
    const run = begin(driver, runbook([change('one'), step]), () => unmarked);
    await run.end();
    expect(commands(run)).toEqual(['one', 'two']);
  });
});

describe('the next execution', () => {
  test('knows what was decided before, and gives what has no name another one', async () => {
    const run = begin(driver, runbook([gate]));
    await run.settle();
    run.signal('junk', {});
    const id = send(run, 'approve', {
      about: { kind: 'gate', id: 'gate' },
      attempt: 7,
      digest: 'other',
    });
    await run.settle();
    run.signal(messageNames.border);
    await run.advance(500);
    run.signal('junk', {});
    run.signal(messageNames.decide, { id });
    await run.settle();
    const { decisions } = await status(run);
    // What was refused does not use up its id: the last one is judged for itself.
    const codes = ['malformed', 'stale', 'malformed', 'malformed'];
    expect(decisions.map(({ code }) => code)).toEqual(codes);
    expect(new Set(decisions.map((decision) => decision.id)).size).toBe(3);
    expect(await run.query(messageNames.verdict, id)).toMatchObject({ code: 'malformed' });
  });

  test('of a rollback goes on with it: what stays is remembered, what is undone is not undone again', async () => {
    const steps = ['zero', 'one', 'two', 'three'].map((step) => change(step));
    const run = begin(driver, runbook([...steps, gate]), async (request, activity) => {
      if (request.step.path.endsWith('.undo')) await activity.sleep(1_000);
      if (request.step.path === 'two.undo')
        throw stepFailure(request, activity, 'CommandMissing', 'not there');
      return null;
    });
    await answer(run, 'reject');
    expect((await status(run)).undos).toEqual(['three', 'two', 'one', 'zero']);
    await run.advance(1_000);
    expect((await status(run)).undos).toEqual(['two', 'one', 'zero']);
    await run.advance(2_000);
    run.signal(messageNames.border);
    await run.advance(500);
    expect(await status(run)).toMatchObject({
      state: 'needs-operator',
      waitingFor: [{ id: 'two.undo', attempt: 1 }],
    });
    await answer(run, 'skip');
    run.signal(messageNames.border);
    await run.advance(1_500);
    expect((await status(run)).state).toBe('rolling-back');
    await run.end();
    expect(outline(run.trace).filter((line) => line.startsWith('continue-as-new'))).toHaveLength(2);
    expect(commands(run).slice(4)).toEqual(['three.undo', 'two.undo', 'one.undo', 'zero.undo']);
    expect(await status(run)).toMatchObject({
      state: 'rejected',
      problem: { message: expect.stringMatching(/could not be undone: two$/) },
    });
  });

  test('of a run whose step asks undoes it once, however often it was tried and continued', async () => {
    const run = begin(driver, runbook([change('one'), change('two')]), failing('two'));
    await run.settle();
    run.signal(messageNames.border);
    await run.advance(500);
    expect((await status(run)).undos).toEqual(['two', 'one']);
    await answer(run, 'retry');
    await run.advance(500);
    await answer(run, 'rollback');
    await run.end();
    expect(commands(run)).toEqual(['one', 'two', 'two', 'two.undo', 'one.undo']);
  });

  test('is not needed for that: a step that was tried again is undone once', async () => {
    const run = begin(driver, runbook([change('one'), change('two')]), failing('two'));
    await answer(run, 'retry');
    expect((await status(run)).undos).toEqual(['two', 'one']);
    await answer(run, 'rollback');
    await run.end();
    expect(commands(run)).toEqual(['one', 'two', 'two', 'two.undo', 'one.undo']);
  });

  test('has the inputs that were changed in all before', async () => {
    const inputs = {
      word: { type: 'text', description: 'a word', default: 'hello', maxLength: 10 },
      more: { type: 'text', description: 'more', default: 'a' },
    };
    const work = {
      action: { kind: 'command', argv: ['do', { $: 'inputs.word' }, { $: 'inputs.more' }] },
    };
    const given: (readonly string[])[] = [];
    const run = begin(
      driver,
      runbook([gate, lasting('one', work)], { inputs }),
      (request, activity) => {
        given.push(request.action.argv);
        if (given.length < 3) throw stepFailure(request, activity, 'CommandMissing', 'not there');
        return null;
      },
    );
    for (const changed of [{ word: 'world' }, { more: 'b' }]) {
      await answer(run, 'approve');
      await answer(run, 'retry', { inputs: changed });
      await run.advance(500);
    }
    expect((await status(run)).waitingFor[0]?.evidence).toEqual({
      'inputs changed since the last approval': 'more: "a" → "b"',
    });
    await answer(run, 'approve');
    await run.end();
    expect(given).toEqual([
      ['do', 'hello', 'a'],
      ['do', 'world', 'a'],
      ['do', 'world', 'b'],
    ]);
  });

  test('of a paused run is paused', async () => {
    const run = begin(driver, runbook([change('one'), gate, change('two')]));
    await run.settle();
    await tell(run, 'pause');
    run.signal(messageNames.border);
    await run.advance(60_000);
    expect(outline(run.trace).filter((line) => line.startsWith('continue-as-new'))).toHaveLength(1);
    expect((await status(run)).state).toBe('paused');
    await answer(run, 'approve');
    await run.advance(60_000);
    expect(commands(run)).toEqual(['one']);
    await tell(run, 'resume');
    await run.end();
    expect(commands(run)).toEqual(['one', 'two']);
  });

  test('shows where it is in the Temporal UI', async () => {
    const spec = runbook([gate]);
    const real = activities(fine, [spec]);
    const admit = real['admit'] as unknown as (request: object) => { settings: object };
    const withUi = (request: object): object => {
      const admission = admit(request);
      return { ...admission, settings: { ...admission.settings, uiUrl: 'http://ui' } };
    };
    const run = begin(driver, spec, fine, {}, { activities: { ...real, admit: withUi } });
    await run.settle();
    const link = (await status(run)).uiUrl;
    expect(link).toContain(run.runId);
    run.signal(messageNames.border);
    await run.advance(500);
    expect((await status(run)).uiUrl).toContain(run.runId);
    expect((await status(run)).uiUrl).not.toBe(link);
  });
});

describe('a run that takes over from a dead one', () => {
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
  const taken = (id: string): object => ({
    ...{
      id,
      state: 'succeeded',
      output: 'before',
      title: id,
      kind: 'command',
      effect: 'change',
      attempts: 1,
    },
    ...{ startedAt: null, endedAt: null, error: null, takenFrom: 'dead' },
  });

  test('looks once at what it took over, whatever executions it has, and shows what is no longer part of the runbook', async () => {
    const looked: string[] = [];
    const group = {
      id: 'all',
      title: 'All',
      kind: 'forEach',
      effect: 'change',
      items: ['a'],
      steps: [change('do')],
    };
    const steps = ['one', 'two', 'three', 'four', 'five'].map(checked);
    const spec = runbook([...steps, group, gate, change('six')]);
    const real = activities(fine, [spec]);
    const admit = real['admit'] as unknown as (request: object) => object;
    const look: PlayCommand = (request, activity) => {
      looked.push(request.step.path);
      if (/^(two|four)/.test(request.step.path))
        throw stepFailure(request, activity, 'CheckFailed', 'it is gone');
      return null;
    };
    const asked = { ...envelope('told', {}), from: { run: 'dead' } };
    const run = driver.start('told', [asked], {
      workflowId: asked.run,
      activities: {
        ...real,
        check: async (request, activity) => ({ output: await look(request, activity), attempt: 1 }),
        admit: (request: object) => ({
          ...admit(request),
          taken: [
            ...['one', 'two', 'three', 'four', 'all/a/do', 'gone'].map(taken),
            { ...taken('five'), state: 'skipped' },
          ],
        }),
      },
    });
    await run.settle();
    run.signal(messageNames.border);
    await run.advance(500);
    expect(states(await status(run))).toMatchObject({
      one: 'succeeded',
      two: 'succeeded',
      'all/a/do': 'succeeded',
      gone: 'succeeded',
    });
    expect((await status(run)).steps.map(({ id }) => id)).toEqual([
      ...['one', 'two', 'three', 'four', 'five', 'all', 'all/a/do', 'gate', 'six', 'gone'],
    ]);
    await answer(run, 'approve');
    await run.end();
    expect(looked).toEqual(['one.check', 'two.check', 'three.check', 'four.check']);
    expect(commands(run)).toEqual(['two', 'four', 'six']);
    expect(await status(run)).toMatchObject({ probed: ['one', 'three'], drifted: ['two', 'four'] });
  });

  test('does not look at anything while it is paused', async () => {
    const spec = runbook([change('zero'), checked('one')]);
    const real = activities(
      async (_request, activity) => activity.sleep(1_000).then(() => null),
      [spec],
    );
    const admit = real['admit'] as unknown as (request: object) => object;
    const looked: number[] = [];
    const asked = { ...envelope('told', {}), from: { run: 'dead' } };
    const run = driver.start('told', [asked], {
      workflowId: asked.run,
      activities: {
        ...real,
        check: (_request, activity) => {
          looked.push(activity.now());
          return { output: null, attempt: 1 };
        },
        admit: (request: object) => ({ ...admit(request), taken: [taken('one')] }),
      },
    });
    await run.advance(500);
    await tell(run, 'pause');
    await run.advance(60_000);
    expect([looked, commands(run)]).toEqual([[], ['zero']]);
    await tell(run, 'resume');
    await run.end();
    expect(looked).toHaveLength(1);
  });

  test('a step that drifted is done anew also when the run continues in between', async () => {
    const spec = runbook([checked('one'), change('two')]);
    const real = activities(fine, [spec]);
    const admit = real['admit'] as unknown as (request: object) => object;
    const asked = { ...envelope('told', {}), from: { run: 'dead' } };
    let looked = 0;
    const run = driver.start('told', [asked], {
      workflowId: asked.run,
      activities: {
        ...real,
        check: async (request: AttemptRequest, activity) => {
          looked += 1;
          await activity.sleep(1_000);
          throw stepFailure(request, activity, 'CheckFailed', 'it is gone');
        },
        admit: (request: object) => ({ ...admit(request), taken: [taken('one')] }),
      },
    });
    await run.advance(500);
    run.signal(messageNames.border);
    await run.end();
    expect(outline(run.trace).filter((line) => line.startsWith('continue-as-new'))).toHaveLength(1);
    expect([looked, commands(run)]).toEqual([1, ['one', 'two']]);
  });
});

describe('what a step is given', () => {
  test('all that was declared goes with it: limits, expectations, verification, check', async () => {
    const asked: AttemptRequest[] = [];
    const verify = {
      kind: 'check',
      probe: { kind: 'command', argv: ['look'] },
      until: 'out.exitCode == 0',
      everyMs: 100,
    };
    const expect0 = [{ condition: 'out.exitCode == 0', otherwise: 'it failed' }];
    const outputs = { found: 'out.stdout' };
    const [declared] = [lasting('one', { verify, check: verify, expect: expect0, outputs })];
    const condition = readCondition('out.exitCode == 0');
    const polled = { ...verify, until: condition };
    const run = begin(
      driver,
      runbook([{ ...declared, timeoutMs: 7_000 }, lasting('two')]),
      (request) => {
        asked.push(request);
        return null;
      },
    );
    await run.end();
    expect(asked).toMatchObject([
      {
        ...{ verify: polled, check: polled, expect: [{ ...expect0[0], condition }] },
        ...{ timeoutMs: 7_000, key: { run: 'told-run' } },
        outputs: { found: readCondition('out.stdout') },
      },
      { expect: [], timeoutMs: 60_000 },
    ]);
    expect(asked[1]).not.toHaveProperty('check');
  });

  test('a worker that names no host when it says that the step is elsewhere is a failure like any other', async () => {
    const run = begin(driver, runbook([change('one')]), () => {
      throw ApplicationFailure.create({
        type: 'OnAnotherHost',
        message: 'somewhere',
        nonRetryable: true,
      });
    });
    await run.settle();
    expect((await status(run)).waitingFor).toMatchObject([{ id: 'one', kind: 'failure' }]);
  });

  test('a gate that its own declaration makes unnecessary this time holds nothing', async () => {
    const when = 'inputs.word == "ask"';
    const spec = runbook([{ ...gate, when }, change('two')]);
    const run = begin(driver, spec);
    expect(await run.result()).toMatchObject({ state: 'succeeded' });
    expect(commands(run)).toEqual(['two']);
    const asks = begin(driver, spec, fine, { inputs: { word: 'ask' } });
    await asks.settle();
    expect((await status(asks)).waitingFor).toMatchObject([{ id: 'gate' }]);
    expect(await answer(asks, 'approve', { by: 'requester' })).toMatchObject({
      accepted: false,
      code: 'own-request',
    });
  });

  describe('whether a step is to be done cannot be told', () => {
    const when = 'steps.one.answer.kind == "a"';
    const unclear = (more: object = {}) =>
      runbook([change('one'), change('two', { when, ...more }), change('three')]);

    test.each([
      ['skip', {}, 'succeeded-with-exceptions', ['one', 'three']],
      ['done', { outputs: { a: 1 } }, 'succeeded', ['one', 'three']],
      ['abort', {}, 'failed', ['one']],
      ['rollback', {}, 'rolled-back', ['one', 'one.undo']],
    ] as const)('people are asked: %s', async (verb, more, state, done) => {
      const run = begin(driver, unclear());
      await run.settle();
      expect((await status(run)).waitingFor).toMatchObject([
        {
          ...{ id: 'two', kind: 'failure' },
          title: 'Change two: it cannot be told whether it is to be done',
          evidence: {
            'what happened':
              'whether step two is to be done cannot be told: there is no steps.one.answer (steps.one.answer.kind == "a")',
          },
        },
      ]);
      expect(await answer(run, 'retry')).toMatchObject({ accepted: true });
      expect(await answer(run, verb, more)).toMatchObject({ accepted: true });
      await run.end();
      expect(await status(run)).toMatchObject({ state });
      expect(commands(run)).toEqual(done);
    });

    test.each([
      ['continue', 'succeeded-with-exceptions'],
      ['abort', 'failed'],
    ])('nobody is asked where the step says so: %s', async (onFailure, state) => {
      const run = begin(driver, unclear({ onFailure }));
      await run.end();
      expect(await status(run)).toMatchObject({ state });
    });

    test('with changed inputs it is looked at again, and done', async () => {
      const limit = 'int(inputs.word) >= 3';
      const run = begin(driver, runbook([change('one'), change('two', { when: limit })]));
      await run.settle();
      const refused = await answer(run, 'retry', { inputs: { word: 'much too long for it' } });
      expect(refused).toMatchObject({ accepted: false, code: 'input-refused' });
      await answer(run, 'retry', { inputs: { word: '5' } });
      expect(await run.result()).toMatchObject({ state: 'succeeded' });
      expect(commands(run)).toEqual(['one', 'two']);
    });

    test('an open question goes on in the next execution, and what people said holds there', async () => {
      const border = async (): Promise<void> => {
        run.signal('border');
        await run.settle();
      };
      const run = begin(driver, runbook([change('one'), change('two', { when }), gate]));
      await run.settle();
      await border();
      expect((await status(run)).waitingFor).toMatchObject([{ id: 'two', attempt: 1 }]);
      await answer(run, 'skip');
      await run.settle();
      await border();
      expect((await status(run)).waitingFor).toMatchObject([{ id: 'gate' }]);
      await answer(run, 'approve', { by: 'approver' });
      expect(await run.result()).toMatchObject({ state: 'succeeded-with-exceptions' });
      expect(commands(run)).toEqual(['one']);
    });
  });

  test('the requester may decide where anyone may', async () => {
    const run = begin(driver, runbook([{ ...gate, approvers: 'anyone' }]));
    expect(await answer(run, 'approve', { by: 'requester' })).toMatchObject({ accepted: true });
  });

  test('a gate beside a look that runs at the same time is waited for', async () => {
    const look = {
      id: 'look',
      title: 'Look',
      kind: 'command',
      effect: 'read',
      work: { action: { kind: 'command', argv: ['look'] } },
    };
    const both = {
      id: 'both',
      title: 'Both',
      kind: 'parallel',
      effect: 'read',
      steps: [gate, look],
    };
    const run = begin(driver, runbook([both]));
    await answer(run, 'approve');
    expect(await run.result()).toMatchObject({ state: 'succeeded' });
  });

  test('only what is declared as one is a gate', async () => {
    const run = begin(driver, runbook([change('one'), gate]));
    await run.settle();
    expect(await tell(run, 'approve', { about: { kind: 'gate', id: 'one' } })).toMatchObject({
      ...{ accepted: false, code: 'unknown-gate' },
      message: expect.stringContaining('Its gates: gate.'),
    });
  });

  test('what has not begun is not undone', async () => {
    const run = begin(driver, runbook([change('one'), change('two')]), (_request, activity) =>
      activity.sleep(1_000).then(() => null),
    );
    await run.advance(500);
    await tell(run, 'pause');
    await run.advance(1_000);
    await tell(run, 'cancel');
    await run.end();
    expect(commands(run)).toEqual(['one', 'one.undo']);
  });

  test('behind a point of no return nothing is offered to be undone', async () => {
    const spec = runbook([change('one'), { ...lasting('two'), pointOfNoReturn: true }, gate]);
    const run = begin(driver, spec);
    await run.settle();
    expect((await status(run)).undos).toEqual([]);
  });

  test('a gate beside a change that runs at the same time holds it', async () => {
    const both = {
      id: 'both',
      title: 'Both',
      kind: 'parallel',
      effect: 'change',
      steps: [gate, change('two')],
    };
    const run = begin(driver, runbook([{ ...gate, id: 'first' }, both]));
    await answer(run, 'approve');
    await expect(run.result()).rejects.toMatchObject({
      message: expect.stringContaining('behind gate both/gate'),
    });
    expect(commands(run)).toEqual([]);
  });

  test('a step by hand is not asked for while the run is paused', async () => {
    const steps = [
      change('one'),
      { id: 'hand', title: 'By hand', kind: 'manual', effect: 'change' },
    ];
    const run = begin(driver, runbook(steps), (_request, activity) =>
      activity.sleep(1_000).then(() => null),
    );
    await run.advance(500);
    await tell(run, 'pause');
    await run.advance(1_000);
    expect((await status(run)).waitingFor).toEqual([]);
    await tell(run, 'resume');
    expect((await status(run)).waitingFor).toMatchObject([{ id: 'hand' }]);
  });

  test('a gate inside a nested runbook holds what is behind it there, and is waited for', async () => {
    const inner = runbook([gate, change('two')], { id: 'inner' });
    const outer = runbook([
      { id: 'nested', title: 'Nested', kind: 'runbook', effect: 'change', runbook: 'inner' },
    ]);
    const asked = envelope('told', {});
    const run = driver.start('told', [asked], {
      workflowId: asked.run,
      activities: activities(fine, [outer, inner]),
    });
    await run.settle();
    expect((await status(run)).waitingFor).toMatchObject([{ id: 'nested/gate' }]);
    expect(commands(run)).toEqual([]);
    await answer(run, 'approve');
    await run.end();
    expect(commands(run)).toEqual(['nested/two']);
  });
});
