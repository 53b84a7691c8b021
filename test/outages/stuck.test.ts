import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { Check } from '../../common/check.js';
import type { Trouble } from '../../client/trouble.js';
import type { RunView } from '../../common/view.js';
import { catalogue } from '../../workflows/catalogue.js';
import { openPool } from '../../store/index.js';
import { readBundle } from '../../worker/bundle.js';
import { until } from '../../lab/until.js';
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import type { TemporalPause } from '../../common/temporal-pauses.js';
import { findTemporal } from '../../embedded/binaries.js';
import { cacheFolder } from '../../embedded/home.js';
import { World } from '../cli/world.js';

let world: World;
beforeAll(async () => {
  world = await World.start();
  await world.cli(['setup']);
}, 60_000);
afterAll(() => world?.stop());

type Status = RunView & { trouble: Trouble | null };
const status = (run: string, codes: readonly number[]): Promise<Status> =>
  world.json<Status>(['status', run], codes);

/**
 * Its answer was sent, and is judged when what was away is back: Temporal tries again later and
 * later. Until then the question stands, so that `wait` would end with it.
 */
function succeeds(run: string): Promise<unknown> {
  return until(
    `${run} to succeed`,
    async () => (await status(run, [0, 8])).state === 'succeeded',
    40_000,
  );
}

/** Sends an approval that nobody judges in time. */
async function approvesInVain(run: string): Promise<void> {
  const words = ['--reason', 'x', '--as', 'approver', '--timeout', '1s'];
  expect((await world.cli(['approve', run, ...words])).code).toBe(6);
}

/** The line of the doctor, once it is in this state. */
function diagnosis(name: string, state: Check['state']): Promise<Check> {
  return until(`the doctor to say ${state} of ${name}`, async () => {
    const { checks } = await world.json<{ checks: Check[] }>(['doctor'], [0, 1]);
    return checks.find((check) => check.name === name && check.state === state);
  });
}

describe('a run that cannot go on', () => {
  test('a fault in the code of its runbook: status, watch and doctor say so, with the cause', async () => {
    const { id } = await world.json<{ id: string }>([
      'start',
      'test-buggy',
      '--input',
      'first=["/usr/bin/true"]',
    ]);
    // The question that `status` asks may find it before Temporal has tried a second time.
    const stuck = await until('the second attempt to fail', async () => {
      const { trouble } = await status(id, [0]);
      return trouble?.message.includes('attempt') ? trouble : undefined;
    });
    expect(stuck).toMatchObject({
      type: 'WorkflowFails',
      next: expect.stringContaining('the run then goes on by itself'),
    });
    expect(stuck.message).toMatch(
      /^the code of test-buggy fails \(attempt \d+\): a fault in the workflow code$/,
    );
    const shown = await world.cli(['status', id]);
    expect(shown.stdout).toContain('Stuck: the code of test-buggy fails');
    const watched = await world.cli(['watch', id, '--timeout', '3s']);
    expect(watched.stderr).toContain('The run is stuck: the code of test-buggy fails');
    const found = await diagnosis('stuck runs', 'failed');
    expect(found.found).toContain(`${id}: the code of test-buggy fails`);
    expect(found.fix).toContain('deploy a corrected release');

    await world.client.workflow.getHandle(id).terminate('end of test');
    expect((await diagnosis('stuck runs', 'ok')).found).toContain('none');
    expect((await diagnosis('terminated runs', 'warning')).found).toContain(id);
    const closed = await status(id, [1]);
    expect(closed).toMatchObject({
      state: 'terminated',
      trouble: null,
      problem: { type: 'Terminated' },
    });
    expect(closed.problem?.message).toMatch(
      /terminated in Temporal by .+, reason given: end of test; no step was running/,
    );
    expect((await diagnosis('watch', 'ok')).found).toContain('compared with Temporal');
  }, 90_000);

  test('its code gone from the workers while it waits: it says so, and goes on when the code is back', async () => {
    const run = await world.gatedRun();
    await world.stopWorker();
    // Unversioned, as this test's other worker is: a version that is not current would be given
    // nothing.
    const { code, procedure } = readBundle();
    await world.startWorker({ bundle: { code, procedure }, catalogue });
    const view = await until('the trouble', async () => {
      const read = await status(run, [8]);
      return read.trouble ? read : undefined;
    });
    expect(view.trouble).toMatchObject({
      type: 'CodeGone',
      message: 'no worker knows runbook test-gated any more',
    });
    expect(view).toMatchObject({ source: 'record', state: 'waiting' });
    const found = await diagnosis('stuck runs', 'failed');
    expect(found).toMatchObject({
      found: expect.stringContaining(run),
      fix: expect.stringContaining('a release that has test-gated'),
    });

    // A decision becomes a workflow task that fails; it is kept, and judged when the code is back.
    await approvesInVain(run);
    await world.stopWorker();
    await world.startWorker();
    await succeeds(run);
  }, 120_000);

  test('no worker takes its task: the doctor names it and its task queue', async () => {
    const run = await world.gatedRun();
    await world.stopWorker();
    await approvesInVain(run);
    const found = await diagnosis('unserved runs', 'failed');
    expect(found.found).toContain(
      `${run}: no worker of task queue ${world.taskQueue} has taken its next task`,
    );
    await world.startWorker();
    await succeeds(run);
    await diagnosis('unserved runs', 'ok');
  }, 120_000);
});

describe('what comes from outside in a wrong shape', () => {
  test('a step that somebody completed with garbage asks at the failure desk, and the command line moves the run', async () => {
    const { id } = await world.json<{ id: string }>([
      'start',
      'test-desk',
      ...['--input', 'first=["/bin/sleep","60"]', '--input', 'second=["/bin/true"]'],
      ...['--input', `journal=${world.path('garbage.txt')}`],
    ]);
    const workflowId = id;
    await until('the step to run', async () => {
      const { steps } = await status(id, [0]);
      return steps.find(({ state }) => state === 'running');
    });
    await world.client.activity.complete({ workflowId, activityId: 'first' }, 'garbage');
    const asked = await until('the step to ask', async () => {
      const view = await status(id, [8]).catch(() => undefined);
      return view?.state === 'needs-operator' ? view : undefined;
    });
    expect(asked.steps[0]).toMatchObject({
      state: 'unknown',
      error: {
        type: 'OutcomeUnknown',
        message: expect.stringContaining('does not come from a worker'),
      },
    });
    expect((await world.cli(['abort', id, 'first', '--reason', 'x'])).code).toBe(0);
    expect((await world.cli(['wait', id, '--timeout', '30s'])).code).toBe(1);
  }, 60_000);

  test('a start that is none is refused, and runs and doctor see it', async () => {
    const { client, taskQueue } = world;
    const good = {
      ...{ version: 1, id: 'x', verb: 'start', run: 'x', runbook: 'test-gated' },
      ...{ inputs: {}, by: 'requester', reason: 'x' },
    };
    const wrong = {
      'no-inputs': { inputs: null },
      'odd-reason': { reason: {} },
      'odd-by': { by: [] },
    };
    for (const [workflowId, change] of Object.entries(wrong)) {
      const handle = await client.workflow.start('test-gated', {
        ...{ workflowId, taskQueue, args: [{ ...good, ...change }] },
      });
      await expect(handle.result()).rejects.toMatchObject({
        cause: { message: expect.stringContaining('no start envelope') },
      });
    }
    const failed = await world.json<{ id: string }[]>(['runs', '--state', 'failed']);
    expect(failed.map(({ id }) => id)).toEqual(expect.arrayContaining(Object.keys(wrong)));
    const found = await diagnosis('refused starts', 'warning');
    for (const id of Object.keys(wrong)) expect(found.found).toContain(id);
  }, 60_000);

  test('a record that refuses the news of a run again and again: doctor calls it stuck', async () => {
    const run = await world.gatedRun();
    const pool = openPool(world.databaseUrl);
    try {
      await pool.query(`CREATE FUNCTION refuse_news() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN RAISE EXCEPTION 'no news of this run'; END $$`);
      await pool.query(`CREATE TRIGGER refuse_news BEFORE UPDATE ON runbook.runs
        FOR EACH ROW WHEN (OLD.run = '${run}') EXECUTE FUNCTION refuse_news()`);
      const approve = ['approve', run, '--reason', 'x', '--as', 'approver'];
      await world.cli([...approve, '--timeout', '1s']);
      expect((await diagnosis('stuck runs', 'failed')).found).toMatch(
        new RegExp(`${run}: (record|judge) has failed \\d+ times in a row`),
      );
      await pool.query('DROP TRIGGER refuse_news ON runbook.runs');
      await succeeds(run);
    } finally {
      await pool.end();
    }
  }, 90_000);
});

/** With `RUNBOOK_CHAOS=long` as many as a busy day has. */
const many = process.env['RUNBOOK_CHAOS'] === 'long' ? 400 : 40;

test(`the doctor is quick with ${many} live runs`, async () => {
  const { client, taskQueue } = world;
  const inputs = {
    journal: world.path('many.txt'),
    last: '["/usr/bin/true"]',
    first_change: false,
  };
  const runs = Array.from({ length: many }, (_, index) => `many-${index}`);
  const started = await Promise.all(
    runs.map((run) =>
      client.workflow.start('test-gated', {
        workflowId: run,
        taskQueue,
        args: [
          {
            version: 1,
            id: run,
            verb: 'start',
            run,
            runbook: 'test-gated',
            inputs,
            by: 'requester',
            reason: 'many',
          },
        ],
      }),
    ),
  );
  await until(
    'all to wait',
    async () =>
      (await world.json<unknown[]>(['runs', '--state', 'waiting', '--limit', '500'])).length >=
      many,
  );
  const at = performance.now();
  const { checks } = await world.json<{ checks: Check[] }>(['doctor'], [0, 1]);
  const ms = performance.now() - at;
  expect(checks.find((check) => check.name === 'stuck runs')?.found).toContain(
    `${many} live runs looked at`,
  );
  process.stdout.write(
    `doctor with ${many} live runs: ${Math.round(ms)} ms, the start of the program included\n`,
  );
  expect(ms).toBeLessThan(6_000);
  await Promise.all(started.map((handle) => handle.terminate('end of test')));
  await until(
    'all to be closed',
    async () =>
      (await world.json<unknown[]>(['runs', '--state', 'terminated', '--limit', '500'])).length >=
      many,
  );
}, 120_000);

describe('paused in Temporal, past this program', () => {
  type Paused = RunView & { pausedInTemporal: TemporalPause[] };
  const pauses = (run: string, code: number): Promise<TemporalPause | undefined> =>
    until('the pause to be told', async () => {
      const { pausedInTemporal } = await world.json<Paused>(['status', run], [code]);
      return pausedInTemporal[0];
    });
  const unwrapped = (text: string): string => text.replace(/\s+/g, ' ');
  /** Types what is told, with the CLI that the server comes with. */
  const type = async (command: string): Promise<void> => {
    const folder = dirname(await findTemporal(cacheFolder()));
    const env = { ...process.env, PATH: `${folder}:${process.env['PATH']}` };
    execFileSync('/bin/sh', ['-c', command], { env, stdio: 'pipe' });
  };

  test('a step: told by status, watch and doctor, with who, since when and what to type', async () => {
    const [go, effects] = [world.path('paused-go'), world.path('paused-effects')];
    const script = 'echo once >> "$2"; until [ -e "$1" ]; do sleep 0.05; done';
    const first = JSON.stringify(['/bin/sh', '-c', script, 'sh', go, effects]);
    const { id } = await world.json<{ id: string }>([
      ...['start', 'test-commands', '--reason', 'a test'],
      ...['--input', `first=${first}`, '--input', 'second=["/bin/true"]'],
    ]);
    await until(
      'the step to run',
      async () => (await status(id, [0])).steps[0]?.state === 'running',
    );
    const began = Date.now();
    await world.client.workflowService.pauseActivity({
      namespace: 'default',
      execution: { workflowId: id },
      identity: 'ada@laptop',
      id: 'first',
      reason: 'looking at the disk',
    });
    const pause = await pauses(id, 0);
    expect(pause).toMatchObject({ step: 'first', by: 'ada@laptop', reason: 'looking at the disk' });
    expect(Math.abs(Date.parse(pause?.since ?? '') - began)).toBeLessThan(60_000);
    expect(pause?.next).toContain(
      `temporal activity unpause --workflow-id ${id} --activity-id first`,
    );

    const words =
      /[Ss]tep first is paused in Temporal since .* UTC by ada@laptop \(looking at the disk\)/;
    const shown = await world.cli(['status', id]);
    expect(unwrapped(shown.stdout)).toMatch(words);
    expect(shown.stdout).toContain(pause?.next);
    const watched = await world.cli(['watch', id, '--timeout', '1s']);
    expect(watched.stdout).toMatch(words);
    const lines = await world.cli(['watch', id, '--timeout', '1s', '--output', 'jsonl']);
    expect(lines.stdout).toContain('"state":"paused-in-temporal"');
    const found = await diagnosis('paused runs', 'warning');
    expect(found.found).toMatch(words);
    expect(found.fix).toContain(pause?.next);

    // The command goes on meanwhile, and is not begun again.
    writeFileSync(go, '');
    await type(pause?.next ?? '');
    expect((await world.cli(['wait', id, '--timeout', '60s'])).code).toBe(0);
    expect(readFileSync(effects, 'utf8')).toBe('once\n');
    expect(await diagnosis('paused runs', 'ok')).toMatchObject({ fix: null });
  }, 120_000);

  test('the run itself: as far as the record knows it, until it is let go on', async () => {
    const run = await world.gatedRun();
    await world.client.workflowService.pauseWorkflowExecution({
      namespace: 'default',
      workflowId: run,
      identity: 'ada@laptop',
      reason: 'wait for me',
      requestId: 'once',
    });
    const pause = await pauses(run, 8);
    expect(pause).toMatchObject({ step: null, by: 'ada@laptop', reason: 'wait for me' });
    expect(pause?.next).toContain(`temporal workflow unpause --workflow-id ${run}`);
    expect(unwrapped((await world.cli(['status', run])).stdout)).toMatch(
      /The run is paused in Temporal since .* by ada@laptop \(wait for me\)/,
    );
    expect((await diagnosis('paused runs', 'warning')).found).toContain(
      `${run}: the run is paused`,
    );
    await type(pause?.next ?? '');
    const approve = ['approve', run, '--reason', 'x', '--as', 'approver'];
    expect((await world.cli(approve)).code).toBe(0);
    expect((await world.cli(['wait', run, '--timeout', '60s'])).code).toBe(0);
  }, 120_000);
});
