import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { WorkflowHandle } from '@temporalio/client';
import { runAdopt } from '../../client/commands/adopt.js';
import { runDeployment } from '../../client/commands/deployment.js';
import { runDoctor } from '../../client/commands/doctor.js';
import type { Consent } from '../../client/consent.js';
import type { Io } from '../../client/io.js';
import type { GlobalFlags } from '../../client/settings.js';
import { getAttempts } from '../../store/index.js';
import { Engine } from '../helpers/engine.js';
import { recordedIo } from '../unit/client/fake-io.js';
import { sh, go, ticking } from '../helpers/shell.js';
import { until } from '../../lab/until.js';

const waitingRuns = 20;

describe('a new release', () => {
  let engine: Engine;
  /** A run that no worker of the new release can go on with. */
  let left: WorkflowHandle;
  const version: Record<string, Record<string, string>> = {};
  beforeAll(async () => {
    engine = await Engine.start({ later: true });
    version['v1'] = { TEST_BUILD_ID: 'v1' };
    version['v2'] = { TEST_BUILD_ID: 'v2', TEST_BUNDLE: await engine.bundle('procedures-next') };
  }, 60_000);
  afterAll(() => engine?.stop());

  const lines = async (file: string): Promise<string[]> =>
    (await readFile(file, 'utf8').catch(() => '')).split('\n').filter(Boolean);
  /** The gate as it asks under another release; what it asked before is no longer good. */
  const askedAgain = (run: WorkflowHandle, attempt = 2) =>
    until(
      'the gate to ask again',
      async () =>
        (await engine.status(run).catch(() => undefined))?.waitingFor.find(
          (wait) => wait.attempt === attempt,
        ),
      30_000,
    );
  const versionOf = async (run: WorkflowHandle): Promise<string | undefined> => {
    const { versioningInfo } = (await run.describe()).raw.workflowExecutionInfo ?? {};
    return versioningInfo?.deploymentVersion?.buildId ?? undefined;
  };

  test('its workers only are started after the old ones died, one in mid-command and 20 runs at gates: all finish', async () => {
    const v1 = await engine.startWorker(version['v1']);
    const journal = engine.path('gates.txt');
    const gated = await Promise.all(
      Array.from({ length: waitingRuns }, () =>
        engine.run('test-gated', { journal, last: '["/usr/bin/true"]', first_change: true }),
      ),
    );
    const ticks = engine.path('ticks.txt');
    const busy = await engine.run('test-host', { work: sh(ticking, ticks), idempotent: false });
    const changed = await engine.run('test-desk', {
      first: '["/usr/bin/false"]',
      second: '',
      journal,
    });
    for (const run of [...gated, changed]) await engine.waiting(run);
    await until('the command', async () => (await lines(ticks)).length >= 2);
    expect(await Promise.all([...gated, busy, changed].map(versionOf))).toEqual(
      Array(waitingRuns + 2).fill('v1'),
    );
    const late = await Promise.all(gated.map((run) => engine.decision(run)));

    await engine.loseWorker(v1);
    const began = performance.now();
    const v2 = await engine.startWorker(version['v2']);
    // Asking the runs themselves would only wait for the same.
    await until(
      'the runs to be moved',
      () => Promise.resolve(v2.said('goes on here').length > waitingRuns),
      30_000,
    );
    const movedMs = performance.now() - began;
    const questions = await Promise.all(gated.map((run) => askedAgain(run)));
    expect(questions.map(({ evidence }) => evidence)).toEqual(
      questions.map(() => ({
        'code changed since this was last asked': 'v1 → v2',
        question: 'go on?',
      })),
    );
    const refused = await Promise.all(
      late.map((decision, index) => engine.send(gated[index] as WorkflowHandle, decision)),
    );
    expect(refused.map(({ code }) => code)).toEqual(Array(waitingRuns).fill('stale'));
    const decisions = await Promise.all(gated.map((run) => engine.decision(run)));
    const verdicts = await Promise.all(
      decisions.map((decision, index) => engine.send(gated[index] as WorkflowHandle, decision)),
    );
    expect(verdicts.filter(({ accepted }) => accepted)).toHaveLength(waitingRuns);
    await go(ticks);
    const ended = await Promise.all([...gated, busy].map((run) => engine.ended(run)));
    process.stdout.write(
      `release: ${waitingRuns + 1} runs moved ${Math.round(movedMs)} ms after the only new worker began to start; ` +
        `${refused.length} approvals for the code before refused, ${verdicts.length} for the new code taken\n`,
    );

    expect(ended.map(({ state }) => state)).toEqual(Array(waitingRuns + 1).fill('succeeded'));
    expect((await lines(journal)).sort()).toEqual([
      ...Array(waitingRuns).fill('after'),
      ...Array(waitingRuns).fill('before'),
    ]);
    const ticked = await lines(ticks);
    expect(ticked).toEqual(ticked.map((_, index) => String(index + 1)));
    expect(await getAttempts(engine.pool, busy.workflowId)).toMatchObject([
      { attempt: 1, state: 'succeeded' },
    ]);
    expect(await Promise.all([...gated, busy].map(versionOf))).toEqual(
      Array(waitingRuns + 1).fill('v2'),
    );

    // It does not fit, is named, and stays where it is.
    expect(v2.said(changed.workflowId)).toEqual([
      `run ${changed.workflowId} stands still: no worker of its version v1 lives, and its procedure was changed where the run has already been`,
    ]);
    expect(await versionOf(changed)).toBe('v1');
    left = changed;
  }, 90_000);

  test('going back to the old release: it does not take over by itself, doctor says what to do, and runs are moved by hand', async () => {
    const journal = engine.path('back.txt');
    const start = () =>
      engine.run('test-gated', { journal, last: '["/usr/bin/true"]', first_change: true });
    const [first, second] = [await start(), await start()];
    for (const run of [first, second]) await engine.waiting(run);
    for (const worker of [...engine.workers]) await engine.loseWorker(worker);

    const v1 = await engine.startWorker(version['v1']);
    expect(v1.said('gets no new runs')[0]).toMatch(
      /^version v1 gets no new runs, version v2 does: .*deployment --use v1$/,
    );
    // The run that did not fit has its workers again.
    expect((await engine.waiting(left)).kind).toBe('failure');
    const check = await until('doctor to see that the workers of v2 died', async () => {
      const { checks } = await cli<{
        checks: { name: string; state: string; found: string; fix: string }[];
      }>(runDoctor);
      return checks.find(({ name, state }) => name === 'versions' && state === 'failed');
    });
    expect(check.found).toBe(
      'v2 gets new runs, and no worker of it lives; there are workers of v1',
    );
    expect(check.fix).toBe('runbook deployment --use v1');

    const bundle = {
      code: await readFile(engine.path('bundle.js'), 'utf8'),
      procedure: '',
      buildId: 'v1',
    };
    const moved = await cli((flags, io) => runAdopt([first.workflowId], flags, io, bundle));
    expect(moved).toEqual([{ run: first.workflowId, from: 'v2', to: 'v1', why: null }]);
    const { versions } = await cli<{ versions: { version: string; state: string }[] }>(
      (flags, io) => runDeployment({ ...flags, use: 'v1' }, io),
    );
    expect(versions.find(({ state }) => state === 'current')?.version).toBe('v1');
    await until(
      'the other run',
      () => Promise.resolve(v1.said(`run ${second.workflowId} goes on here`).length > 0),
      30_000,
    );
    for (const run of [first, second]) {
      await askedAgain(run);
      expect((await engine.send(run, await engine.decision(run))).accepted).toBe(true);
      expect((await engine.ended(run)).state).toBe('succeeded');
      expect(await versionOf(run)).toBe('v1');
    }
    expect((await lines(journal)).sort()).toEqual(['after', 'after', 'before', 'before']);
  }, 90_000);

  test('beside living workers of the old one: runs that wait are asked once, at their border, to come', async () => {
    const journal = engine.path('border.txt');
    const run = await engine.run('test-gated', {
      journal,
      last: '["/usr/bin/true"]',
      first_change: true,
    });
    await engine.waiting(run);
    const { runId } = await run.describe();
    await engine.startWorker(version['v2']);
    await cli((flags, io) => runDeployment({ ...flags, use: 'v2' }, io));
    const asked = async () => {
      const { events } = await engine.client.workflow
        .getHandle(run.workflowId, runId)
        .fetchHistory();
      return (events ?? []).filter(
        (event) => event.workflowExecutionSignaledEventAttributes?.signalName === 'border',
      ).length;
    };
    await until('the signal', asked);
    await until(
      'the run to continue on the new version',
      async () => (await versionOf(run)) === 'v2',
    );
    await askedAgain(run);
    expect((await engine.send(run, await engine.decision(run))).accepted).toBe(true);
    expect((await engine.ended(run)).state).toBe('succeeded');
    expect(await asked()).toBe(1);
    expect(await versionOf(run)).toBe('v2');
    expect((await lines(journal)).sort()).toEqual(['after', 'before']);
  }, 90_000);

  /** What a command prints as JSON. */
  type Verb = (flags: GlobalFlags & Consent, io: Io) => Promise<number>;
  async function cli<T>(run: Verb): Promise<T> {
    const io = recordedIo({
      env: {
        RUNBOOK_COMMAND: 'runbook',
        RUNBOOK_HOME: engine.folder,
        TEMPORAL_ADDRESS: process.env['TEMPORAL_ADDRESS'],
        RUNBOOK_TASK_QUEUE: engine.taskQueue,
      },
    });
    await run({ output: 'json', yes: true }, io);
    return JSON.parse(io.out()) as T;
  }
});
