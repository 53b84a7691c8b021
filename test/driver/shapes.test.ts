import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { AttemptRequest } from '../../common/attempt.js';
import type { Json } from '../../language/json.js';
import type * as shapes from '../../common/shapes.js';
import { Driver } from '../../testing/driver/driver.js';
import { openDriver } from './open.js';
import {
  activities,
  bundleProcedures,
  decide,
  decision,
  envelope,
  start,
  status,
} from './world.js';

/*
 * What an activity answers, whoever reaches Temporal can answer: each of them is answered with
 * things of a wrong shape, and the run can be moved all the same.
 */

const inputs = { journal: '/tmp/journal', last: '["/bin/echo"]' };
const garbage: Json[] = ['garbage', 5, true, [], {}, { admitted: true }, { verdicts: [null] }];
const fine = (): Json => 'done';

type Activities = ReturnType<typeof activities>;
type Answered = 'admit' | 'judge' | 'record' | 'refuse' | 'command';

/** How a run gets on whose activity is answered so. Rejects when nothing moves it any more. */
async function getsOn(driver: Driver, activity: Answered, answer: Json): Promise<string> {
  const real = activities(fine);
  const broken: Activities = { ...real, [activity]: () => answer };
  const asked = activity === 'refuse' ? 'no envelope' : envelope('test-gated', inputs);
  const run = driver.start('test-gated', [asked], {
    workflowId: 'test-gated-run',
    activities: broken,
  });
  if (activity === 'admit' || activity === 'refuse')
    return run.result().then(String, (error: Error) => error.message);
  await run.settle();
  const verb = activity === 'command' ? 'abort' : 'approve';
  const verdict = await decide(run, { verb });
  if (activity === 'judge') return String(verdict?.code);
  return run.result().then(
    (result) => (result as { state: string }).state,
    (error: Error) => error.message,
  );
}

const moved: Record<Answered, RegExp> = {
  admit: /does not come from a worker/,
  judge: /^not-judged$/,
  record: /^succeeded$/,
  refuse: /no start envelope: it is no object/,
  command: /does not come from a worker|aborted/,
};
const names = Object.keys(moved) as Answered[];

let driver: Driver;
let code: string;
beforeAll(async () => {
  code = await bundleProcedures();
  driver = await openDriver('test/engine/procedures');
});
afterAll(() => driver?.close());

describe('an answer of the wrong shape', () => {
  test.each(names)('of %s leaves the run where people can move it', async (activity) => {
    for (const answer of garbage)
      expect(await getsOn(driver, activity, answer)).toMatch(moved[activity]);
  });

  test('every guard is needed: without it runs are wedged', async () => {
    const guards = ['isAdmission', 'isAttemptResult'] satisfies (keyof typeof shapes)[];
    const open = guards.reduce<string>(
      (text, name) =>
        text.replace(new RegExp(`function ${name}\\([^)]*\\) \\{`), '$& return true;'),
      code,
    );
    expect(open).not.toBe(code);
    const unguarded = await Driver.create({ code: open });
    let wedged = 0;
    for (const activity of ['admit', 'command'] as const)
      for (const answer of garbage) {
        const how = await getsOn(unguarded, activity, answer).catch(() => 'wedged');
        if (!moved[activity].test(how)) wedged += 1;
      }
    await unguarded.close();
    process.stdout.write(`wedged or misled by wrong answers: 0; without guards: ${wedged}\n`);
    expect(wedged).toBeGreaterThan(0);
  });
});

describe('a start of the wrong shape', () => {
  const good = envelope('test-gated', inputs);
  const wrong = Object.keys(good).flatMap((field) =>
    [null, 5, [], {}, 'x'.repeat(100_000)].map((value) => ({ field, value })),
  );

  test('is refused in words and told to the record, whichever field it is', async () => {
    let refused = 0;
    for (const { field, value } of wrong) {
      if (typeof value === 'string' && ['reason', 'by'].includes(field)) continue;
      if (
        field === 'inputs' &&
        value !== null &&
        typeof value === 'object' &&
        !Array.isArray(value)
      )
        continue;
      const told: unknown[] = [];
      const refuse = (request: unknown): void => void told.push(request);
      const run = driver.start('test-gated', [{ ...good, [field]: value }], {
        workflowId: 'test-gated-run',
        activities: { ...activities(fine), refuse },
      });
      await expect(run.result()).rejects.toMatchObject({
        type: 'Refused',
        message: expect.stringContaining('no start envelope'),
      });
      expect(told).toMatchObject([{ runbook: 'test-gated', problem: { type: 'Refused' } }]);
      refused += 1;
    }
    expect(refused).toBeGreaterThan(wrong.length - 5);
  });

  test('the record is away: it is refused all the same', async () => {
    const away = (): never => {
      throw new Error('no record');
    };
    const run = driver.start('test-gated', [{ ...good, inputs: null }], {
      workflowId: 'test-gated-run',
      activities: { ...activities(fine), refuse: away },
    });
    await run.advance(60_000);
    await expect(run.result()).rejects.toMatchObject({ type: 'Refused' });
  });
});

describe('an id', () => {
  test('that a bad decision had is still good for a good one, and an accepted one stays', async () => {
    const run = start(driver, 'test-gated', inputs, fine);
    await run.settle();
    expect(await decide(run, { attempt: 7 })).toMatchObject({ code: 'stale' });
    expect(await decide(run)).toMatchObject({ code: 'accepted' });
    expect(await run.result()).toMatchObject({ state: 'succeeded' });
  });

  test('of which a good decision and a bad one come at once keeps the good answer', async () => {
    const run = start(driver, 'test-gated', inputs, fine);
    const good = await decision(run);
    run.signal('decide', good);
    run.signal('decide', { ...good, verb: 'nonsense' });
    await run.settle();
    expect(await run.query('verdict', good.id)).toMatchObject({ code: 'accepted' });
    expect(await run.result()).toMatchObject({ state: 'succeeded' });
  });

  test('the same bad decision again has the answer that it had', async () => {
    const run = start(driver, 'test-gated', inputs, fine);
    await run.settle();
    const first = await decide(run, { attempt: 7 });
    await run.advance(5_000);
    run.signal('decide', await decision(run, { attempt: 7 }));
    await run.settle();
    expect((await status(run)).decisions).toHaveLength(1);
    expect(first).toMatchObject({ code: 'stale' });
  });
});

describe('an answer of the wrong shape to a step', () => {
  test('that is under way ends what it started, before people are asked', async () => {
    const settled: string[] = [];
    const run = start(driver, 'test-gated', inputs, fine, {
      activities: {
        ...activities(fine),
        command: () => 'garbage',
        settle: ({ step }: { step: string }) => {
          settled.push(step);
          return { state: 'ended' };
        },
      },
    });
    await run.settle();
    expect((await status(run)).waitingFor).toMatchObject([{ id: 'before', kind: 'failure' }]);
    expect(settled).toEqual(['before']);
  });

  test('that undoes another, and to what ends it: people are asked', async () => {
    const real = activities(fine);
    const command: Activities[string] = (request, context) =>
      (request as AttemptRequest).step.path === 'before.undo'
        ? 'garbage'
        : real['command']?.(request, context);
    const run = start(driver, 'test-gated', inputs, fine, {
      activities: { ...real, command, settle: () => 'garbage' },
    });
    await run.settle();
    const { digest, attempt } = (await status(run)).waitingFor[0] ?? {};
    run.signal('decide', {
      ...{ version: 1, id: 'cancel', verb: 'cancel', run: run.workflowId, digest, attempt },
      ...{ by: 'approver', reason: 'x' },
    });
    await run.settle();
    const [asked] = (await status(run)).waitingFor;
    expect(asked).toMatchObject({ id: 'before.undo', kind: 'undo' });
    expect(asked?.evidence).not.toHaveProperty('rollback');
  });
});

test('of a flood of signals that decide nothing the record is told of the first', async () => {
  const saved: { signals?: unknown[] }[] = [];
  const record = (request: (typeof saved)[number]): void => void saved.push(request);
  const run = start(driver, 'test-gated', inputs, fine, {
    activities: { ...activities(fine), record },
  });
  await run.settle();
  for (let sent = 0; sent < 60; sent += 1) run.signal('moved');
  await run.settle();
  await decide(run);
  await run.result();
  expect(saved.flatMap(({ signals = [] }) => signals)).toHaveLength(50);
});

test('two runs of one plan have different digests at the same gate', async () => {
  const digests = [];
  for (const workflowId of ['one', 'two']) {
    const run = start(driver, 'test-gated', inputs, fine, { workflowId });
    await run.settle();
    const { waitingFor, planDigest } = await status(run);
    digests.push({ planDigest, gate: waitingFor[0]?.digest });
  }
  expect(digests[0]?.planDigest).toBe(digests[1]?.planDigest);
  expect(digests[0]?.gate).not.toBe(digests[1]?.gate);
});

test('signals that decide nothing are told to the record with the next save', async () => {
  const saved: { signals?: { signal: string }[] }[] = [];
  const record = (request: (typeof saved)[number]): void => void saved.push(request);
  const run = start(driver, 'test-gated', inputs, fine, {
    activities: { ...activities(fine), record },
  });
  await run.settle();
  run.signal('moved');
  run.signal('border');
  await run.settle();
  await decide(run);
  await run.result();
  expect(saved.flatMap(({ signals = [] }) => signals.map(({ signal }) => signal))).toEqual([
    'moved',
    'border',
  ]);
});
