import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { StartEnvelope } from '../../common/envelope.js';
import { messageNames } from '../../common/defaults.js';
import type { JsonObject } from '../../language/json.js';
import type { Driver } from '../../testing/driver/driver.js';
import type { Run } from '../../testing/driver/run.js';
import { outline } from '../../testing/driver/trace.js';
import { openDriver } from './open.js';
import { answer, commands, failing, states, tell } from './plans.js';
import { codeCatalogue } from './specs.js';
import { activities, envelope, status, type PlayCommand } from './world.js';

/*
 * Drills: the runbook as it is, on what is isolated, and nothing left of it. And what a recovery
 * reached.
 */

let driver: Driver;
beforeAll(async () => {
  driver = await openDriver('test/driver/procedures');
}, 60_000);
afterAll(() => driver?.close());

const fine: PlayCommand = ({ step }) => step.path;

function begin(inputs: JsonObject, change: Partial<StartEnvelope> = {}, play = fine): Run {
  const asked = { ...envelope('code-recovery', { service: 'web', ...inputs }), ...change };
  const played = activities(play, codeCatalogue);
  return driver.start('code-recovery', [asked], {
    workflowId: asked.run,
    activities: { ...played, check: () => ({ output: 'seen', attempt: 1 }) },
  });
}

const drill = { drill: true } as const;
const unattended = { drill: true, unattended: 'abort' } as const;

async function problemOf(run: Run): Promise<string> {
  await run.result().catch(() => undefined);
  return (await status(run)).problem?.message ?? '';
}

describe('a drill', () => {
  test('that nobody attends asks nobody, and removes what it made when it went well, behind a point of no return too', async () => {
    const run = begin({}, unattended);
    expect(await run.result()).toEqual({ state: 'succeeded', outputs: { asked: null } });
    expect(commands(run)).toEqual(['look', 'make', 'point', 'make.undo']);
    const view = await status(run);
    expect(view).toMatchObject({
      drill: true,
      problem: null,
      recovery: { rtoMs: 0, rpoMs: 0, met: true },
    });
    expect(states(view)).toMatchObject({ gate: 'not-needed', make: 'undone', point: 'succeeded' });
  });

  test('that people attend asks them as the real run would', async () => {
    const run = begin({}, drill);
    await run.settle();
    expect((await status(run)).waitingFor).toMatchObject([{ id: 'gate', confirm: 'web' }]);
    await answer(run, 'approve', { confirm: 'web' });
    expect(await run.result()).toMatchObject({
      state: 'succeeded',
      outputs: { asked: 'operator' },
    });
    expect(commands(run)).toContain('make.undo');
  });

  test('is no drill: the real run changes what is not isolated', async () => {
    const run = begin({ service: 'live' });
    await answer(run, 'approve', { confirm: 'live' });
    expect(await run.result()).toMatchObject({ state: 'succeeded' });
    expect(commands(run)).toEqual(['look', 'make', 'point']);
  });

  test('that fails removes what it made, though the real run would leave it', async () => {
    const drilled = begin({}, unattended, failing('point'));
    expect(await problemOf(drilled)).toBe('not there');
    expect(commands(drilled)).toContain('make.undo');
    expect(await status(drilled)).toMatchObject({ state: 'failed', drill: true });

    const meant = begin({}, {}, failing('make'));
    await answer(meant, 'approve', { confirm: 'web' });
    await answer(meant, 'abort');
    await problemOf(meant);
    expect(commands(meant)).not.toContain('make.undo');
  });

  test('that people abort is removed as well', async () => {
    const run = begin({ fault: 'by hand' }, unattended);
    await run.settle();
    await tell(run, 'abort');
    await problemOf(run);
    expect(await status(run)).toMatchObject({ state: 'cancelled' });
    expect(commands(run)).toContain('make.undo');
  });

  test('that goes on as a new execution while it is aborted still removes what it made', async () => {
    const run = begin({ fault: 'by hand' }, unattended);
    await run.settle();
    run.signal(messageNames.border);
    await tell(run, 'abort');
    await problemOf(run);
    expect(commands(run).filter((step) => step === 'make.undo')).toHaveLength(1);
  });

  test('that could not be removed has failed, however well it went', async () => {
    const run = begin({}, unattended, failing('make.undo'));
    expect(await problemOf(run)).toBe('the drill went well; could not be undone: make');
    expect(await status(run)).toMatchObject({ state: 'failed', recovery: { met: true } });
  });

  test.each([
    ['elsewhere', 'step elsewhere of a drill would change target live, which is not isolated'],
    [
      'check elsewhere',
      'step elsewhere-too of a drill would change target live, which is not isolated',
    ],
    ['undo elsewhere', 'step make of a drill would change target live, which is not isolated'],
    ['nowhere', 'step elsewhere of a drill would change something, and names no target'],
  ])('changes nothing but what is isolated, whatever its code does: %s', async (fault, says) => {
    const run = begin({ fault }, unattended);
    expect(await problemOf(run)).toBe(says);
    for (const step of ['elsewhere', 'elsewhere-too']) expect(commands(run)).not.toContain(step);

    const meant = begin({ fault });
    await answer(meant, 'approve', { confirm: 'web' });
    await meant.settle();
    const done =
      { 'undo elsewhere': 'make', 'check elsewhere': 'elsewhere-too' }[fault] ?? 'elsewhere';
    expect(outline(meant.trace).join()).toContain(done);
  });

  test('is refused on what is not isolated, before it begins', async () => {
    const run = begin({ service: 'live' }, drill);
    await expect(run.result()).rejects.toMatchObject({
      message: expect.stringContaining(
        'input service names target live, which is not isolated',
      ) as unknown,
    });
    expect(commands(run)).toEqual([]);
  });

  test('with a gate that is not declared is a fault of its procedure', async () => {
    const run = begin({ fault: 'no gate' }, unattended);
    await expect(run.result()).rejects.toThrow('gate nowhere is not declared');
  });
});

describe('a gate that wants the name of what it acts on', () => {
  test('is approved by whoever types it, and rejected by anybody', async () => {
    const run = begin({});
    for (const [confirm, says] of [
      [undefined, 'nothing was typed'],
      ['mail', '"mail" is another name'],
    ] as const) {
      expect(await answer(run, 'approve', confirm === undefined ? {} : { confirm })).toMatchObject({
        accepted: false,
        code: 'not-confirmed',
        message: expect.stringContaining(says) as unknown,
      });
    }
    // Whoever copies the command types the name themselves.
    expect((await status(run)).waitingFor[0]?.command).toMatch(
      /approve code-recovery-run gate --digest sha256:[0-9a-f]{64}$/,
    );
    expect(await answer(run, 'approve', { confirm: 'web' })).toMatchObject({ accepted: true });
    expect(await run.result()).toMatchObject({ state: 'succeeded' });
    expect((await status(run)).drill).toBeUndefined();

    const other = begin({});
    expect(await answer(other, 'reject')).toMatchObject({ accepted: true });
  });
});
