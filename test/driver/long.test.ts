import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { RecordRequest } from '../../activities/index.js';
import { onAnotherHost } from '../../activities/other-host.js';
import type { AttemptRequest } from '../../common/attempt.js';
import type { StepView } from '../../common/view.js';
import type { Carried } from '../../workflows/engine/carried.js';
import type { RunbookSpec } from '../../language/runbook.js';
import { runbookOf } from '../helpers/runbook.js';
import type { ActivityFunction } from '../../testing/driver/attempt.js';
import type { Driver } from '../../testing/driver/driver.js';
import type { Run } from '../../testing/driver/run.js';
import { openDriver } from './open.js';
import { tell } from './plans.js';
import { activities, decide, envelope, status, stepFailure, type PlayCommand } from './world.js';
import { plainRunbook } from '../helpers/plain-runbook.js';

/*
 * What a long run tells the record, hands to its next execution and shows in the Temporal UI: no
 * more with each step.
 */

let driver: Driver;
beforeAll(async () => {
  driver = await openDriver('workflows/index');
}, 60_000);
afterAll(() => driver?.close());

const step = (id: string, argv: unknown[] = ['do']): object => ({
  ...{ id, title: `Step ${id}`, kind: 'command', effect: 'change', retry: { attempts: 1 } },
  work: { action: { kind: 'command', argv } },
});
const gate = (id: string): object => ({ id, title: 'On?', kind: 'approval', effect: 'read' });
const many = (count: number, from = 0): object[] =>
  Array.from({ length: count }, (_, index) => step(`s${from + index}`));

function runbook(steps: readonly object[], outputs: object): RunbookSpec {
  return runbookOf(plainRunbook({ id: 'long', steps, outputs }));
}

function begin(
  steps: readonly object[],
  play: PlayCommand,
  {
    outputs = {},
    record = () => ({ incomplete: false }),
  }: { outputs?: object; record?: () => object } = {},
): Run {
  const border = { events: 300, bytes: 100_000_000, signals: 1_000 };
  const played = { ...activities(play, [runbook(steps, outputs)], border), record };
  return driver.start('long', [envelope('long', {})], {
    workflowId: 'long-run',
    activities: played,
  });
}

const saves = (run: Run): RecordRequest[] =>
  run.trace.flatMap((entry) =>
    entry.type === 'activity' && entry.activity === 'record'
      ? [entry.input[0] as unknown as RecordRequest]
      : [],
  );
const handedOver = (run: Run): Carried[] =>
  run.trace.flatMap((entry) =>
    entry.type === 'continue-as-new' ? [entry.input[0] as unknown as Carried] : [],
  );
const of = (id: string): unknown => expect.objectContaining({ id });

describe('the record', () => {
  test('is told of what has changed since, over borders too, with the places of the steps and without outputs that it has', async () => {
    const run = begin(
      [step('one'), gate('first'), ...many(100), gate('second'), step('last')],
      () => 'done',
    );
    await decide(run, { id: 'd1' });
    await run.advance(1_000);
    await decide(run, { id: 'd2' });
    await run.result();
    expect(handedOver(run).length).toBeGreaterThan(0);
    const told = saves(run);
    expect(told.map(({ save }) => save)).toEqual(
      [1, 2, 3].map((number) => ({ number, all: false })),
    );
    const [first, second, third] = told.map(({ view }) => view.steps);
    expect(first).toEqual([of('one'), of('first')]);
    expect(second?.map(({ id }) => id)).toEqual([
      'first',
      ...many(100).map((each) => (each as { id: string }).id),
      'second',
    ]);
    expect(third).toEqual([of('second'), of('last')]);
    expect(third?.map(({ ordinal }) => ordinal)).toEqual([1_020_000, 1_030_000]);
    expect(second?.filter(({ kind, output }) => kind === 'command' && output !== null)).toEqual([]);
    expect(third?.[0]?.output).toMatchObject({ by: 'approver' });
  });

  /** What the record has of each step, put together from all that it was told. */
  const recorded = (run: Run): Record<string, string> =>
    Object.fromEntries(
      saves(run).flatMap(({ view }) => view.steps.map((row) => [row.id, shown(row)])),
    );
  const shown = ({ state, attempts, error }: StepView): string =>
    [state, attempts, error?.message ?? ''].join(' ').trim();
  const inStatus = async (run: Run): Promise<Record<string, string>> =>
    Object.fromEntries((await status(run)).steps.map((row) => [row.id, shown(row)]));

  test('has what has not begun as well: the items of a loop that was about to', async () => {
    const loop = {
      id: 'all',
      title: 'All',
      kind: 'forEach',
      effect: 'change',
      items: ['a', 'b'],
      steps: [step('do')],
    };
    const run = begin([step('one'), loop], async (_request, activity) =>
      activity.sleep(1_000).then(() => null),
    );
    await run.advance(500);
    await tell(run, 'pause');
    await run.advance(5_000);
    await tell(run, 'abort');
    await run.end();
    expect(recorded(run)).toEqual(await inStatus(run));
    expect(recorded(run)).toMatchObject({
      one: 'succeeded 1',
      'all/a/do': expect.stringContaining('pending'),
    });
  });

  test('has the steps that a dead run has done, those of its runbook and others', async () => {
    const done = {
      kind: 'command',
      effect: 'change',
      state: 'succeeded',
      attempts: 1,
      takenFrom: 'dead',
      output: null,
      error: null,
    };
    const real = activities(() => null, [runbook([step('one'), step('two')], {})]);
    const admit = real['admit'] as unknown as (request: object) => object;
    const taken = ['one', 'gone'].map((id) => ({
      ...done,
      id,
      title: id,
      startedAt: null,
      endedAt: null,
    }));
    const run = driver.start('long', [{ ...envelope('long', {}), from: { run: 'dead' } }], {
      workflowId: 'long-run',
      activities: { ...real, admit: (request: object) => ({ ...admit(request), taken }) },
    });
    await run.result();
    expect(recorded(run)).toEqual(await inStatus(run));
    expect(Object.keys(recorded(run)).sort()).toEqual(['gone', 'one', 'two']);
  });

  test('has what a step waits for', async () => {
    const both = {
      id: 'both',
      title: 'Both',
      kind: 'parallel',
      effect: 'change',
      steps: [step('one'), step('two')],
    };
    const last = { id: 'hand', title: 'By hand', kind: 'manual', effect: 'read' };
    const all = { ...both, steps: [...both.steps, last] };
    const { command, ...real } = activities(
      async (request, activity) => {
        await activity.sleep(2_000);
        throw stepFailure(request, activity, 'CommandMissing', 'not there');
      },
      [runbook([all], {})],
    );
    const elsewhere: ActivityFunction = async (request: AttemptRequest, activity) => {
      if (request.step.path !== 'both/one') return command?.(request as never, activity);
      await activity.sleep(1_000);
      if (activity.taskQueue === 'driver') throw onAnotherHost({ id: 'h1', name: 'one.example' });
      return activity.hold();
    };
    const run = driver.start('long', [envelope('long', {})], {
      workflowId: 'long-run',
      activities: { ...real, command: elsewhere },
    });
    await run.advance(5_000);
    expect(saves(run)).toHaveLength(2);
    expect(recorded(run)).toMatchObject({
      'both/one': 'running 0 was started on one.example, and waits for a worker there',
    });
    expect((await inStatus(run))['both/one']).toBe(recorded(run)['both/one']);
  });

  test('is told of everything, however slow it is and however much happens meanwhile', async () => {
    const times: [number, number][] = [];
    const fails: Record<string, number> = { one: 1_000, two: 5_000, three: 15_000 };
    const both = {
      id: 'all',
      title: 'All',
      kind: 'parallel',
      effect: 'change',
      steps: Object.keys(fails).map((id) => step(id)),
    };
    const real = activities(
      async (request, activity) => {
        await activity.sleep(fails[request.step.path.slice('all/'.length)] ?? 0);
        throw stepFailure(request, activity, 'CommandMissing', 'not there');
      },
      [runbook([both], {})],
    );
    const run = driver.start('long', [envelope('long', {})], {
      workflowId: 'long-run',
      activities: {
        ...real,
        record: async (_request, activity) => {
          const begun = activity.now();
          await activity.sleep(10_000);
          times.push([begun, activity.now()]);
          return { incomplete: false };
        },
      },
    });
    await run.advance(60_000);
    // One after the other: late news cannot take the place of newer ones.
    expect(times.map(([begun]) => begun).slice(1)).toEqual(
      times.map(([, ended]) => ended).slice(0, -1),
    );
    expect(saves(run).map(({ view }) => view.steps.map(({ id }) => id))).toEqual([
      ['all', 'all/one', 'all/two', 'all/three'],
      ['all/two'],
      ['all/three'],
    ]);
    expect(recorded(run)).toEqual(await inStatus(run));
  });

  test('is not told once more of a question that it has, in the next execution', async () => {
    const run = begin([step('one'), gate('gate')], () => null);
    await run.settle();
    run.signal('border');
    await run.advance(500);
    await tell(run, 'abort');
    await run.end();
    expect(handedOver(run)).toHaveLength(1);
    expect(saves(run).map(({ view }) => view.steps.map(({ id }) => id))).toEqual([
      ['one', 'gate'],
      // It was ended while it waited.
      ['gate'],
    ]);
  });

  test('that lacks what it was told before is told everything, outputs as well', async () => {
    let asked = 0;
    const run = begin([step('one'), gate('gate'), step('last')], () => 'done', {
      record: () => ({ incomplete: (asked += 1) === 2 }),
    });
    await decide(run);
    await run.result();
    expect(saves(run).map(({ save, view }) => [save.number, save.all, view.steps.length])).toEqual([
      [1, false, 2],
      [2, false, 2],
      [3, true, 3],
    ]);
    expect(saves(run)[2]?.view.steps[0]).toMatchObject({ id: 'one', output: 'done' });
  });
});

describe('outputs', () => {
  const large = 'x'.repeat(20_000);

  test('that nothing refers to stay behind at a border, and are said to be in the record; the others are there', async () => {
    const run = begin(
      [
        step('named'),
        step('told'),
        ...many(100),
        gate('gate'),
        step('last', ['use', { $: 'steps.named' }]),
      ],
      ({ step: { path } }) => (path === 'last' ? 'used' : `${path} ${large}`),
      { outputs: { told: { $: 'steps.told' } } },
    );
    await run.settle();
    const carried = handedOver(run).at(-1);
    const kept = carried?.view.steps.filter(({ output }) => output !== null).map(({ id }) => id);
    expect(kept).toEqual(['named', 'told']);
    expect(carried?.view.steps.find(({ id }) => id === 's5')).toMatchObject({
      state: 'succeeded',
      outputIn: 'record',
    });
    await decide(run);
    expect(await run.result()).toMatchObject({
      state: 'succeeded',
      outputs: { told: `told ${large}` },
    });
    const last = run.trace.flatMap((entry) =>
      entry.type === 'activity' && entry.id === 'last' ? entry.input : [],
    );
    expect(last).toMatchObject([{ action: { argv: ['use', `named ${large}`] } }]);
  });

  test('that stayed behind are no longer said to be in the record where another took their place', async () => {
    const undo = {
      undo: 'Take it back',
      work: {
        action: { kind: 'command', argv: ['do'] },
        undo: { kind: 'command', argv: ['undo'] },
      },
    };
    const steps = many(20).map((each) => ({ ...each, ...undo }));
    const run = begin([...steps, gate('gate')], ({ step: { path } }) =>
      path.endsWith('.undo') ? 'back' : large,
    );
    await run.settle();
    run.signal('border');
    await run.advance(500);
    expect((await status(run)).steps[0]).toMatchObject({ output: null, outputIn: 'record' });
    await decide(run, { verb: 'reject' });
    await run.result();
    expect((await status(run)).steps.slice(0, 20)).toEqual(
      many(20).map(() => expect.not.objectContaining({ outputIn: 'record' })),
    );
    expect((await status(run)).steps[0]).toMatchObject({ state: 'undone', output: 'back' });
  });

  test('are not kept for a text that only looks like a name', async () => {
    const run = begin([...many(100), gate('gate'), step('last', ['use', 'steps.s1'])], () =>
      large.slice(0, 4_000),
    );
    await run.settle();
    const spent = handedOver(run)
      .at(-1)
      ?.view.steps.filter(({ outputIn }) => outputIn)
      .map(({ id }) => id);
    expect(spent).toContain('s1');
  });

  test('that are referred to and would not fit end the run, and it says so', async () => {
    const refers = step('last', [
      'use',
      ...many(90).map((each) => ({ $: `steps.${(each as { id: string }).id}` })),
    ]);
    const run = begin([...many(90), refers], () => large);
    await run.end();
    const view = await status(run);
    expect(view).toMatchObject({
      state: 'failed',
      problem: {
        type: 'ProcedureStopped',
        message: expect.stringMatching(/^with step s\d+ the outputs that later steps may refer to/),
      },
    });
    expect(view.steps.find(({ id }) => id === 's80')?.state).toBe('pending');
  });
});

test('the details of a run of 300 steps are no longer at its end than at step 150, and show where it is', async () => {
  const run = begin([...many(150), gate('middle'), ...many(150, 150), gate('end')], () => null);
  await run.advance(1_000);
  const middle = await details(run);
  await decide(run);
  await run.advance(1_000);
  const end = await details(run);
  expect(end.length).toBeLessThan(middle.length * 1.2);
  expect(end).toContain('`s299`');
  expect(end).not.toContain('`s150`');
  expect(end).toMatch(/\d+ of 302 steps/);
});

async function details(run: Run): Promise<string> {
  const { currentDetails } = await run.query<{ currentDetails: string }>(
    '__temporal_workflow_metadata',
  );
  return currentDetails;
}
