import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { DecisionEnvelope, Verdict } from '../../common/envelope.js';
import { rulesOfQuestion } from '../../common/questions.js';
import type { WaitView } from '../../common/view.js';
import type { RunbookSpec } from '../../language/runbook.js';
import { runbookOf } from '../helpers/runbook.js';
import type { ActivityFunction } from '../../testing/driver/attempt.js';
import type { Driver } from '../../testing/driver/driver.js';
import type { Run } from '../../testing/driver/run.js';
import { outline } from '../../testing/driver/trace.js';
import { openDriver } from './open.js';
import { activities, envelope, status, stepFailure, type PlayCommand } from './world.js';
import { plainRunbook } from '../helpers/plain-runbook.js';

/*
 * An approval covers the code that is going to act: what a new release does to gates and approvals.
 */

let driver: Driver;
beforeAll(async () => {
  driver = await openDriver('workflows/index');
}, 60_000);
afterAll(() => driver?.close());

const day = 24 * 60 * 60 * 1000;
const note = 'code changed since this was last asked';

const change = (id: string): object => ({
  ...{
    id,
    title: `Change ${id}`,
    kind: 'command',
    effect: 'change',
    retry: { attempts: 1 },
    undo: `Take back ${id}`,
  },
  work: { action: { kind: 'command', argv: ['do'] }, undo: { kind: 'command', argv: ['undo'] } },
});
const gate = (id: string, more: object = {}): object => ({
  id,
  title: `${id}?`,
  kind: 'approval',
  effect: 'read',
  ...more,
});

/** Two changes at once. */
const parallel = {
  ...{ id: 'all', title: 'All', kind: 'parallel', effect: 'change' },
  steps: [change('a'), change('b')],
};

function runbook(steps: readonly object[]): RunbookSpec {
  return runbookOf(plainRunbook({ id: 'released', steps }));
}

/** A run under release v1, as far as it comes by itself. */
async function begin(
  steps: readonly object[],
  play: PlayCommand = ({ step }) => step.path,
): Promise<Run> {
  const asked = envelope('released', {});
  const run = driver.start('released', [asked], {
    workflowId: asked.run,
    activities: activities(play, [runbook(steps)]),
  });
  run.release = 'v1';
  await run.advance(50);
  return run;
}

/** A worker of the release has the run's next task, as after continue-as-new at a border. */
async function upgrade(run: Run, release: string): Promise<void> {
  run.release = release;
  run.signal('border');
  await run.advance(500);
}

let count = 0;
async function tell(
  run: Run,
  verb: DecisionEnvelope['verb'],
  more: Partial<DecisionEnvelope> = {},
): Promise<Verdict | null> {
  const id = `told-${(count += 1)}`;
  run.signal('decide', {
    version: 1,
    id,
    run: run.workflowId,
    verb,
    by: 'ann',
    reason: 'because',
    ...more,
  });
  await run.advance(50);
  return run.query<Verdict | null>('verdict', id);
}

const answer = (
  run: Run,
  { kind, id, attempt, digest }: WaitView,
  verb: DecisionEnvelope['verb'],
): Promise<Verdict | null> =>
  tell(run, verb, { about: { kind: rulesOfQuestion(kind).about, id }, attempt, digest });

async function waiting(run: Run): Promise<WaitView> {
  const { waitingFor } = await status(run);
  expect(waitingFor).toHaveLength(1);
  return waitingFor[0] as WaitView;
}

const commands = (run: Run): string[] =>
  outline(run.trace).flatMap((line) => /^command (.*)$/.exec(line)?.[1] ?? []);

describe('a gate that waits', () => {
  test('asks again at the border: the decision for the code before is stale, the one for the present code is taken', async () => {
    const run = await begin([change('one'), gate('gate'), change('two')]);
    const before = await waiting(run);
    await upgrade(run, 'v2');
    const after = await waiting(run);
    expect(after).toMatchObject({ id: 'gate', attempt: 2, evidence: { [note]: 'v1 → v2' } });
    expect(after.digest).not.toBe(before.digest);
    expect(await answer(run, before, 'approve')).toMatchObject({ accepted: false, code: 'stale' });
    // Another border under the same code asks nothing new.
    await upgrade(run, 'v2');
    expect(await waiting(run)).toEqual(after);
    expect(await answer(run, after, 'approve')).toMatchObject({ accepted: true });
    expect(await run.result()).toMatchObject({ state: 'succeeded' });
    expect(commands(run)).toEqual(['one', 'two']);
  });

  test('of a worker that was no version asks again under one, and under none again', async () => {
    const asked = envelope('released', {});
    const play = {
      workflowId: asked.run,
      activities: activities(() => null, [runbook([gate('gate')])]),
    };
    const run = driver.start('released', [asked], play);
    await run.advance(50);
    await upgrade(run, 'v1');
    expect((await waiting(run)).evidence).toEqual({ [note]: 'unknown → v1' });
    run.release = undefined;
    run.signal('border');
    await run.advance(500);
    expect((await waiting(run)).evidence).toEqual({ [note]: 'v1 → unknown' });
  });

  test('asks again also when the run was moved to other code in the middle of its execution', async () => {
    const run = await begin([gate('gate'), change('one')]);
    const before = await waiting(run);
    const { runId } = run;
    run.release = 'v2';
    await run.advance(day);
    const after = await waiting(run);
    expect(run.runId).toBe(runId);
    expect(after).toMatchObject({ attempt: 2, evidence: { [note]: 'v1 → v2' } });
    expect(await answer(run, before, 'approve')).toMatchObject({ code: 'stale' });
    await answer(run, after, 'approve');
    expect(await run.result()).toMatchObject({ state: 'succeeded' });
  });

  test('stays as it is while a decision about it is judged, although its reminder comes meanwhile', async () => {
    const real = activities(() => null, [runbook([gate('gate'), change('one')])]);
    const judge: ActivityFunction = async (request, activity) => {
      await activity.sleep(2_000);
      return real['judge']?.(request, activity);
    };
    const asked = envelope('released', {});
    const run = driver.start('released', [asked], {
      workflowId: asked.run,
      activities: { ...real, judge },
    });
    run.release = 'v1';
    await run.advance(day - 1_000);
    const { id, attempt, digest } = await waiting(run);
    run.release = 'v2';
    run.signal('decide', {
      ...{
        version: 1,
        id: 'early',
        run: run.workflowId,
        verb: 'approve',
        about: { kind: 'gate', id },
        attempt,
        digest,
        by: 'ann',
        reason: 'because',
      },
    });
    await run.advance(3_500);
    expect(await run.query<Verdict | null>('verdict', 'early')).toMatchObject({ accepted: true });
    expect((await waiting(run)).evidence).toEqual({
      [note]: 'v1 → v2; the approval by ann was for the code before',
    });
  });

  test('a decision that was sent before the move and is judged after it counts for the code before, so it is asked for again', async () => {
    const run = await begin([gate('gate'), change('one')]);
    const before = await waiting(run);
    run.release = 'v2';
    expect(await answer(run, before, 'approve')).toMatchObject({ accepted: true });
    const after = await waiting(run);
    expect(after).toMatchObject({
      attempt: 2,
      evidence: { [note]: 'v1 → v2; the approval by ann was for the code before' },
    });
    expect(commands(run)).toEqual([]);
    await answer(run, after, 'approve');
    expect(await run.result()).toMatchObject({ state: 'succeeded' });
    expect(commands(run)).toEqual(['one']);
  });
});

describe('an approval that was given', () => {
  /** Approved under v1, and nothing behind the gate has begun. */
  async function approvedAndPaused(steps: readonly object[]): Promise<Run> {
    const run = await begin(steps);
    await tell(run, 'pause');
    await answer(run, await waiting(run), 'approve');
    await upgrade(run, 'v2');
    await tell(run, 'resume');
    return run;
  }

  test('no longer holds for what has not begun; what is done is not done again', async () => {
    const run = await approvedAndPaused([change('one'), gate('gate'), change('two')]);
    expect(commands(run)).toEqual(['one']);
    const again = await waiting(run);
    expect(again).toMatchObject({
      id: 'gate',
      attempt: 2,
      evidence: { [note]: 'v1 → v2; the approval by ann was for the code before' },
    });
    await answer(run, again, 'approve');
    expect(await run.result()).toMatchObject({ state: 'succeeded' });
    expect(commands(run)).toEqual(['one', 'two']);
  });

  test('rejected the second time: what was changed is undone', async () => {
    const run = await approvedAndPaused([change('one'), gate('gate'), change('two')]);
    await answer(run, await waiting(run), 'reject');
    await run.end();
    expect(await status(run)).toMatchObject({
      state: 'rejected',
      problem: { message: expect.stringContaining('ann rejected gate') },
    });
    expect(commands(run)).toEqual(['one', 'one.undo']);
  });

  test('is asked for once where several steps need it', async () => {
    const run = await approvedAndPaused([gate('gate'), parallel]);
    const again = await waiting(run);
    expect(again.attempt).toBe(2);
    // The question outlives one more border, and one more release asks once more.
    await upgrade(run, 'v2');
    expect(await waiting(run)).toEqual(again);
    await upgrade(run, 'v3');
    const third = await waiting(run);
    expect(third).toMatchObject({ attempt: 3, evidence: { [note]: 'v2 → v3' } });
    await answer(run, third, 'approve');
    expect(await run.result()).toMatchObject({ state: 'succeeded' });
    expect(commands(run).sort()).toEqual(['all/a', 'all/b']);
  });

  test('and given, lets all of them go on', async () => {
    const run = await approvedAndPaused([gate('gate'), parallel]);
    await answer(run, await waiting(run), 'approve');
    expect(await run.result()).toMatchObject({ state: 'succeeded' });
    expect(commands(run)).toEqual(['all/a', 'all/b']);
    expect((await status(run)).decisions.filter(({ about }) => about?.id === 'gate')).toHaveLength(
      2,
    );
  });

  test('and cancelled while it is asked for: what was changed is undone, and nothing else is asked', async () => {
    const run = await approvedAndPaused([change('one'), gate('gate'), change('two')]);
    await waiting(run);
    expect(await tell(run, 'cancel')).toMatchObject({ accepted: true });
    await run.end();
    expect(await status(run)).toMatchObject({ state: 'cancelled', waitingFor: [] });
    expect(commands(run)).toEqual(['one', 'one.undo']);
  });

  test('refused for several steps at once, the run says so and nothing of them is done', async () => {
    const run = await approvedAndPaused([gate('gate'), parallel]);
    await answer(run, await waiting(run), 'reject');
    await run.end();
    expect(await status(run)).toMatchObject({
      state: 'rejected',
      problem: { message: expect.stringContaining('ann rejected gate') },
    });
    expect(commands(run)).toEqual([]);
  });

  test('is still asked for by the others when one of those who need it is ended', async () => {
    const look = (id: string, more: object = {}): object => ({
      ...{ id, title: id, kind: 'command', effect: 'read', retry: { attempts: 1 } },
      ...{ work: { action: { kind: 'command', argv: ['look'] } }, ...more },
    });
    const inner = { id: 'inner', title: 'Inner', kind: 'parallel', effect: 'change' };
    const all = { id: 'all', title: 'All', kind: 'parallel', effect: 'change' };
    const fails = look('fails', { onFailure: 'abort' });
    const run = await begin(
      [
        gate('gate'),
        { ...all, steps: [{ ...inner, steps: [change('a'), fails, look('slow')] }, change('b')] },
      ],
      async (request, activity) => {
        if (request.step.path === 'all/inner/fails') {
          await activity.sleep(1_000);
          throw stepFailure(request, activity, 'CommandMissing', 'not there');
        }
        // It needs its time to end.
        if (request.step.path === 'all/inner/slow')
          await activity.cancelled().catch(() => activity.sleep(5_000));
        return null;
      },
    );
    await tell(run, 'pause');
    await answer(run, await waiting(run), 'approve');
    await upgrade(run, 'v2');
    await tell(run, 'resume');
    const asked = await waiting(run);
    await run.advance(2_000);
    // The same question; what has been done since is not done again.
    const left = asked.follows?.filter(({ step }) => step !== 'all/inner/fails');
    expect(await waiting(run)).toEqual({ ...asked, follows: left });
    expect(await answer(run, asked, 'approve')).toMatchObject({ accepted: true });
    await run.end();
    expect(commands(run)).toEqual(['all/inner/fails', 'all/inner/slow', 'all/b']);
  });

  test('and given once more while the run is paused, begins nothing before it is resumed', async () => {
    const run = await approvedAndPaused([gate('gate'), change('one')]);
    await tell(run, 'pause');
    expect(await answer(run, await waiting(run), 'approve')).toMatchObject({ accepted: true });
    await run.advance(60_000);
    expect(commands(run)).toEqual([]);
    await tell(run, 'resume');
    await run.end();
    expect(commands(run)).toEqual(['one']);
  });

  test('still holds where everything that it allowed is done: only the gate behind asks', async () => {
    const run = await begin([gate('first'), change('one'), gate('second'), change('two')]);
    await answer(run, await waiting(run), 'approve');
    await upgrade(run, 'v2');
    const wait = await waiting(run);
    expect(wait).toMatchObject({ id: 'second', attempt: 2, evidence: { [note]: 'v1 → v2' } });
    await answer(run, wait, 'approve');
    expect(await run.result()).toMatchObject({ state: 'succeeded' });
    expect(commands(run)).toEqual(['one', 'two']);
  });

  test('does not cover another try of a step that failed under the code before', async () => {
    let broken = true;
    const run = await begin([gate('gate'), change('one'), change('two')], (request, activity) => {
      if (request.step.path === 'two' && broken)
        throw stepFailure(request, activity, 'CommandMissing', 'not there');
      return null;
    });
    await answer(run, await waiting(run), 'approve');
    expect(await waiting(run)).toMatchObject({ kind: 'failure', id: 'two' });
    broken = false;
    await upgrade(run, 'v2');
    await answer(run, await waiting(run), 'retry');
    const again = await waiting(run);
    expect(again).toMatchObject({ kind: 'approval', id: 'gate', attempt: 2 });
    await answer(run, again, 'approve');
    expect(await run.result()).toMatchObject({ state: 'succeeded' });
    expect(commands(run)).toEqual(['one', 'two', 'two']);
  });

  test('nobody answers the second question either: its own deadline ends the run, silence is no yes', async () => {
    const run = await approvedAndPaused([gate('gate', { deadlineMs: day }), change('one')]);
    await run.end();
    expect(await status(run)).toMatchObject({ state: 'rejected', problem: { type: 'Expired' } });
    expect(commands(run)).toEqual([]);
  });
});
