import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { AttemptRequest } from '../../common/attempt.js';
import { leftBy } from '../../common/left.js';
import { messageNames } from '../../common/defaults.js';
import type { JsonObject } from '../../language/json.js';
import type { CommandAction } from '../../language/kinds/command.js';
import type { ActivityFunction } from '../../testing/driver/attempt.js';
import type { Driver } from '../../testing/driver/driver.js';
import type { Run } from '../../testing/driver/run.js';
import { outline } from '../../testing/driver/trace.js';
import { openDriver } from './open.js';
import { about, answer, commands, failing, send, states, tell } from './plans.js';
import { codeCatalogue } from './specs.js';
import { activities, envelope, heartbeatMs, status, type PlayCommand } from './world.js';

/*
 * Procedures as code: what the engine does for them, and what it does with their faults.
 */

let driver: Driver;
beforeAll(async () => {
  driver = await openDriver('test/driver/procedures');
}, 60_000);
afterAll(() => driver?.close());

const path: PlayCommand = ({ step }) => step.path;

function begin(runbook: string, inputs: JsonObject = {}, play = path): Run {
  const asked = envelope(runbook, inputs);
  return driver.start(runbook, [asked], {
    workflowId: asked.run,
    activities: activities(play, codeCatalogue),
  });
}

describe('a procedure as code', () => {
  test('does its steps in its order, the same step twice under two names, and each once however often it continues', async () => {
    const asked: AttemptRequest<CommandAction>[] = [];
    const run = begin('code-tour', { service: 'web' }, (request) => {
      asked.push(request);
      return request.step.path;
    });
    const all = ['both/left', 'both/right', 'each/a', 'each/b', 'work', 'work.2', 'tell'];
    await run.settle();
    expect((await status(run)).waitingFor).toMatchObject([{ id: 'hand', kind: 'manual' }]);
    await run.advance(5_000);
    const before = (await status(run)).steps;
    expect(before).toMatchObject([
      { id: 'choose', startedAt: expect.any(String), endedAt: expect.any(String) },
      ...before.slice(1),
    ]);
    run.signal(messageNames.border);
    await run.advance(500);
    expect((await status(run)).waitingFor).toMatchObject([{ id: 'hand', attempt: 1 }]);
    expect((await status(run)).steps).toEqual(before);
    await answer(run, 'done', { outputs: { seen: true } });
    expect(await run.result()).toEqual({
      state: 'succeeded',
      outputs: { chosen: 'web, mail', each: { a: 'each/a', b: 'each/b' }, hand: { seen: true } },
    });
    expect(outline(run.trace).filter((line) => line.startsWith('continue-as-new'))).toHaveLength(1);
    expect(commands(run)).toEqual(all);
    expect(
      asked.filter(({ step }) => step.path.startsWith('work')).map(({ action }) => action.argv[1]),
    ).toEqual(['code-tour-run/work', 'code-tour-run/work.2']);
    expect(asked.find(({ step }) => step.path === 'work')?.timeoutMs).toBe(5_000);
    const summaries = run.trace.flatMap((entry) =>
      entry.type === 'activity' && entry.activity === 'command' ? entry.summary : [],
    );
    expect(summaries.slice(0, 4)).toEqual(['Left', 'Right', 'Look at: a', 'Look at: b']);
    const spare = before.find(({ id }) => id === 'spare');
    expect(spare).toMatchObject({
      startedAt: expect.any(String),
      endedAt: expect.any(String),
      output: 'there is nothing to do',
    });
    expect(states(await status(run))).toMatchObject({
      choose: 'succeeded',
      spare: 'not-needed',
      hand: 'done-by-hand',
    });
  });

  test('is held up by the death of a worker no longer than its heartbeat, whatever the worker did', async () => {
    const run = begin('code-tour', { service: 'web' });
    await run.settle();
    await answer(run, 'done', { outputs: { seen: true } });
    await run.result();
    const silences = run.trace.flatMap((entry): [string, number][] =>
      entry.type === 'activity' ? [[entry.activity, entry.heartbeatMs]] : [],
    );
    expect(new Set(silences.map(([activity]) => activity))).toEqual(
      new Set(['admit', 'record', 'judge', 'command']),
    );
    expect(silences.filter(([, ms]) => !(ms <= heartbeatMs))).toEqual([]);
  });

  test('a step that may fail is an exception, also in the next execution, and the run succeeds', async () => {
    const run = begin('code-tour', { service: 'web' }, failing('tell'));
    await run.settle();
    run.signal(messageNames.border);
    await run.advance(500);
    await answer(run, 'done');
    expect(await run.result()).toMatchObject({ state: 'succeeded-with-exceptions' });
    expect(commands(run).filter((step) => step === 'tell')).toHaveLength(1);
  });

  test('a step by hand that people end the run with undoes what was done, in their words', async () => {
    const run = begin('code-tour', { service: 'web' });
    await run.settle();
    await answer(run, 'rollback', { reason: 'it smells' });
    await expect(run.result()).rejects.toMatchObject({
      message: 'not done by hand: it smells; left as they are: work.2, tell',
    });
    expect(commands(run).at(-1)).toBe('work.undo');
    expect((await status(run)).state).toBe('rolled-back');
  });

  test('what the undo of a step does is shown when it fails, also where nobody has put it in words', async () => {
    const run = begin('code-tour', { service: 'web' }, failing('work.undo'));
    await run.settle();
    await answer(run, 'rollback');
    expect((await status(run)).waitingFor).toMatchObject([
      { id: 'work.undo', evidence: { undo: 'run undo' } },
    ]);
    expect(
      run.trace.findLast((entry) => entry.type === 'activity' && entry.id === 'work.undo'),
    ).toMatchObject({
      summary: 'Undo: Work',
    });
    await answer(run, 'done');
    await run.end();
    expect((await status(run)).state).toBe('rolled-back');
  });

  test('an answer that comes before the next execution has come to the question counts, once', async () => {
    const run = begin('code-sleepy', {}, failing('work'));
    for (const verb of ['approve', 'skip'] as const) {
      await run.advance(60_000);
      run.signal(messageNames.border);
      await run.advance(500);
      const asked = await about(run);
      expect(await tell(run, verb, { ...asked, by: 'first' })).toMatchObject({ accepted: true });
      expect(await tell(run, verb, { ...asked, by: 'second' })).toMatchObject({
        ...{ accepted: false, code: 'already-decided' },
        message: expect.stringMatching(
          verb === 'approve' ? /approved by first/ : /skipped by first/,
        ),
      });
      await run.advance(60_000);
      expect((await status(run)).waitingFor.filter(({ id }) => id === 'gate')).toEqual([]);
    }
    expect(await run.result()).toMatchObject({ state: 'succeeded-with-exceptions' });
    expect(commands(run)).toEqual(['work']);
  });

  test('a rejected gate may lead it another way, and does so in each execution', async () => {
    const run = begin('code-otherwise', {}, async ({ step }, activity) => {
      await activity.sleep(1_000);
      return step.path;
    });
    await answer(run, 'reject');
    run.signal(messageNames.border);
    expect(await run.result()).toMatchObject({ state: 'succeeded' });
    expect(outline(run.trace).filter((line) => line.startsWith('continue-as-new'))).toHaveLength(1);
    expect(commands(run)).toEqual(['first', 'second']);
    expect((await status(run)).decisions).toHaveLength(1);
  });

  test('a gate whose question is another one in the next execution asks it, and takes no answer to the old one', async () => {
    const run = begin('code-otherwise');
    await run.settle();
    const old = await about(run);
    run.signal(messageNames.border);
    await run.advance(500);
    expect((await status(run)).waitingFor).toMatchObject([{ id: 'gate', attempt: 2 }]);
    expect(await tell(run, 'approve', { ...old, by: 'late' })).toMatchObject({
      accepted: false,
      code: 'stale',
    });
    await answer(run, 'approve');
    await run.end();
    expect(commands(run)).toEqual(['approved']);
  });

  test('a rejection that comes before the next execution has come to the gate closes it', async () => {
    const run = begin('code-sleepy');
    await run.advance(60_000);
    run.signal(messageNames.border);
    await run.advance(500);
    await answer(run, 'reject');
    expect(await run.result()).toMatchObject({ state: 'rejected' });
    expect((await status(run)).waitingFor).toEqual([]);
  });

  test('one that does not listen when it is told to end does nothing more in its next execution', async () => {
    const run = begin('code-stubborn');
    await run.settle();
    send(run, 'cancel');
    run.signal(messageNames.border);
    await run.advance(1_000);
    expect(outline(run.trace).filter((line) => line.startsWith('continue-as-new'))).toHaveLength(1);
    await run.end();
    expect(commands(run)).toEqual(['work', 'work.undo']);
    expect((await status(run)).state).toBe('cancelled');
  });
});

describe('an undo that takes back a step before it, too', () => {
  /** What the run has left of both times that the step was done, and of the last one. */
  const left = async (run: Run): Promise<string[]> => {
    await run.end();
    return leftBy(await status(run)).map(({ step }) => step);
  };
  /** People end the run with its rollback. */
  async function rolledBack(play = path): Promise<Run> {
    const run = begin('code-held', {}, play);
    await run.settle();
    await answer(run, 'rollback');
    await run.settle();
    return run;
  }

  test('leaves nothing of it, and all of an earlier one', async () => {
    const run = await rolledBack();
    expect(await left(run)).toEqual(['begin']);
    expect(states(await status(run))).toMatchObject({ 'begin.2': 'undone', hold: 'undone' });
  });

  test.each([
    ['done', ['begin']],
    ['skip', ['begin', 'begin.2', 'hold']],
  ] as const)('that fails has taken it back when people say so: %s', async (verb, steps) => {
    const run = await rolledBack(failing('hold.undo'));
    await answer(run, verb);
    expect(await left(run)).toEqual(steps);
  });

  test('says so also of a step that people have done', async () => {
    const run = begin('code-held', {}, failing('hold'));
    await run.settle();
    await answer(run, 'done');
    await run.settle();
    await answer(run, 'rollback');
    await run.settle();
    expect((await status(run)).waitingFor).toMatchObject([{ id: 'hold.undo' }]);
    await answer(run, 'done');
    expect(await left(run)).toEqual(['begin']);
  });

  test('does not say so of one that was left out', async () => {
    const run = begin('code-held', {}, failing('begin.2'));
    await run.settle();
    await answer(run, 'skip');
    await run.settle();
    await answer(run, 'rollback');
    expect(await left(run)).toEqual(['begin']);
    expect(states(await status(run))).toMatchObject({ 'begin.2': 'skipped' });
  });
});

describe('a gate that code opens', () => {
  const opened = async (way: string): Promise<Run> => {
    const run = begin('code-asking', { way });
    run.release = 'v1';
    await run.settle();
    return run;
  };
  const upgrade = async (run: Run, release: string): Promise<void> => {
    run.release = release;
    run.signal(messageNames.border);
    await run.advance(500);
  };

  test('twice asks twice, although it asks the same', async () => {
    const run = await opened('the same thing twice');
    await answer(run, 'approve');
    expect((await status(run)).waitingFor).toMatchObject([{ id: 'gate', attempt: 2 }]);
    expect(commands(run)).toEqual([]);
    await answer(run, 'approve');
    expect(await run.result()).toMatchObject({ state: 'succeeded' });
    expect(commands(run)).toEqual(['work']);
  });

  test.each([
    ['the same release acts: its approval holds', 'v1', 'succeeded', ['work']],
    ['another release acts, which the approval was not for: nothing is done', 'v2', 'failed', []],
  ])('and does not come by again after a border; %s', async (_name, release, state, done) => {
    const run = await opened('only in its first execution');
    await answer(run, 'approve');
    await upgrade(run, release);
    await run.end();
    expect([(await status(run)).state, commands(run)]).toEqual([state, done]);
  });

  test('and that was rejected is not asked for once more because the release is another', async () => {
    const run = begin('code-faulty', { fault: 'a step behind a gate that was rejected' });
    run.release = 'v1';
    await run.settle();
    await tell(run, 'pause');
    await answer(run, 'reject');
    await upgrade(run, 'v2');
    await tell(run, 'resume');
    await expect(run.result()).rejects.toMatchObject({ type: 'ProcedureStopped' });
    expect(commands(run)).toEqual([]);
  });

  test('anew while a decision about the old question is judged: that decision approves nothing', async () => {
    const asked = envelope('code-asking', { way: 'anew after a minute' });
    const real = activities(path, codeCatalogue);
    const judge: ActivityFunction = async (request, activity) => {
      await activity.sleep(2_000);
      return real['judge']?.(request, activity);
    };
    const run = driver.start('code-asking', [asked], {
      workflowId: asked.run,
      activities: { ...real, judge },
    });
    await run.advance(59_000);
    const id = send(run, 'approve', await about(run));
    await run.advance(3_000);
    expect(await run.query(messageNames.verdict, id)).toMatchObject({ accepted: true });
    expect((await status(run)).waitingFor).toMatchObject([
      { id: 'gate', attempt: 2, evidence: { look: 2 } },
    ]);
    expect(commands(run)).toEqual([]);
    send(run, 'approve', await about(run));
    expect(await run.result()).toMatchObject({ state: 'succeeded' });
  });

  test('with a name to type has to be given it also before the next execution has come to the gate', async () => {
    const run = await opened('with a name to type');
    await run.advance(60_000);
    run.signal(messageNames.border);
    await run.advance(500);
    const asked = await about(run);
    expect(await tell(run, 'approve', asked)).toMatchObject({
      accepted: false,
      code: 'not-confirmed',
    });
    expect(await tell(run, 'approve', { ...asked, confirm: 'web' })).toMatchObject({
      accepted: true,
    });
    expect(await run.result()).toMatchObject({ state: 'succeeded' });
  });

  test('and that is rejected before the next execution has come to it is closed, whatever the code does then', async () => {
    const run = await opened('and goes on when it is rejected');
    await run.advance(60_000);
    run.signal(messageNames.border);
    await run.advance(500);
    await answer(run, 'reject');
    await run.advance(60_000);
    expect((await status(run)).waitingFor).toEqual([]);
    await expect(run.result()).rejects.toMatchObject({ type: 'ProcedureStopped' });
  });

  test.each(['gate', 'work'])(
    'or a step that asks: a run that is ended before its code has come back to it closes the question (%s)',
    async (question) => {
      const asked = envelope('code-asking', { way: 'a minute after a change' });
      const play: PlayCommand = async (request, activity) => {
        if (request.step.path === 'first.undo') await activity.sleep(10_000);
        return failing('work')(request, activity);
      };
      const run = driver.start('code-asking', [asked], {
        workflowId: asked.run,
        activities: activities(play, codeCatalogue),
      });
      await run.advance(61_000);
      if (question === 'work') await answer(run, 'approve');
      run.signal(messageNames.border);
      await run.advance(500);
      const wait = await about(run);
      expect(wait.about?.id).toBe(question);
      await tell(run, 'cancel');
      expect(await status(run)).toMatchObject({ state: 'rolling-back', waitingFor: [] });
      expect(await tell(run, question === 'gate' ? 'approve' : 'skip', wait)).toMatchObject({
        ...{ accepted: false, code: 'already-decided' },
        message: expect.stringContaining('already closed'),
      });
      await run.end();
      expect(await status(run)).toMatchObject({ state: 'cancelled', waitingFor: [] });
    },
  );

  test('a run that Temporal itself starts once more, under another name, is admitted as what its start says', async () => {
    const asked = envelope('code-asking', { way: 'the same thing twice' });
    const run = driver.start('code-again', [asked], {
      workflowId: asked.run,
      activities: activities(path, codeCatalogue),
    });
    await answer(run, 'approve');
    await answer(run, 'approve');
    expect(await run.result()).toMatchObject({ state: 'succeeded' });
    expect(outline(run.trace)[0]).toBe('continue-as-new code-again');
  });
});

describe('a nested runbook as code', () => {
  test('asks at its own gate, does what is in it in its order, and is shown as one step, also over a border', async () => {
    const run = begin('code-nested');
    await run.settle();
    expect((await status(run)).waitingFor).toMatchObject([
      { id: 'deploy/gate', evidence: { chosen: 'a' } },
    ]);
    await answer(run, 'approve');
    expect(await run.result()).toMatchObject({
      state: 'succeeded',
      outputs: { inner: 'deploy/inner/work' },
    });
    const inside = [
      'deploy/work',
      'deploy/both/left',
      'deploy/both/right',
      'deploy/inner/work',
      'deploy/work.2',
    ];
    expect(commands(run)).toEqual(inside);
    expect(states(await status(run))).toMatchObject({
      ...{
        deploy: 'succeeded',
        'deploy/choose': 'succeeded',
        'deploy/gate': 'succeeded',
        'deploy/spare': 'not-needed',
      },
      ...Object.fromEntries(
        ['deploy/both', 'deploy/inner', ...inside].map((step) => [step, 'succeeded']),
      ),
    });
  });

  test.each([
    ['undeclared', 'step deploy/other is not declared'],
    ['no gate', 'step work changes something behind gate deploy/gate, which is not approved'],
  ])('with a fault (%s) it fails in words, and nothing is done', async (fault, said) => {
    const run = begin('code-nested', { fault });
    await expect(run.result()).rejects.toMatchObject({
      type: 'ProcedureStopped',
      message: expect.stringContaining(said),
    });
    expect(commands(run)).toEqual([]);
  });
});

test('the steps inside a step are done under titles of their own, and several are not needed', async () => {
  const run = begin('code-sections');
  expect(await run.result()).toMatchObject({
    state: 'succeeded',
    outputs: { given: {}, parts: ['one', 'two'] },
  });
  const view = await status(run);
  const told = view.steps.map(({ id, title, state }) => [id, title, state]);
  expect(told).toEqual(
    expect.arrayContaining([
      ['other', 'Other', 'not-needed'],
      ['group/two', 'Two', 'not-needed'],
      ['group/one', 'One: here', 'succeeded'],
      ['group/one.2', 'One', 'succeeded'],
    ]),
  );
  const summaries = run.trace.flatMap((entry) =>
    entry.type === 'activity' && entry.activity === 'command' ? entry.summary : [],
  );
  expect(summaries).toEqual(['One: here', 'One']);
});

describe('a fault of the procedure', () => {
  test.each([
    ['a target that no input chose', 'input service names no target'],
    ['a step that is not declared', 'step other is not declared'],
    ['a part that is not declared', 'step both/left is not declared'],
    ['a loop without a part', 'step each declares no part'],
    ['a loop over a name that is read as another part', 'step each cannot do item a.undo'],
    ['a decision that finds no way', 'there is no way'],
    ['a step of another kind than it declares', 'declared as command and would do a notify'],
    ['a step behind its gate', 'behind gate gate, which is not approved'],
    ['a step behind a gate that it called not needed', 'behind gate gate, which is not approved'],
    ['a step by hand behind its gate', 'behind gate gate, which is not approved'],
  ])('%s: the run fails in words, and nothing is done', async (fault, said) => {
    const run = begin('code-faulty', { fault });
    await expect(run.result()).rejects.toMatchObject({
      type: 'ProcedureStopped',
      message: expect.stringContaining(said),
    });
    expect(commands(run)).toEqual([]);
    expect((await status(run)).state).toBe('failed');
  });

  test('a step behind a gate that was rejected: nothing is done', async () => {
    const run = begin('code-faulty', { fault: 'a step behind a gate that was rejected' });
    await run.settle();
    await answer(run, 'reject');
    await expect(run.result()).rejects.toMatchObject({ type: 'ProcedureStopped' });
    expect(commands(run)).toEqual([]);
  });

  test('a second step behind a gate that was rejected when it asked again for another release: nothing is done', async () => {
    const run = begin('code-faulty', {
      fault: 'a second step behind a gate that was rejected when it asked again',
    });
    run.release = 'v1';
    await run.settle();
    await tell(run, 'pause');
    await answer(run, 'approve');
    run.release = 'v2';
    run.signal(messageNames.border);
    await run.advance(500);
    await tell(run, 'resume');
    await answer(run, 'reject');
    expect(await run.result()).toMatchObject({ state: 'rejected' });
    expect(commands(run)).toEqual([]);
  });

  test('what it has changed before is undone where the runbook says so', async () => {
    const run = begin('code-faulty', { fault: 'a decision that finds no way behind a change' });
    await expect(run.result()).rejects.toMatchObject({ type: 'ProcedureStopped' });
    expect(commands(run)).toEqual(['look', 'look.undo']);
    expect((await status(run)).state).toBe('rolled-back');
  });

  test.each([
    ['all of it', { stdout: 'all', truncated: false, cut: ['stdout'] }, null],
    ['another part', { stdout: 'all', truncated: true, cut: ['stderr'] }, null],
    ['what held a secret', { stdout: 'a', truncated: true, cut: ['stdout'] }, 'or held a secret'],
    [
      'what nobody says is whole',
      { stdout: 'a', truncated: true, fullSha256: 'a' },
      'stdout is not',
    ],
    ['a part', { stdout: 'a p', truncated: true, cut: ['stdout'] }, 'and stdout is not whole'],
  ])('an output of which code reads %s', async (_what, output, said) => {
    const fault = 'an output of which a part was left out';
    const run = begin('code-faulty', { fault }, () => output);
    await run.end();
    expect((await status(run)).problem?.message ?? null).toEqual(
      said === null ? null : expect.stringContaining(said),
    );
  });

  test('a decision that finds no way is shown as failed', async () => {
    const run = begin('code-faulty', { fault: 'a decision that finds no way' });
    await run.end();
    expect((await status(run)).steps[1]).toMatchObject({
      id: 'choose',
      state: 'failed',
      error: { message: 'there is no way' },
    });
  });

  test.each([
    ['a gate that is not declared', 'gate other is not declared'],
    ['a bug in a decision', 'a bug'],
    ['an argument that no payload can hold', 'Unable to convert'],
    ['a bug in what it is not to fail for', 'Unable to convert'],
  ])('%s: the workflow task fails, where a corrected worker mends it', async (fault, said) => {
    const run = begin('code-faulty', { fault });
    await expect(run.settle()).rejects.toThrow(said);
    expect(run.ended).toBe(false);
  });
});
