import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { Admission } from '../../common/admission.js';
import type { StepView } from '../../common/view.js';
import { messageNames } from '../../common/defaults.js';
import type { ActivityContext } from '../../testing/driver/attempt.js';
import type { Driver } from '../../testing/driver/driver.js';
import type { Run } from '../../testing/driver/run.js';
import { outline } from '../../testing/driver/trace.js';
import { openDriver } from './open.js';
import {
  answer,
  begin,
  change,
  failing,
  fine,
  gate,
  lasting,
  runbook,
  send,
  tell,
} from './plans.js';
import { activities, status, stepFailure, type PlayCommand } from './world.js';

/*
 * What people see of a run while it goes: its status, the search attributes and the memo in the
 * Temporal UI, its details.
 */

let driver: Driver;
beforeAll(async () => {
  driver = await openDriver('workflows/index');
}, 60_000);
afterAll(() => driver?.close());

const second = (at: string | null): number | null =>
  at === null ? null : (Date.parse(at) - Date.UTC(2026, 0, 1)) / 1_000;

/** A step in one line: its state, from and to in seconds, attempts, what went wrong. */
const line = ({ id, state, startedAt, endedAt, attempts, error }: StepView): string =>
  [id, state, `${second(startedAt) ?? ''}-${second(endedAt) ?? ''}`, attempts, error?.message ?? '']
    .join(' ')
    .trim();
const lines = async (run: Run): Promise<string[]> => (await status(run)).steps.map(line);

/**
 * What the list of runs in the Temporal UI is filtered by, and the memo that tells the command
 * without a worker.
 */
const published = (run: Run): string[] =>
  outline(run.trace)
    .filter((each) => /^(search-attributes|memo)/.test(each))
    .map((each) => each.replaceAll(/sha256:[0-9a-f]{64}/g, 'D'));

/** A command with the digest of whatever it answers. */
const withDigest = (command: string): unknown =>
  expect.stringMatching(new RegExp(`^${command} --digest sha256:[0-9a-f]{64}$`));

async function details(run: Run): Promise<string> {
  const metadata = await run.query<{ currentDetails: string }>('__temporal_workflow_metadata');
  return metadata.currentDetails;
}

/** Each command takes a second. */
const slow =
  (play: PlayCommand = fine): PlayCommand =>
  async (request, activity) => {
    await activity.sleep(1_000);
    return play(request, activity);
  };

describe('a run from its start to its end', () => {
  test('each state as it comes, each step with its times, every wait with its command', async () => {
    let broken = true;
    const both = {
      id: 'both',
      title: 'Both',
      kind: 'parallel',
      effect: 'change',
      steps: [lasting('left'), lasting('right')],
    };
    const hand = {
      id: 'hand',
      title: 'By hand',
      kind: 'manual',
      effect: 'change',
      instructions: 'Turn it.',
      answers: ['side'],
    };
    const run = begin(
      driver,
      runbook([
        change('one'),
        both,
        gate,
        hand,
        change('two', { retry: { attempts: 2, initialMs: 1_000 } }),
      ]),
      slow((request, activity: ActivityContext) => {
        if (request.step.path === 'two' && broken)
          throw stepFailure(request, activity, 'CommandFailed', 'exit 1');
        return request.step.path;
      }),
    );
    await run.advance(500);
    expect([(await status(run)).state, await lines(run)]).toEqual([
      'running',
      [
        'one running 0- 0',
        'both pending - 0',
        'gate pending - 0',
        'hand pending - 0',
        'two pending - 0',
      ],
    ]);
    expect(await details(run)).toContain('▶');

    await run.advance(2_500);
    expect([(await status(run)).state, (await lines(run)).slice(0, 5)]).toEqual([
      'waiting',
      [
        'one succeeded 0-1 1',
        'both succeeded 1-2 0',
        'both/left succeeded 1-2 1',
        'both/right succeeded 1-2 1',
        'gate waiting 2- 1',
      ],
    ]);
    const [asked] = (await status(run)).waitingFor;
    const does = (...argv: string[]) => ({ kind: 'command', argv });
    expect(asked).toEqual({
      ...{
        kind: 'approval',
        id: 'gate',
        title: 'Go on?',
        since: '2026-01-01T00:00:02.000Z',
        deadline: null,
        attempt: 1,
      },
      ...{ who: 'an operator other than the requester', deciders: 'another' },
      ...{ verbs: ['approve', 'reject'], digest: asked?.digest, evidence: {} },
      follows: [
        expect.objectContaining({ step: 'hand', works: [] }),
        expect.objectContaining({
          step: 'two',
          works: [{ action: does('do', 'hello'), undo: does('undo') }],
        }),
      ],
      command: `runbook approve told-run gate --digest ${asked?.digest}`,
    });
    // Both answers to copy as they are, and one line with blanks for scripts.
    const shown = await details(run);
    for (const verb of ['approve', 'reject'])
      expect(shown).toContain(`\`runbook ${verb} told-run gate --digest ${asked?.digest}\``);
    expect(shown).toContain(`Form for scripts: \`${asked?.command} --reason TEXT --yes\``);

    await answer(run, 'approve', { by: 'approver' });
    expect((await status(run)).waitingFor).toEqual([
      expect.objectContaining({
        ...{
          kind: 'manual',
          id: 'hand',
          title: 'By hand',
          deadline: null,
          who: 'an operator',
          attempt: 1,
        },
        answers: ['side'],
        command: withDigest('runbook done told-run hand'),
        evidence: {
          'what to do': 'Turn it.',
          done: 'when you have done it; give side with --output',
          rollback: 'ends the run and undoes what was changed',
          abort: 'ends the run and leaves everything as it is',
        },
      }),
    ]);
    expect([(await status(run)).state, (await lines(run)).slice(4, 6)]).toEqual([
      'waiting',
      ['gate succeeded 2-3 1', 'hand waiting 3-3 0 Turn it.'].map((each) =>
        expect.stringMatching(new RegExp(`^${each.replace(/3/g, '3(.\\d+)?')}$`)),
      ),
    ]);

    await answer(run, 'done', { outputs: { side: 'left' } });
    await run.advance(5_000);
    expect((await status(run)).state).toBe('needs-operator');
    expect((await status(run)).steps.at(-1)).toMatchObject({
      state: 'needs-operator',
      attempts: 2,
      error: { message: 'exit 1' },
    });
    expect((await status(run)).waitingFor).toMatchObject([
      {
        ...{
          kind: 'failure',
          id: 'two',
          title: 'Change two: it failed',
          command: withDigest('runbook retry told-run two'),
        },
        evidence: {
          'what happened': 'exit 1',
          'the step': 'changes something',
          retry: 'does the step again',
          skip: 'goes on without it',
          done: 'goes on; you did it by hand',
        },
      },
    ]);

    broken = false;
    await answer(run, 'retry');
    expect((await status(run)).steps.at(-1)).toMatchObject({
      state: 'running',
      endedAt: null,
      error: null,
    });
    expect(await run.result()).toMatchObject({ state: 'succeeded' });
    const view = await status(run);
    expect(view).toMatchObject({ state: 'succeeded', waitingFor: [], problem: null });
    expect(second(view.endedAt)).toBeGreaterThan(8);
    expect(view.steps.map(({ id, state, output }) => [id, state, output])).toEqual([
      ['one', 'succeeded', 'one'],
      ['both', 'succeeded', null],
      ['both/left', 'succeeded', 'both/left'],
      ['both/right', 'succeeded', 'both/right'],
      ['gate', 'succeeded', { by: 'approver', reason: 'because' }],
      ['hand', 'done-by-hand', { side: 'left' }],
      ['two', 'succeeded', 'two'],
    ]);
    expect(published(run)).toEqual([
      'search-attributes running one',
      'search-attributes running both',
      'search-attributes running gate',
      'search-attributes waiting gate',
      'memo runbook approve told-run gate --digest D',
      'search-attributes running hand',
      'memo',
      'search-attributes waiting hand',
      'memo runbook done told-run hand --digest D',
      'search-attributes running two',
      'memo',
      'search-attributes needs-operator two',
      'memo runbook retry told-run two --digest D',
      'search-attributes running two',
      'memo',
      'search-attributes succeeded',
    ]);
  });

  test('paused, resumed, and rolled back', async () => {
    const run = begin(driver, runbook([change('one'), change('two'), gate]), slow());
    await run.advance(500);
    await tell(run, 'pause');
    await run.advance(2_000);
    expect([(await status(run)).state, await lines(run)]).toEqual([
      'paused',
      ['one succeeded 0-1 1', 'two pending - 0', 'gate pending - 0'],
    ]);
    expect(await details(run)).toMatch(
      /\*\*`Paused by operator .* since .* UTC: because`\*\*\s+Go on with: `runbook resume \S+`/,
    );
    await tell(run, 'resume');
    expect(await details(run)).not.toContain('Paused');
    expect((await status(run)).state).toBe('running');
    await run.advance(2_000);
    await tell(run, 'rollback');
    expect([(await status(run)).state, (await lines(run))[1]]).toEqual([
      'rolling-back',
      expect.stringContaining('two undoing'),
    ]);
    expect(await tell(run, 'pause')).toMatchObject({
      accepted: true,
      message: expect.stringContaining('will finish: two.'),
    });
    await tell(run, 'resume');
    await expect(run.result()).rejects.toMatchObject({ type: 'RolledBack' });
    const view = await status(run);
    expect(view).toMatchObject({ state: 'rolled-back', waitingFor: [], undos: [] });
    expect(second(view.endedAt)).toBeGreaterThan(4);
    expect(view.steps.map(({ state }) => state)).toEqual(['undone', 'undone', 'skipped']);
    expect(published(run)).toEqual([
      'search-attributes running one',
      'search-attributes paused one',
      'search-attributes running one',
      'search-attributes running two',
      'search-attributes running gate',
      'search-attributes waiting gate',
      'memo runbook approve told-run gate --digest D',
      'search-attributes rolling-back',
      'memo',
      'search-attributes rolling-back two',
      'search-attributes paused two',
      'search-attributes rolling-back two',
      'search-attributes rolling-back one',
      'search-attributes rolled-back',
    ]);
  });

  test('a rejection closes the gate, and says who and why', async () => {
    const run = begin(driver, runbook([gate]));
    await run.settle();
    await answer(run, 'reject', { reason: 'not tonight' });
    expect(await run.result()).toMatchObject({ state: 'rejected' });
    expect(await status(run)).toMatchObject({
      waitingFor: [],
      steps: [
        {
          state: 'failed',
          error: { type: 'Rejected', message: 'operator rejected gate: not tonight' },
        },
      ],
      problem: { message: 'operator rejected gate: not tonight' },
    });
    // There was nothing to undo.
    expect(published(run).join()).not.toContain('rolling-back');
  });

  test('a step by hand that nothing needs, and an undo that fails, say what each answer does', async () => {
    const hand = { id: 'hand', title: 'By hand', kind: 'manual', effect: 'change' };
    const run = begin(driver, runbook([change('one'), hand]), failing('one.undo'));
    await run.settle();
    const ends = {
      rollback: 'ends the run and undoes what was changed',
      abort: 'ends the run and leaves everything as it is',
    };
    expect((await status(run)).waitingFor[0]?.evidence).toEqual({
      ...{
        'what to do': 'By hand',
        done: 'when you have done it',
        skip: 'goes on without it',
        ...ends,
      },
    });
    expect(outline(run.trace).filter((each) => each === 'record')).toHaveLength(1);
    await answer(run, 'rollback');
    expect((await status(run)).waitingFor[0]?.evidence).toMatchObject({
      undo: 'Take back one: run undo',
      'what happened': 'not there',
    });
    expect(outline(run.trace).filter((each) => each === 'record')).toHaveLength(2);
    const summaries = run.trace.flatMap((entry) =>
      entry.type === 'activity' && entry.activity === 'command' ? entry.summary : [],
    );
    expect(summaries).toEqual(['Change one', 'Undo: Take back one']);
    // What is asked no more is closed, although the run has not ended.
    expect(
      await tell(run, 'done', { about: { kind: 'step', id: 'hand' }, attempt: 1 }),
    ).toMatchObject({
      accepted: false,
      code: 'already-decided',
    });
    expect((await status(run)).decisions.map(({ about, verb }) => [about?.id, verb])).toEqual([
      ['hand', 'rollback'],
      ['hand', 'done'],
    ]);
  });

  test('a question of a run that is cancelled is closed at once', async () => {
    const hand = { id: 'hand', title: 'By hand', kind: 'manual', effect: 'read' };
    for (const [step, verb, place] of [
      [gate, 'approve', { about: { kind: 'gate', id: 'both/gate' } }],
      [hand, 'done', { about: { kind: 'step', id: 'both/hand' } }],
    ] as const) {
      const look = { ...lasting('slow'), effect: 'read' };
      const both = {
        id: 'both',
        title: 'Both',
        kind: 'parallel',
        effect: 'read',
        steps: [step, look],
      };
      const run = begin(driver, runbook([both]), (_request, activity) =>
        activity.cancelled().catch(async (error: unknown) => {
          await activity.sleep(5_000);
          throw error;
        }),
      );
      await run.advance(2_000);
      await tell(run, 'cancel');
      expect(await status(run)).toMatchObject({
        waitingFor: [],
        steps: [{}, {}, { id: 'both/slow', state: 'running' }],
      });
      expect(await tell(run, verb, { ...place, attempt: 1 })).toMatchObject({
        ...{ accepted: false, code: 'already-decided' },
        message: expect.stringContaining('already closed'),
      });
      await run.end();
    }
  });

  test('the newest hundred decisions', async () => {
    const run = begin(driver, runbook([gate]));
    await run.settle();
    for (let count = 0; count < 101; count += 1)
      send(run, 'approve', { id: `number-${count}`, about: { kind: 'gate', id: 'other' } });
    await run.settle();
    const { decisions } = await status(run);
    expect([decisions.length, decisions[0]?.id, decisions.at(-1)]).toEqual([
      ...[
        100,
        'number-1',
        expect.objectContaining({
          id: 'number-100',
          verb: 'approve',
          about: { kind: 'gate', id: 'other' },
          code: 'unknown-gate',
        }),
      ],
    ]);
  });

  test('two questions at once are both shown, both answered, and the run waits until the last', async () => {
    const by = (id: string): object => ({
      id,
      title: `Hand ${id}`,
      kind: 'manual',
      effect: 'read',
    });
    const both = {
      id: 'both',
      title: 'Both',
      kind: 'parallel',
      effect: 'read',
      steps: [by('a'), by('b')],
    };
    const run = begin(driver, runbook([both]));
    await run.settle();
    expect((await status(run)).waitingFor.map(({ id }) => id)).toEqual(['both/a', 'both/b']);
    expect(published(run).at(-1)).toBe(
      'memo runbook done told-run both/a --digest D\nrunbook done told-run both/b --digest D',
    );
    await answer(run, 'done');
    expect(await status(run)).toMatchObject({ state: 'waiting', waitingFor: [{ id: 'both/b' }] });
    await answer(run, 'done');
    expect(await run.result()).toMatchObject({ state: 'succeeded' });
  });

  test('a border at a question changes nothing that is shown, and tells Temporal and the record nothing twice', async () => {
    const both = {
      id: 'both',
      title: 'Both',
      kind: 'parallel',
      effect: 'change',
      steps: [lasting('left'), lasting('right')],
    };
    const run = begin(
      driver,
      runbook([change('one'), both, gate, lasting('two')]),
      (request, activity) => {
        if (request.step.path === 'two')
          throw stepFailure(request, activity, 'CommandMissing', 'not there');
        return null;
      },
    );
    for (const verb of ['approve', 'abort'] as const) {
      await run.advance(5_000);
      const before = await status(run);
      run.signal(messageNames.border);
      await run.advance(500);
      const told = run.trace.slice(
        run.trace.findLastIndex((entry) => entry.type === 'continue-as-new') + 1,
      );
      expect(outline(told).filter((each) => !/^timer/.test(each))).toEqual([]);
      expect(await status(run)).toEqual(before);
      await answer(run, verb);
    }
    await run.end();
    expect((await status(run)).state).toBe('failed');
  });

  test('a border at two questions keeps the order in which they came', async () => {
    const both = {
      id: 'both',
      title: 'Both',
      kind: 'parallel',
      effect: 'change',
      steps: [lasting('left'), lasting('right')],
    };
    const run = begin(driver, runbook([both]), async (request, activity) => {
      await activity.sleep(request.step.path === 'both/left' ? 2_000 : 1_000);
      throw stepFailure(request, activity, 'CommandMissing', 'not there');
    });
    await run.advance(5_000);
    const before = await status(run);
    expect(before.waitingFor.map(({ id }) => id)).toEqual(['both/right', 'both/left']);
    run.signal(messageNames.border);
    await run.advance(500);
    const told = run.trace.slice(
      run.trace.findLastIndex((entry) => entry.type === 'continue-as-new') + 1,
    );
    expect(outline(told)).toEqual([]);
    expect(await status(run)).toEqual(before);
  });

  test('a border at an undo that asks tells Temporal and the record nothing twice either', async () => {
    const run = begin(driver, runbook([change('one'), change('two'), gate]), failing('one.undo'));
    await answer(run, 'reject');
    const before = await status(run);
    expect(before).toMatchObject({ state: 'needs-operator', waitingFor: [{ id: 'one.undo' }] });
    run.signal(messageNames.border);
    await run.advance(500);
    const told = run.trace.slice(
      run.trace.findLastIndex((entry) => entry.type === 'continue-as-new') + 1,
    );
    expect(outline(told)).toEqual([]);
    expect(await status(run)).toEqual(before);
    await answer(run, 'done');
    expect(await run.result()).toMatchObject({ state: 'rejected' });
  });

  test('a border in the middle of a rollback keeps the step that is undone', async () => {
    const run = begin(driver, runbook([change('one'), change('two'), gate]), slow());
    await run.advance(2_000);
    await answer(run, 'reject');
    await run.advance(500);
    run.signal(messageNames.border);
    await run.advance(1_000);
    const told = run.trace.slice(
      run.trace.findLastIndex((entry) => entry.type === 'continue-as-new') + 1,
    );
    expect(outline(told)).toEqual(['search-attributes rolling-back one', 'command one.undo']);
    expect(await run.result()).toMatchObject({ state: 'rejected' });
  });

  test('what a run can be told stands in the Temporal UI, and that it was moved is no decision', async () => {
    const run = begin(driver, runbook([gate]));
    await run.settle();
    const { definition } = await run.query<{
      definition: { signalDefinitions: { name: string }[] };
    }>('__temporal_workflow_metadata');
    expect(definition.signalDefinitions.flatMap(({ name }) => name ?? [])).toEqual(
      expect.arrayContaining([messageNames.decide, messageNames.border, messageNames.moved]),
    );
    run.signal(messageNames.moved);
    await run.settle();
    expect((await status(run)).decisions).toEqual([]);
    expect(outline(run.trace)).not.toContain('judge');
  });

  test('changed inputs open the gates again, the question before that is closed', async () => {
    let broken = true;
    const spec = runbook([gate, change('one'), { ...gate, id: 'later' }]);
    const real = activities(
      (request, activity) => {
        if (broken) throw stepFailure(request, activity, 'CommandMissing', 'not there');
        return request.action.argv[1] ?? null;
      },
      [spec],
    );
    const admit = real['admit'] as unknown as (request: object) => Admission;
    const admissions: object[] = [];
    const run = begin(
      driver,
      spec,
      fine,
      {},
      {
        activities: {
          ...real,
          admit: (request: object) => (admissions.push(request), admit(request)),
        },
      },
    );
    await answer(run, 'approve');
    broken = false;
    await answer(run, 'retry', { inputs: { word: 'world' } });
    await run.advance(500);
    expect(admissions).toHaveLength(2);
    expect(await status(run)).toMatchObject({
      state: 'waiting',
      waitingFor: [{ id: 'gate', attempt: 2 }],
      steps: [{ state: 'waiting', attempts: 2 }, { state: 'needs-operator' }, { state: 'pending' }],
    });
    const late = send(run, 'approve', {
      about: { kind: 'gate', id: 'gate' },
      attempt: 1,
      digest: 'of the first time',
    });
    await run.settle();
    expect(await run.query('verdict', late)).toMatchObject({ accepted: false, code: 'stale' });
    await answer(run, 'approve');
    await answer(run, 'approve');
    expect(await run.result()).toMatchObject({ state: 'succeeded' });
    const told = { by: 'operator', reason: 'because' };
    expect((await status(run)).steps.map(({ output }) => output)).toEqual([told, 'world', told]);
  });
});

describe('the details in the Temporal UI', () => {
  test('of a gate have a list of its own under each step that follows', async () => {
    const quiet = {
      id: 'hand',
      title: 'By hand',
      kind: 'manual',
      effect: 'read',
      instructions: 'x',
    };
    const many = Array.from({ length: 31 }, (_, number) => change(`c${number}`));
    const run = begin(driver, runbook([gate, change('one'), quiet, ...many]));
    await run.advance(1_000);
    const shown = await details(run);
    expect(shown).toContain(
      [
        '**one: Change one**: changes something; tried once',
        '- run do hello\n- undo: Take back one: run undo',
        '**hand: By hand**: changes nothing',
        '- done by people: x',
        '**c0: Change c0**: changes something; tried once',
      ].join('\n\n'),
    );
    expect(shown).toContain('3 more: `runbook status told-run`');
  });

  test('of a run that failed say why, what to type, what is left, and who decided', async () => {
    const run = begin(
      driver,
      runbook([change('one'), lasting('two'), change('three')]),
      (request, activity) => {
        if (request.step.path !== 'three') return request.step.path;
        throw stepFailure(request, activity, 'CommandFailed', 'exit 1', {
          next: 'Read its whole output',
          command: 'logs told-run three',
        });
      },
    );
    await run.advance(1_000);
    expect((await status(run)).waitingFor[0]?.evidence).toMatchObject({
      next: 'Read its whole output with: runbook logs told-run three',
    });
    await answer(run, 'abort');
    await expect(run.result()).rejects.toMatchObject({
      message: 'exit 1. Read its whole output with: runbook logs told-run three',
    });
    const shown = await details(run);
    expect(shown).toContain(
      [
        '**exit 1**',
        'Next: Read its whole output with: `runbook logs told-run three`',
        '**Not taken back**',
        [
          '- one (Change one): left as it is; by hand: Take back one: run undo',
          '- two (Change two): left as it is; it has no undo: look at the target, and decide',
          '- three (Change three): it may have changed something; by hand: Take back three: run undo',
        ].join('\n'),
        '**Decisions**',
      ].join('\n\n'),
    );
    expect(shown).toMatch(/- `2026-01-01 00:00:\d\d UTC: operator .*accepted.*because`/);
    expect(shown).toContain('succeeded, left');
  });

  test('of a run that was rolled back name what stays', async () => {
    const run = begin(driver, runbook([lasting('one'), change('two')]), (request, activity) => {
      if (request.step.path !== 'two') return request.step.path;
      throw stepFailure(request, activity, 'CommandFailed', 'exit 1', {
        next: 'Read its whole output',
        command: 'logs told-run two',
      });
    });
    await run.advance(1_000);
    await answer(run, 'rollback');
    await expect(run.result()).rejects.toBeDefined();
    expect(await details(run)).toContain(
      '**exit 1; left as they are: one**\n\nNext: Read its whole output with: `runbook logs told-run two`',
    );
  });

  test('of a run that went well have its outputs', async () => {
    const run = begin(
      driver,
      runbook([change('one')], {
        outputs: { first: { $: 'steps.one' }, word: { $: 'inputs.word' } },
      }),
    );
    await run.result();
    expect(await details(run)).toContain(
      '**Outputs**\n\n- first: `{"did":"one","with":"hello"}`\n- word: hello',
    );
  });

  test('of a run with an output of several lines show it as it is, apart from the others', async () => {
    const said = { stdout: 'total 8\n  drwxr-xr-x  shop\n' };
    const run = begin(
      driver,
      runbook([change('one')], { outputs: { there: { $: 'steps.one.stdout' } } }),
      () => said,
    );
    await run.result();
    expect(await details(run)).toContain('there:\n\n```\ntotal 8\n  drwxr-xr-x  shop\n```');
  });
});
