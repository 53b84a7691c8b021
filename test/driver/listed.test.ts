import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { messageNames } from '../../common/defaults.js';
import { followingText } from '../../common/following.js';
import type { FollowingStep, WaitView } from '../../common/view.js';
import { followingSteps } from '../../workflows/engine/listed.js';
import { codeCatalogue } from './specs.js';
import type { Driver } from '../../testing/driver/driver.js';
import type { Run } from '../../testing/driver/run.js';
import { openDriver } from './open.js';
import { answer, begin, change, commands, lasting, runbook, states } from './plans.js';
import { activities, envelope, status } from './world.js';

/*
 * A gate lists what follows its approval, and nothing else is done without another one.
 */

let driver: Driver;
let plans: Driver;
beforeAll(async () => {
  driver = await openDriver('test/driver/procedures');
  plans = await openDriver('workflows/index');
}, 60_000);
afterAll(async () => {
  await driver?.close();
  await plans?.close();
});

function listing(fault: string): Run {
  const asked = envelope('code-listing', { fault });
  return driver.start('code-listing', [asked], {
    workflowId: asked.run,
    activities: activities(({ step, action }) => `${step.path} ${action.argv[1]}`, codeCatalogue),
  });
}

const waiting = async (run: Run) => {
  await run.advance(50);
  return (await status(run)).waitingFor[0];
};

/** What people are shown of the steps that follow. */
const shownOf = (wait: WaitView | undefined): string[][] =>
  (wait?.follows ?? [])
    .map(followingText)
    .map(({ title, does, undo }) => [title, ...does, ...undo]);

const asListed = ['work', 'work.2', 'both/left', 'both/right'];

describe('a gate of a procedure as code', () => {
  test('shows what follows, and is asked once where the steps do that', async () => {
    const run = listing('');
    const wait = await waiting(run);
    expect(shownOf(wait)).toEqual([
      [
        'work: Work',
        'run work one',
        'when done again: run work {what comes later}',
        'run undo one',
        'run undo {what comes later}',
      ],
      ['both/left: Left', 'run left'],
      ['both/right: Right', 'run right'],
      ['hand: By hand', 'done by people'],
    ]);
    expect(wait?.follows?.[0]).toMatchObject({ kind: 'command', effect: 'change', tried: 'once' });
    expect(wait?.follows?.at(-1)).toMatchObject({ noUndo: 'people know what they did' });
    await answer(run, 'approve');
    expect(await waiting(run)).toMatchObject({ kind: 'manual', id: 'hand' });
    await answer(run, 'done');
    expect(await run.result()).toMatchObject({ state: 'succeeded' });
    expect(commands(run)).toEqual(asListed);
  });

  const faults: [fault: string, done: string[], told: string][] = [
    ['an argument', [], 'work: run work two'],
    ['its undo', [], 'work: run work one'],
    ['no undo', [], 'work: run work one'],
    ['what only a later time may do', [], 'work: run work later'],
    ['a part', ['work', 'work.2', 'both/left'], 'both/right: run other'],
    ['a part that was not listed', ['work', 'work.2', 'both/left'], 'both/right: run right'],
    ['a step that was not listed', asListed, 'tell: run tell'],
  ];
  test.each(faults)('asks again for %s', async (fault, done, told) => {
    const run = listing(fault);
    const first = await waiting(run);
    await answer(run, 'approve');
    const again = await waiting(run);
    expect(again).toMatchObject({ id: 'gate', attempt: 2 });
    expect(again?.evidence).toEqual({ 'not among what was shown before': [told] });
    expect(again?.digest).not.toBe(first?.digest);
    // Code may do a step again that it has done: all of them stay in the list.
    const steps = (wait: WaitView | undefined): string[] =>
      wait?.follows?.map(({ step }) => step) ?? [];
    expect(steps(again)).toEqual(expect.arrayContaining(steps(first)));
    expect(commands(run)).toEqual(done);
    // Also in the next execution of the run.
    run.signal(messageNames.border);
    await run.advance(500);
    expect(await waiting(run)).toMatchObject({ id: 'gate', attempt: 2, digest: again?.digest });
    await answer(run, 'approve');
    expect(await waiting(run)).toMatchObject({ kind: 'manual', id: 'hand' });
    await answer(run, 'done');
    expect(await run.result()).toMatchObject({ state: 'succeeded' });
    expect(new Set(commands(run))).toEqual(
      new Set(fault === 'a step that was not listed' ? [...asListed, 'tell'] : asListed),
    );
  });

  test('asks about each of several steps', async () => {
    const run = listing('both parts');
    await answer(run, 'approve');
    for (const [attempt, told] of [
      [2, ['both/left: run others']],
      [3, ['both/left: run others', 'both/right: run other']],
    ]) {
      const wait = await waiting(run);
      expect(wait).toMatchObject({ id: 'gate', attempt });
      expect(wait?.evidence).toEqual({ 'not among what was shown before': told });
      await answer(run, 'approve');
    }
    await answer(run, 'done');
    expect(await run.result()).toMatchObject({ state: 'succeeded' });
  });

  test('does nothing else when that is rejected', async () => {
    const run = listing('an argument');
    await answer(run, 'approve');
    await answer(run, 'reject');
    expect(await run.result()).toMatchObject({ state: 'rejected' });
    expect(commands(run)).toEqual([]);
    expect(states(await status(run))).toMatchObject({ gate: 'failed' });
  });
});

test('a gate of a plan shows the actions up to the next gate, with what is known by then', async () => {
  const gate = (id: string) => ({ id, title: 'May it?', kind: 'approval', effect: 'read' });
  const said = { action: { kind: 'command', argv: ['say', { $: 'steps.one.stdout' }] } };
  const each = {
    ...{ id: 'each', title: 'Each', kind: 'forEach', effect: 'change', items: ['a', 'b'] },
    steps: [lasting('item', { action: { kind: 'command', argv: ['do', { $: 'item' }] } })],
  };
  const later = { ...each, id: 'later', items: { $: 'steps.one.stdout' } };
  const run = begin(
    plans,
    runbook([
      gate('first'),
      change('one'),
      { ...lasting('two'), work: said },
      each,
      later,
      gate('second'),
      lasting('three'),
    ]),
  );
  expect(shownOf(await waiting(run))).toEqual([
    ['one: Change one', 'run do hello', 'Take back one: run undo'],
    ['two: Change two', 'run say {steps.one.stdout}'],
    ['each/item: Change item', 'run do a', 'run do b'],
    ['later/item: Change item', 'run do {item}'],
  ]);
});

test('a step is shown with what its author calls its undo, where it has one this time', () => {
  const shown = (undo: object): FollowingStep[] => {
    const step = {
      ...({ id: 'start', title: 'Start', kind: 'command', effect: 'change' } as const),
      undo: 'Stop it again',
    };
    const work = { action: { kind: 'command', argv: ['start'] }, ...undo } as const;
    const gate = { id: 'gate', title: 'Go on?', kind: 'approval', effect: 'read' } as const;
    const plan = { steps: [gate, step], targets: [] };
    return followingSteps(plan, 'gate', { start: [work] }, () => false);
  };
  const texts = (steps: FollowingStep[]): string[] =>
    steps.map(followingText).flatMap(({ facts, undo }) => [facts, ...undo]);
  const stop = { kind: 'command', argv: ['stop'] } as const;
  expect(texts(shown({ undo: stop }))).toEqual([
    ...['changes something; tried once', 'Stop it again: run stop'],
  ]);
  expect(texts(shown({}))).toEqual(['changes something; tried once; cannot be undone']);
});
