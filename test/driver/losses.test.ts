import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { judge } from '../../activities/judge.js';
import { lossesText } from '../../activities/lease.js';
import { messageNames } from '../../common/defaults.js';
import type { JudgeRequest } from '../../common/judgement.js';
import type { DecisionVerb } from '../../common/questions.js';
import type { RunView } from '../../common/view.js';
import type { LostTargets } from '../../store/index.js';
import type { ActivityFunction } from '../../testing/driver/attempt.js';
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
  fine,
  gate,
  runbook,
  states,
  tell,
} from './plans.js';
import { activities, status, stepFailure, type PlayCommand } from './world.js';

/*
 * Another run takes a target over while this one waits for people: it asks again and says so, and
 * no answer lets it go on beside the other one.
 */

let driver: Driver;
beforeAll(async () => {
  driver = await openDriver('workflows/index');
}, 60_000);
afterAll(() => driver?.close());

const spec = runbook([change('one'), gate, change('two')]);

const taken: LostTargets = {
  losses: [
    {
      target: 'orders',
      closed: false,
      by: {
        ...{ run: 'other', requester: 'bob', at: '2026-01-01T03:00:00.000Z', ended: false },
        ...{ takenBy: 'eve', reason: 'it hangs' },
      },
    },
  ],
  held: [
    {
      ...{ target: 'orders', run: 'other', runbook: 'fix', requester: 'bob', fence: 2 },
      ...{ since: '2026-01-01T03:00:00.000Z', inLine: false },
    },
  ],
};
const text = lossesText(taken);

/** A run whose record says what the test puts into `world`. */
function losing(
  world: { lost: LostTargets | null },
  more: Record<string, ActivityFunction> = {},
  plan = spec,
  play: PlayCommand = fine,
): Run {
  const real = activities(play, [plan]);
  return begin(
    driver,
    plan,
    undefined,
    {},
    {
      activities: {
        ...real,
        lost: () => ({ text: world.lost ? lossesText(world.lost) : '' }),
        judge: (request: JudgeRequest) => judge(request, undefined, world.lost),
        ...more,
      },
    },
  );
}

const looks = (run: Run): number => outline(run.trace).filter((line) => line === 'lost').length;
const waitOf = async (run: Run): Promise<RunView['waitingFor'][number] | undefined> =>
  (await status(run)).waitingFor[0];

/** A run that was told of a loss asks the same behind a border, and refuses what lets it go on. */
async function knownBehindABorder(run: Run, verb: DecisionVerb): Promise<void> {
  await run.settle();
  run.signal(messageNames.lost);
  await run.settle();
  const before = await waitOf(run);
  run.signal(messageNames.border);
  await run.advance(500);
  expect(outline(run.trace).filter((line) => line.startsWith('continue-as-new'))).toHaveLength(1);
  expect(await waitOf(run)).toEqual(before);
  expect(looks(run)).toBe(1);
  expect(await answer(run, verb)).toMatchObject({ code: 'not-possible' });
}

describe('a run that waits at its gate', () => {
  test('asks again and says who has its target; an approval is refused until that run has ended', async () => {
    const world: { lost: LostTargets | null } = { lost: null };
    const run = losing(world);
    await run.settle();
    const before = await about(run);
    world.lost = taken;
    run.signal(messageNames.lost);
    await run.settle();
    expect(await waitOf(run)).toMatchObject({
      ...{ id: 'gate', attempt: 2 },
      evidence: { 'target lost': text, approval: expect.stringContaining('refused as long as') },
    });
    expect(text).toMatch(
      /^run other, started by bob, took target orders over \(eve: it hangs\) at /,
    );
    expect(await tell(run, 'approve', before)).toMatchObject({ code: 'stale' });
    expect(await answer(run, 'approve')).toMatchObject({
      ...{ accepted: false, code: 'not-possible' },
      message: expect.stringContaining('target orders is held by run other'),
    });
    expect(await waitOf(run)).toMatchObject({ attempt: 2 });
    world.lost = { ...taken, held: [] };
    expect(await answer(run, 'approve')).toMatchObject({
      ...{ accepted: true, message: expect.stringContaining('claims again what it had lost') },
    });
    expect(await run.result<object>()).toMatchObject({ state: 'succeeded' });
    expect(commands(run)).toEqual(['one', 'two']);
  });

  test('can be rejected meanwhile', async () => {
    const run = losing({ lost: taken });
    await run.settle();
    run.signal(messageNames.lost);
    await run.settle();
    expect(await answer(run, 'reject')).toMatchObject({ accepted: true });
    await run.end();
    expect((await status(run)).state).toBe('rejected');
  });

  test('asks again when an approval was refused because of a loss that nobody had told of', async () => {
    const run = losing({ lost: taken });
    expect(await answer(run, 'approve')).toMatchObject({
      code: 'not-possible',
      message: `Gate gate cannot be approved as it stands: ${text}. It asks again and shows that: look again.`,
    });
    expect(await waitOf(run)).toMatchObject({ attempt: 2, evidence: { 'target lost': text } });
  });

  test('asks nothing again because somebody only says so', async () => {
    const run = losing({ lost: null });
    await run.settle();
    const before = await waitOf(run);
    run.signal(messageNames.lost, 'run other has it');
    await run.settle();
    expect(looks(run)).toBe(1);
    expect(await waitOf(run)).toEqual(before);
    expect(await answer(run, 'approve')).toMatchObject({ accepted: true });
    expect(await run.result<object>()).toMatchObject({ state: 'succeeded' });
  });

  test.each([undefined, null, { text: 7 }, { text: 'x'.repeat(20_000) }])(
    'asks nothing again because of an answer that no worker gives: %j',
    async (forged) => {
      const run = losing({ lost: null }, { lost: () => forged });
      await run.settle();
      run.signal(messageNames.lost);
      await run.settle();
      expect(looks(run)).toBe(3);
      expect(await waitOf(run)).toMatchObject({ attempt: 1 });
    },
  );

  test('is rejected while the record is asked, and is not asked again', async () => {
    const run = losing(
      { lost: null },
      { lost: (_request, activity) => activity.sleep(1_000).then(() => ({ text })) },
    );
    await run.settle();
    const asked = await about(run);
    run.signal(messageNames.lost);
    await run.advance(500);
    expect(await tell(run, 'reject', asked)).toMatchObject({ accepted: true });
    await run.end();
    expect(await status(run)).toMatchObject({ state: 'rejected', waitingFor: [] });
  });

  test('knows it behind a border, and asks nobody once more for that', () =>
    knownBehindABorder(losing({ lost: taken }), 'approve'));
});

test('what was lost before a gate is asked stands there, and approvals from before ask again', async () => {
  const plan = runbook([
    { ...gate, id: 'first' },
    change('one'),
    {
      ...{ id: 'both', title: 'Both', kind: 'parallel', effect: 'change' },
      steps: [
        {
          ...{ id: 'side', title: 'Side', kind: 'group', effect: 'change' },
          steps: [{ ...gate, id: 'second' }, change('two')],
        },
        { id: 'hand', title: 'By hand', kind: 'manual', effect: 'read' },
      ],
    },
    change('three'),
  ]);
  const world: { lost: LostTargets | null } = { lost: null };
  const run = losing(world, {}, plan);
  await answer(run, 'approve');
  world.lost = taken;
  run.signal(messageNames.lost);
  await run.settle();
  const open = (await status(run)).waitingFor.find(({ kind }) => kind === 'approval');
  expect(open).toMatchObject({ evidence: { 'target lost': text } });
  world.lost = { ...taken, held: [] };
  const decided = { about: { kind: 'gate', id: open?.id ?? '' } } as const;
  expect(
    await tell(run, 'approve', {
      ...decided,
      attempt: open?.attempt ?? 0,
      digest: open?.digest ?? '',
    }),
  ).toMatchObject({ accepted: true });
  world.lost = null;
  await run.settle();
  expect(commands(run)).toEqual(['one', 'both/side/two']);
  const hand = (await status(run)).waitingFor.find(({ id }) => id === 'both/hand');
  await tell(run, 'done', {
    ...{ about: { kind: 'step', id: 'both/hand' }, attempt: hand?.attempt ?? 0 },
    digest: hand?.digest ?? '',
  });
  await run.settle();
  // The first gate was approved when the run had its target.
  expect(await waitOf(run)).toMatchObject({ id: 'first', attempt: 2 });
  expect(await answer(run, 'approve')).toMatchObject({ accepted: true });
  await run.end();
  expect(states(await status(run))).toMatchObject({ three: 'succeeded' });
});

const byHand = { id: 'asks', title: 'Do it by hand', kind: 'manual', effect: 'change' };
describe.each([
  { kind: 'failure', asks: change('asks'), goesOn: 'retry', others: ['skip', 'done'] },
  { kind: 'manual', asks: byHand, goesOn: 'done', others: ['skip'] },
] as const)('a run that waits at a question of kind $kind', ({ kind, asks, goesOn, others }) => {
  const plan = runbook([asks, change('next')]);
  const begins = (world: { lost: LostTargets | null }): Run => {
    let fails = true;
    const play: PlayCommand = (request, activity) => {
      if (request.step.path !== 'asks' || !fails) return fine(request, activity);
      fails = false;
      throw stepFailure(request, activity, 'CommandMissing', 'not there');
    };
    return losing(world, {}, plan, play);
  };

  test('asks again and says who has its target; it goes on only when that run has ended', async () => {
    const world: { lost: LostTargets | null } = { lost: null };
    const run = begins(world);
    await run.settle();
    const before = await about(run);
    world.lost = taken;
    run.signal(messageNames.lost);
    await run.settle();
    expect(await waitOf(run)).toMatchObject({
      ...{ kind, id: 'asks', attempt: 2 },
      evidence: {
        'target lost': text,
        [[goesOn, ...others].join(', ')]: expect.stringContaining('refused as long as'),
      },
    });
    expect(await tell(run, goesOn, before)).toMatchObject({ code: 'stale' });
    for (const verb of [goesOn, ...others])
      expect(await answer(run, verb)).toMatchObject({
        ...{ accepted: false, code: 'not-possible' },
        message: expect.stringContaining(
          `Step asks cannot be answered with ${verb}: target orders`,
        ),
      });
    expect(await waitOf(run)).toMatchObject({ attempt: 2 });
    world.lost = { ...taken, held: [] };
    expect(await answer(run, goesOn)).toMatchObject({
      ...{ accepted: true, message: expect.stringContaining('claims again what it had lost') },
    });
    expect(await run.result<object>()).toMatchObject({ state: 'succeeded' });
  });

  test('asks again when an answer was refused because of a loss that nobody had told of', async () => {
    const run = begins({ lost: taken });
    expect(await answer(run, goesOn)).toMatchObject({
      message: `Step asks cannot be answered with ${goesOn} as it stands: ${text}. It asks again and shows that: look again.`,
    });
    expect(await waitOf(run)).toMatchObject({ attempt: 2, evidence: { 'target lost': text } });
  });

  test('can be ended meanwhile', async () => {
    const run = begins({ lost: taken });
    expect(await answer(run, 'abort')).toMatchObject({ accepted: true });
    await run.end();
    expect((await status(run)).state).toBe('failed');
  });

  test('asks nothing again because somebody only says so', async () => {
    const run = begins({ lost: null });
    await run.settle();
    const before = await waitOf(run);
    run.signal(messageNames.lost);
    await run.settle();
    expect(looks(run)).toBe(1);
    expect(await waitOf(run)).toEqual(before);
  });

  test('knows it behind a border, and asks nobody once more for that', () =>
    knownBehindABorder(begins({ lost: taken }), goesOn));
});

test('a loss gives a failed step no attempts beside those of its retries', async () => {
  const world: { lost: LostTargets | null } = { lost: null };
  const run = losing(world, {}, runbook([change('asks')]), failing('asks'));
  await run.settle();
  world.lost = taken;
  run.signal(messageNames.lost);
  await run.settle();
  world.lost = { ...taken, held: [] };
  await answer(run, 'retry');
  expect(await waitOf(run)).toMatchObject({ attempt: 3 });
  const allowed = run.trace.flatMap((entry) =>
    entry.type === 'activity' && entry.activity === 'command'
      ? [(entry.input[0] as { attempts?: number }).attempts]
      : [],
  );
  expect(allowed).toEqual([1, 2]);
});

test('an undo says it too, and can be left out as before', async () => {
  const world: { lost: LostTargets | null } = { lost: null };
  const undone = runbook([change('one'), change('two')]);
  const run = losing(world, {}, undone, failing('two', 'one.undo'));
  await answer(run, 'rollback');
  await run.settle();
  world.lost = taken;
  run.signal(messageNames.lost);
  await run.settle();
  expect(await waitOf(run)).toMatchObject({
    ...{ kind: 'undo', attempt: 2 },
    evidence: { 'target lost': text },
  });
  expect(await answer(run, 'skip')).toMatchObject({ accepted: true });
  await run.end();
  expect((await status(run)).state).toBe('failed');
});
