import { readFile, writeFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, test as testAlone } from '@jest/globals';
import type { WorkflowHandle } from '@temporalio/client';
import { messageNames } from '../../common/defaults.js';
import type { DecisionEnvelope } from '../../common/envelope.js';
import { shippedEntry } from '../../worker/bundle.js';
import { Engine } from '../helpers/engine.js';
import { plainRunbook } from '../helpers/plain-runbook.js';
import { testBundle } from '../helpers/bundle.js';
import { recordHistory } from '../helpers/history.js';
import { replayed } from '../helpers/replay.js';
import { test } from '../helpers/together.js';
import { until } from '../../lab/until.js';
import { tell } from '../chaos/tell.js';

/*
 * Runbooks that are data, by the shipped bundle on the real server: all kinds of steps, several
 * executions, every end. Their histories are among those that each release has to replay.
 */

let engine: Engine;
beforeAll(async () => {
  const both = Object.entries(alike).map(([id, action]) => alone(id, action));
  engine = await Engine.start({
    targets: 'targets: { shared: { kind: service, environment: test } }\n',
    plans: [runbook, ...both, handedOver, stubborn],
  });
}, 60_000);
afterAll(() => engine?.stop());

const line = (text: unknown): object => ({
  kind: 'command',
  argv: ['/bin/sh', '-c', 'echo "$1" >> "$2"', 'sh', text, { $: 'inputs.journal' }],
});
const change = (id: string, more: object = {}): object => ({
  ...{
    id,
    title: `Change ${id}`,
    kind: 'command',
    effect: 'change',
    retry: { attempts: 1 },
    undo: `Take back ${id}`,
  },
  work: { action: line(id), undo: line(`undo ${id}`) },
  ...more,
});
const runbook = plainRunbook({
  ...{ id: 'data-plan', title: 'A plan', summary: 'All kinds of steps.' },
  inputs: {
    journal: { type: 'text', description: 'a file', maxLength: 400 },
    last: { type: 'text', description: 'a program', default: '/usr/bin/true', maxLength: 400 },
  },
  steps: [
    change('one'),
    {
      id: 'all',
      title: 'Several at once',
      kind: 'parallel',
      effect: 'change',
      steps: [change('a'), change('b')],
    },
    {
      ...{
        id: 'each',
        title: 'For every item',
        kind: 'forEach',
        effect: 'change',
        items: ['x', 'y', 'z'],
        concurrency: 2,
      },
      steps: [change('item', { work: { action: line({ $: 'item' }), undo: line('undo item') } })],
    },
    { ...change('never'), when: 'inputs.last == "no"' },
    {
      ...{ id: 'chosen', title: 'Choose', kind: 'set', effect: 'read' },
      values: { word: { $: 'inputs.last == "no" ? "left" : "right"' } },
    },
    {
      ...{ id: 'right', title: 'To the right', kind: 'group', effect: 'change' },
      when: 'steps.chosen.word == "right"',
      steps: [
        change('turn', {
          work: { action: line({ $: 'steps.chosen.word' }), undo: line('undo turn') },
        }),
        {
          ...{ id: 'lost', title: 'Lost', kind: 'fail', effect: 'read', message: 'lost' },
          when: 'steps.chosen.word == "left"',
        },
      ],
    },
    {
      ...{ id: 'seen', title: 'It is there', kind: 'check', effect: 'read' },
      work: {
        action: {
          kind: 'check',
          probe: { kind: 'command', argv: ['/usr/bin/true'] },
          until: 'out.exitCode == 0',
          everyMs: 100,
        },
      },
    },
    {
      id: 'gate',
      title: 'May it go on?',
      kind: 'approval',
      effect: 'read',
      evidence: { first: { $: 'steps.one' } },
    },
    change('two'),
    {
      id: 'hand',
      title: 'By hand',
      kind: 'manual',
      effect: 'change',
      instructions: 'Pull the cable.',
      answers: ['port'],
    },
    {
      ...{
        id: 'last',
        title: 'The last one',
        kind: 'command',
        effect: 'change',
        retry: { attempts: 1 },
      },
      work: {
        action: { kind: 'command', argv: ['/bin/sh', '-c', '"$1"', 'sh', { $: 'inputs.last' }] },
      },
    },
  ],
  outputs: { port: { $: 'steps.hand.port' } },
});

/** Says that it has begun, and lasts until there is a file. */
const untilFile = {
  kind: 'command',
  argv: [
    ...['/bin/sh', '-c', 'echo begun >> "$1"; while [ ! -e "$1.end" ]; do sleep 0.05; done'],
    ...['sh', { $: 'inputs.journal' }],
  ],
};
/** The same change of the same target, which one of them does not name. */
const alike = { naming: { ...untilFile, target: 'shared' }, unnamed: untilFile };
const alone = (id: string, action: object) => ({
  ...runbook,
  ...{ id, inputs: { journal: runbook.inputs.journal }, outputs: {} },
  steps: [change('one', { undo: undefined, work: { action } })],
});

/** A second change of the target, which a run finds taken over. */
const handedOver = {
  ...alone('handed-over', alike.naming),
  id: 'handed-over',
  steps: [
    change('one', { undo: undefined, work: { action: alike.naming } }),
    change('two', { undo: undefined, work: { action: { ...line('two'), target: 'shared' } } }),
  ],
};
/** Its undo fails as long as there is a file. */
const stubborn = {
  ...alone('stubborn', {}),
  id: 'stubborn',
  steps: [
    change('one', {
      work: {
        action: line('one'),
        undo: {
          kind: 'command',
          argv: ['/bin/sh', '-c', '[ ! -e "$1.stuck" ]', 'sh', { $: 'inputs.journal' }],
        },
      },
    }),
    change('two'),
    { id: 'gate', title: 'May it go on?', kind: 'approval', effect: 'read' },
  ],
};

const lines = async (file: string): Promise<string[]> =>
  (await readFile(file, 'utf8')).trim().split('\n');

/** The run under its id, whichever of its executions is the present one. */
async function begin(
  inputs: Record<string, string> = {},
  runbook = 'data-plan',
): Promise<{ run: WorkflowHandle; journal: string }> {
  const journal = engine.path(`journal-${Math.random().toString(36).slice(2)}.txt`);
  const started = await engine.run(runbook, { journal, ...inputs });
  return { run: engine.client.workflow.getHandle(started.workflowId), journal };
}

/** Answers what the run waits for, once it waits for this. */
async function answer(
  run: WorkflowHandle,
  id: string,
  change: Partial<DecisionEnvelope>,
): Promise<void> {
  await until(`it to wait for ${id}`, async () => (await engine.waiting(run)).id === id);
  const decision = await engine.decision(run, change);
  expect(await engine.send(run, decision)).toMatchObject({ accepted: true });
}

/** @returns how many executions there were */
async function keep(run: WorkflowHandle, title: string): Promise<number> {
  const runIds: string[] = [];
  for await (const { runId } of engine.client.workflow.list({
    query: `WorkflowId = "${run.workflowId}"`,
  }))
    runIds.unshift(runId);
  for (const [index, runId] of runIds.entries()) {
    await recordHistory(
      engine.client.workflow.getHandle(run.workflowId, runId),
      `data plan, ${title} ${index + 1}`,
    );
  }
  return runIds.length;
}

describe('a plan that is data', () => {
  test('all kinds of steps, two borders on the way, to its good end', async () => {
    const { run, journal } = await begin();
    await until('the gate', async () => (await engine.waiting(run)).id === 'gate');
    await run.signal(messageNames.border);
    await answer(run, 'gate', { verb: 'approve' });
    await until('the manual step', async () => (await engine.waiting(run)).id === 'hand');
    await run.signal(messageNames.border);
    await answer(run, 'hand', { verb: 'done', outputs: { port: 7 } });
    const view = await engine.ended(run);
    expect(view).toMatchObject({ state: 'succeeded', outputs: { port: 7 } });
    expect((await lines(journal)).sort()).toEqual(['a', 'b', 'one', 'right', 'two', 'x', 'y', 'z']);
    expect(view.steps.find(({ id }) => id === 'never')?.state).toBe('not-needed');
    expect(await keep(run, 'good')).toBe(3);
  }, 60_000);

  test('rejected: what was changed is undone', async () => {
    const { run, journal } = await begin();
    await answer(run, 'gate', { verb: 'reject' });
    expect((await engine.ended(run)).state).toBe('rejected');
    expect((await lines(journal)).filter((text) => text.startsWith('undo')).sort()).toEqual([
      'undo a',
      'undo b',
      'undo item',
      'undo item',
      'undo item',
      'undo one',
      'undo turn',
    ]);
    await keep(run, 'rejected');
  }, 60_000);

  test('a step that fails asks: tried again, then skipped', async () => {
    const { run } = await begin({ last: '/usr/bin/false' });
    await answer(run, 'gate', { verb: 'approve' });
    await answer(run, 'hand', { verb: 'done', outputs: { port: 7 } });
    await answer(run, 'last', { verb: 'retry' });
    await until('it to ask again', async () => (await engine.waiting(run)).attempt === 2);
    await answer(run, 'last', { verb: 'skip' });
    expect(await engine.ended(run)).toMatchObject({ state: 'succeeded-with-exceptions' });
    await keep(run, 'skipped');
  }, 60_000);

  test('paused, resumed and cancelled at the gate', async () => {
    const { run } = await begin();
    await until('the gate', async () => (await engine.waiting(run)).id === 'gate');
    for (const verb of ['pause', 'resume', 'cancel'] as const) {
      const {
        about: _,
        attempt: __,
        digest: ___,
        ...decision
      } = await engine.decision(run, { verb });
      expect(await engine.send(run, decision)).toMatchObject({ accepted: true });
    }
    expect((await engine.ended(run)).state).toBe('cancelled');
    await keep(run, 'cancelled');
  }, 60_000);

  test('its target is held, then taken over by people: the other run asks, and is aborted', async () => {
    const first = await begin({}, 'handed-over');
    await until('the first to begin', () => lines(first.journal).catch(() => undefined));
    const second = await begin({}, 'handed-over');
    expect(await engine.waiting(second.run)).toMatchObject({ kind: 'lease' });
    const takeOver = await engine.decision(second.run, { verb: 'take-over' });
    expect(await engine.send(second.run, takeOver)).toMatchObject({ accepted: true });
    // The verdict comes before the target has changed hands.
    await until('the second to begin', () => lines(second.journal).catch(() => undefined));
    for (const { journal } of [first, second]) await writeFile(`${journal}.end`, '');
    expect(await engine.ended(second.run)).toMatchObject({ state: 'succeeded' });
    await answer(first.run, 'two', { verb: 'abort' });
    expect((await engine.ended(first.run)).problem).toMatchObject({ type: 'LeaseLost' });
    await keep(first.run, 'lost its target');
    await keep(second.run, 'took a target over');
  }, 60_000);

  test('an undo that fails asks: tried again, then left', async () => {
    const { run, journal } = await begin({}, 'stubborn');
    await writeFile(`${journal}.stuck`, '');
    await answer(run, 'gate', { verb: 'reject' });
    await answer(run, 'one.undo', { verb: 'retry' });
    await until('it to ask again', async () => (await engine.waiting(run)).attempt === 2);
    await answer(run, 'one.undo', { verb: 'skip' });
    expect((await engine.ended(run)).problem?.message).toContain('could not be undone: one');
    expect(await lines(journal)).toEqual(['one', 'two', 'undo two']);
    await keep(run, 'undo failed');
  }, 60_000);
});

describe('two runs that change one target, which only a step of theirs names', () => {
  /** @returns how many had begun when the second was waiting, or had begun too */
  async function beganAtOnce(id: string): Promise<number> {
    const journal = engine.path(`${id}.txt`);
    const begun = async () => (await lines(journal).catch(() => [])).filter(Boolean).length;
    const first = await engine.run(id, { journal });
    await until('the first to begin', async () => (await begun()) === 1);
    const second = await engine.run(id, { journal });
    await until('the second to wait or to begin', async () => {
      const view = await engine.status(second).catch(() => undefined);
      return (await begun()) === 2 || view?.waitingFor[0]?.kind === 'lease';
    });
    const atOnce = await begun();
    await writeFile(`${journal}.end`, '');
    for (const run of [first, second]) expect((await engine.ended(run)).state).toBe('succeeded');
    return atOnce;
  }

  test('do so one after the other; at once where the step does not name it', async () => {
    const found = { naming: await beganAtOnce('naming'), unnamed: await beganAtOnce('unnamed') };
    tell(`one target, two runs: ${found.naming - 1} at once; ${found.unnamed - 1} when not named`);
    expect(found).toEqual({ naming: 1, unnamed: 2 });
  }, 60_000);
});

testAlone(
  'what ran replays by the code that ran it, and is found when the code differs',
  async () => {
    const code = await testBundle(shippedEntry);
    const reordered = code.replace(
      'for (const [index, spec] of steps.entries())',
      'for (const [index, spec] of [...steps.entries()].reverse())',
    );
    expect(reordered).not.toBe(code);
    const failed = async (bundle: string): Promise<number> => {
      const { address, taskQueue } = engine;
      const file = engine.path('replayed.js');
      await writeFile(file, bundle);
      return (await replayed({ address, taskQueue, file })).wrong.length;
    };
    const found = { same: await failed(code), reordered: await failed(reordered) };
    tell(`runs that do not replay: ${found.same}; with a reordered step: ${found.reordered}`);
    expect(found.same).toBe(0);
    expect(found.reordered).toBeGreaterThan(5);
  },
  60_000,
);
