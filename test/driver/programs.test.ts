import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { Admission } from '../../common/admission.js';
import type { AttemptRequest } from '../../common/attempt.js';
import type { Json } from '../../language/json.js';
import type { Program } from '../../language/plan.js';
import type { ActivityContext, ActivityFunction } from '../../testing/driver/attempt.js';
import type { Driver } from '../../testing/driver/driver.js';
import type { Run } from '../../testing/driver/run.js';
import { openDriver } from './open.js';
import { answer, begin, change, commands, gate, lasting, runbook } from './plans.js';
import { activities, status, stepFailure } from './world.js';

/*
 * What a run makes of programs that workers find changed.
 */

let driver: Driver;
beforeAll(async () => {
  driver = await openDriver('workflows/index');
}, 60_000);
afterAll(() => driver?.close());

const digest = (letter: string): string => `sha256:${letter.repeat(64)}`;
const own = (letter: string, name = '/srv/do'): Program => ({
  name,
  file: name,
  digest: digest(letter),
});
const ofSystem = (letter: string, file = '/bin/do'): Program => ({
  ...{ name: 'do', file, digest: digest(letter), system: true },
});
const doing = (id: string, argv: string[] = ['/srv/do'], more: object = {}): object =>
  lasting(id, { action: { kind: 'command', argv }, ...more });

/** What is there now, as workers find it, by name. */
type There = Record<string, Program>;

/** As a worker does: what is not known so is told; what may not run is not run. */
function worker(there: () => There) {
  return (request: AttemptRequest, activity: ActivityContext) => {
    const { action, programs: known = [], step } = request;
    const [name = ''] = action.kind === 'command' ? action.argv : ['kubectl'];
    const now = there()[name];
    const of = known.filter((each) => each.name === name);
    const isKnown = of.some((each) => each.digest === now?.digest && each.file === now?.file);
    if (now && of.length > 0 && !isKnown && !now.system) {
      const details = { programs: [now] as unknown as Json };
      throw stepFailure(request, activity, 'ProgramChanged', 'not approved', { details });
    }
    const told = now && !isKnown ? { programs: [now] } : {};
    return { output: step.path, attempt: activity.attempt, ...told };
  };
}

function start(steps: object[], planned: Program[], there: () => There, more: object = {}): Run {
  const spec = runbook(steps);
  const real = activities(() => null, [spec]);
  const admit: ActivityFunction = async (request, activity) => {
    const admission = (await real['admit']?.(request, activity)) as Admission & { admitted: true };
    return { ...admission, plan: { ...admission.plan, programs: planned } };
  };
  const looking = worker(there);
  return begin(driver, spec, undefined, more, {
    activities: { ...real, admit, command: looking },
  });
}

const waiting = async (run: Run) => {
  await run.advance(50);
  return (await status(run)).waitingFor[0];
};

describe('a program that is not what was approved', () => {
  const changed = { '/srv/do': own('b') };

  test('opens its gate again, over a border too, and runs once it is approved', async () => {
    const run = start([gate, doing('one')], [own('a')], () => changed);
    expect((await waiting(run))?.evidence).toEqual({
      programs: { '/srv/do': 'sha256 aaaaaaaaaaaa' },
    });
    await answer(run, 'approve');
    const shown = {
      'programs changed': { '/srv/do': 'sha256 aaaaaaaaaaaa → sha256 bbbbbbbbbbbb' },
    };
    expect(await waiting(run)).toMatchObject({ id: 'gate', attempt: 2, evidence: shown });
    run.signal('border');
    expect(await waiting(run)).toMatchObject({ id: 'gate', attempt: 2, evidence: shown });
    const view = await status(run);
    expect(view.steps.find(({ id }) => id === 'one')).toMatchObject({ state: 'waiting' });
    expect(view.programsChanged).toMatchObject([{ step: 'one', allowed: 'people' }]);
    await answer(run, 'approve');
    expect(await run.result()).toMatchObject({ state: 'succeeded' });
    expect(commands(run)).toEqual(['one', 'one']);
  });

  test('and is refused there ends the run', async () => {
    const run = start([gate, doing('one')], [own('a')], () => changed);
    await answer(run, 'approve');
    await answer(run, 'reject');
    await run.end();
    expect(await status(run)).toMatchObject({ state: 'rejected' });
  });

  test('asks at the desk where no gate was approved, and runs after a retry', async () => {
    const run = start([doing('one'), doing('two')], [own('a')], () => changed);
    expect(await waiting(run)).toMatchObject({ kind: 'failure', id: 'one' });
    run.signal('border');
    await answer(run, 'retry');
    expect(await run.result()).toMatchObject({ state: 'succeeded' });
    expect((await status(run)).programsChanged).toHaveLength(1);
  });

  test('is told to two steps at once, and let run once', async () => {
    const both = { id: 'both', title: 'Both', kind: 'parallel', effect: 'change' };
    const parts = { ...both, steps: [doing('one'), doing('two')] };
    const run = start([gate, parts], [own('a')], () => changed);
    await answer(run, 'approve');
    await answer(run, 'approve');
    expect(await run.result()).toMatchObject({ state: 'succeeded' });
    expect((await status(run)).programsChanged).toHaveLength(1);
  });

  test('asks at the desk, too, behind a gate that was not needed', async () => {
    const waived = { ...gate, when: 'inputs.word == "no"' };
    const run = start([waived, doing('one')], [own('a')], () => changed);
    expect(await waiting(run)).toMatchObject({ kind: 'failure', id: 'one' });
    await answer(run, 'retry');
    expect(await run.result()).toMatchObject({ state: 'succeeded' });
  });

  test('asks at the desk, too, when nobody says what was found', async () => {
    const untold: ActivityFunction = (request: AttemptRequest, activity) => {
      throw stepFailure(request, activity, 'ProgramChanged', 'not approved');
    };
    const spec = runbook([gate, doing('one')]);
    const real = activities(() => null, [spec]);
    const run = begin(driver, spec, undefined, {}, { activities: { ...real, command: untold } });
    await answer(run, 'approve');
    expect(await waiting(run)).toMatchObject({ kind: 'failure', id: 'one' });
    await answer(run, 'abort');
    await run.end();
  });

  test('of an undo is asked about there', async () => {
    const undo = { kind: 'command', argv: ['/srv/undo'] };
    const work = { action: { kind: 'command', argv: ['true'] }, undo };
    const run = start([change('one', { work }), { ...gate }], [own('a', '/srv/undo')], () => ({
      '/srv/undo': own('b', '/srv/undo'),
    }));
    await answer(run, 'reject');
    expect(await waiting(run)).toMatchObject({
      ...{ kind: 'undo', id: 'one.undo', who: 'an operator' },
    });
    await answer(run, 'retry');
    await run.end();
    expect((await status(run)).steps[0]).toMatchObject({ state: 'undone' });
  });

  test('of an undo is let run by somebody else than the requester, where others approved', async () => {
    const undo = { kind: 'command', argv: ['/srv/undo'] };
    const work = { action: { kind: 'command', argv: ['true'] }, undo };
    const run = start(
      [gate, change('one', { work }), { ...gate, id: 'second' }],
      [own('a', '/srv/undo')],
      () => ({ '/srv/undo': own('b', '/srv/undo') }),
    );
    await answer(run, 'approve');
    await answer(run, 'reject');
    const who = 'an operator other than the requester';
    expect(await waiting(run)).toMatchObject({ kind: 'undo', id: 'one.undo', who });
    run.signal('border');
    expect(await waiting(run)).toMatchObject({ kind: 'undo', id: 'one.undo', who });
    expect(await answer(run, 'retry', { by: 'requester' })).toMatchObject({ code: 'own-request' });
    expect(await answer(run, 'retry')).toMatchObject({ accepted: true });
    await run.end();
    expect((await status(run)).steps.find(({ id }) => id === 'one')?.state).toBe('undone');
  });
});

describe('a program that the run meets', () => {
  test('of the system may change, which is shown', async () => {
    const found = [ofSystem('a'), ofSystem('a'), ofSystem('b'), ofSystem('b', '/usr/bin/do')];
    const later: Program = { ...ofSystem('c'), name: 'later' };
    const { digest: _unsaid, ...planned } = ofSystem('a');
    const steps = found.map((_, index) => doing(`step${index}`, ['do']));
    const absent: Program = { name: 'later', file: null };
    const run = start([...steps, doing('last', ['later'])], [planned, absent], () => ({
      ...{ do: found.shift() as Program, later },
    }));
    expect(await run.result()).toMatchObject({ state: 'succeeded' });
    expect((await status(run)).programsChanged).toEqual([
      {
        ...{ step: 'step2', program: 'do', allowed: 'system' },
        ...{ was: '/bin/do sha256 aaaaaaaaaaaa', now: '/bin/do sha256 bbbbbbbbbbbb' },
      },
      {
        ...{ step: 'step3', program: 'do', allowed: 'system' },
        ...{ was: '/bin/do sha256 bbbbbbbbbbbb', now: '/usr/bin/do sha256 bbbbbbbbbbbb' },
      },
      {
        ...{ step: 'last', program: 'later', allowed: 'system' },
        ...{ was: 'not there', now: '/bin/do sha256 cccccccccccc' },
      },
    ]);
  });

  test('for the first time is told to every step after that may run it', async () => {
    const told: Record<string, string[]> = {};
    const looking = worker(() => ({ '/srv/do': own('a') }));
    const noting: ActivityFunction = (request: AttemptRequest, activity) => {
      told[request.step.path] = (request.programs ?? []).map(({ name }) => name);
      return looking(request, activity);
    };
    const probe = { kind: 'command', argv: ['/srv/do'] };
    const until = 'out.exitCode == 0';
    const looks = { kind: 'check', probe, until, everyMs: 100 };
    const rolls = { kind: 'rollout', target: 'web', operation: 'observe' };
    const read = { title: 'Look', effect: 'read' };
    const both = { id: 'both', title: 'Both', kind: 'parallel', effect: 'change' };
    const spec = runbook([
      { ...both, steps: [doing('one'), doing('two')] },
      { ...read, id: 'check', kind: 'check', work: { action: looks } },
      { ...read, id: 'roll', kind: 'rollout', work: { action: rolls } },
      doing('other', ['/srv/other']),
    ]);
    const kinds = { command: noting, check: noting, rollout: noting };
    const real = activities(() => null, [spec]);
    const run = begin(driver, spec, undefined, {}, { activities: { ...real, ...kinds } });
    expect(await run.result()).toMatchObject({ state: 'succeeded' });
    expect(told).toEqual({
      ...{ 'both/one': [], 'both/two': [] },
      ...{ check: ['/srv/do'], roll: ['/srv/do'], other: [] },
    });
    expect((await status(run)).programsChanged).toBeUndefined();
  });

  test('in an attempt that failed is known from then on', async () => {
    const told: unknown[] = [];
    const failing: ActivityFunction = (request: AttemptRequest, activity) => {
      told.push(request.programs);
      if (told.length > 1) return { output: null, attempt: activity.attempt };
      const programs = [{ ...own('a') }];
      throw stepFailure(request, activity, 'CommandFailed', 'it failed', { programs });
    };
    const spec = runbook([doing('one')]);
    const real = activities(() => null, [spec]);
    const run = begin(driver, spec, undefined, {}, { activities: { ...real, command: failing } });
    await answer(run, 'retry');
    expect(await run.result()).toMatchObject({ state: 'succeeded' });
    expect(told).toEqual([undefined, [own('a')]]);
  });

  test('twice under one name is known by both', async () => {
    const unreadable: Program = { name: '/srv/do', file: '/srv/do', digest: null };
    const run = start(
      [gate, doing('one')],
      [unreadable, { ...own('b'), name: 'x', file: null }],
      () => ({}),
    );
    expect((await waiting(run))?.evidence).toEqual({
      programs: { '/srv/do': 'unreadable', x: 'not there' },
    });
    await answer(run, 'approve');
    expect(await run.result()).toMatchObject({ state: 'succeeded' });
  });
});
