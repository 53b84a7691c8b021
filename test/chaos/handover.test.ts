import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { getAttempts, readOutput } from '../../store/index.js';
import { Deployment } from '../../worker/deployment/server.js';
import { Engine } from '../helpers/engine.js';
import { isLong, tell } from './tell.js';
import { go, sh, ticking } from '../helpers/shell.js';
import { until } from '../../lab/until.js';

/*
 * What the workers of one release leave to those of the next.
 */

/** How long runs that nobody can go on with are watched, in milliseconds. */
const watchedMs = 8_000;
const plainRuns = 5;

describe('from one release to the next', () => {
  let engine: Engine;
  beforeAll(async () => {
    engine = await Engine.start({ later: true, settings: { RUNBOOK_STOP_GRACE_MS: '500' } });
  }, 60_000);
  afterAll(() => engine?.stop());

  const lines = async (file: string): Promise<string[]> =>
    (await readFile(file, 'utf8').catch(() => '')).split('\n').filter(Boolean);

  test('a worker asked to stop lets go of a command in the middle; the next release follows it to its end, output complete, once', async () => {
    const v1 = await engine.startWorker({ TEST_BUILD_ID: 'v1' });
    const ticks = engine.path('ticks.txt');
    const run = await engine.run('test-host', { work: sh(ticking, ticks), idempotent: false });
    const printed = async () => {
      const chunks = await readOutput(engine.pool, run.workflowId, { step: 'work' });
      return Buffer.concat(chunks.map(({ bytes }) => bytes)).toString();
    };
    await until('the command', async () => (await lines(ticks)).length >= 5);

    const asked = performance.now();
    engine.workers.splice(engine.workers.indexOf(v1), 1);
    await v1.stop();
    const stoppedMs = performance.now() - asked;
    const then = (await lines(ticks)).length;
    await until(
      'the command to go on without a worker',
      async () => (await lines(ticks)).length > then,
    );
    const before = (await lines(ticks)).length;
    await engine.startWorker({
      TEST_BUILD_ID: 'v2',
      TEST_BUNDLE: await engine.bundle('procedures-next'),
    });
    await until('the next release to follow it', async () =>
      (await printed()).includes(`line ${before + 1}\n`),
    );
    await go(ticks);
    const view = await engine.ended(run);

    const ticked = await lines(ticks);
    const numbers = ticked.map((_, index) => index + 1);
    expect(view.state).toBe('succeeded');
    expect(ticked).toEqual(numbers.map(String));
    expect(await printed()).toBe(numbers.map((number) => `line ${number}\n`).join(''));
    expect(await getAttempts(engine.pool, run.workflowId)).toMatchObject([
      { attempt: 1, state: 'succeeded' },
    ]);
    const { versioningInfo } = (await run.describe()).raw.workflowExecutionInfo ?? {};
    expect(versioningInfo?.deploymentVersion?.buildId).toBe('v2');
    tell(
      `graceful stop: the worker ended ${Math.round(stoppedMs)} ms after it was asked, at line ${then}; the next one began at ${before}; ` +
        `${numbers.length} lines once each, 1 attempt`,
    );
  }, 60_000);

  // Shows what queues of their own are for; of the short form the first is enough.
  if (isLong)
    test('activities on a queue that belongs to the version, as Temporal has it by itself: nobody takes those of a dead version until their runs are moved', async () => {
      const queue = `${engine.taskQueue}-bare`;
      const deployment = new Deployment(engine.client.workflowService, 'default', queue, 'test');
      const becomeCurrent = (version: string): Promise<unknown> =>
        until(`${version} to be current`, async () => {
          const state = await deployment.state();
          if (!state?.versions.has(version)) return false;
          await deployment.makeCurrent(version, state.token);
          return true;
        });
      const v1 = await engine.startWorker({
        TEST_BUILD_ID: 'v2',
        TEST_BARE: '1',
        TEST_PINNED: 'v1',
        TEST_BUNDLE: engine.path('procedures-next.bundle.js'),
      });
      await becomeCurrent('v1');
      const journal = engine.path('plain.txt');
      const runs = await Promise.all(
        Array.from({ length: plainRuns }, (_, index) => {
          const workflowId = `plain-${engine.taskQueue}-${index}`;
          return engine.client.workflow.start('bareEffects', {
            workflowId,
            taskQueue: queue,
            args: [10, workflowId, journal],
          });
        }),
      );
      await until('all to be in the middle', async () => {
        const journaled = await lines(journal);
        return runs.every(({ workflowId }) =>
          journaled.some((line) => line.startsWith(`${workflowId} `)),
        );
      });
      await engine.loseWorker(v1);
      await engine.startWorker({
        TEST_BUILD_ID: 'v2',
        TEST_BARE: '1',
        TEST_PINNED: 'v2',
        TEST_BUNDLE: engine.path('procedures-next.bundle.js'),
      });
      await becomeCurrent('v2');
      await until('their activities to be due again', async () => {
        const pending = await Promise.all(
          runs.map(async (run) => (await run.describe()).raw.pendingActivities ?? []),
        );
        return (
          pending.flat().length > 0 && pending.flat().every(({ attempt }) => Number(attempt) > 1)
        );
      });
      const before = (await lines(journal)).length;
      // Nothing can be waited for where nothing is to happen; all the rounds would take less than
      // half the time.
      await new Promise((over) => setTimeout(over, watchedMs));
      const unmoved = await Promise.all(runs.map((run) => run.describe()));
      const stuck = unmoved.filter(({ status }) => status.name === 'RUNNING').length;
      expect((await lines(journal)).length).toBe(before);
      for (const { workflowId, firstExecutionRunId } of runs) {
        await deployment.move({ id: workflowId, runId: firstExecutionRunId }, 'v2');
      }
      await Promise.all(runs.map((run) => run.result()));
      tell(
        `activities pinned to their version: ${stuck} of ${plainRuns} runs stood still for ${watchedMs / 1_000} s beside a worker of the next release, until they were moved`,
      );
      expect(stuck).toBe(plainRuns);
    }, 90_000);
});
