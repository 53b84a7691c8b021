import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { WorkflowHandle } from '@temporalio/client';
import type { WorkerProcess } from '../../examples/demo/worker.js';
import { getAttempts } from '../../store/index.js';
import { Engine } from '../helpers/engine.js';
import { until } from '../helpers/until.js';

const waitingRuns = 20;

describe('a new release', () => {
  let engine: Engine;
  const version: Record<string, Record<string, string>> = {};
  beforeAll(async () => {
    engine = await Engine.start({ workers: 1 });
    await engine.loseWorker(engine.workers[0] as WorkerProcess);
    version['v1'] = { TEST_BUILD_ID: 'v1' };
    version['v2'] = { TEST_BUILD_ID: 'v2', TEST_BUNDLE: await engine.bundle('procedures-next') };
  }, 60_000);
  afterAll(() => engine?.stop());

  const lines = async (file: string): Promise<string[]> =>
    (await readFile(file, 'utf8').catch(() => '')).split('\n').filter(Boolean);
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
    const command = ['/bin/sh', '-c', 'for i in 1 2 3 4 5 6 7 8; do echo $i >> "$1"; sleep 1; done', 'sh', ticks];
    const busy = await engine.run('test-host', { work: JSON.stringify(command), idempotent: false });
    const changed = await engine.run('test-parallel', { a: '["/bin/sleep","300"]', b: '["/bin/sleep","300"]' });
    for (const run of gated) await engine.waiting(run);
    await until('the command', async () => (await lines(ticks)).length >= 2);
    expect(await Promise.all([...gated, busy, changed].map(versionOf))).toEqual(Array(waitingRuns + 2).fill('v1'));

    await engine.loseWorker(v1);
    const began = performance.now();
    const v2 = await engine.startWorker(version['v2']);
    // Asking the runs themselves would only wait for the same.
    await until('the runs to be moved', () => v2.said('goes on here').length >= waitingRuns + 1, 30_000);
    const movedMs = performance.now() - began;
    const decisions = await Promise.all(gated.map((run) => engine.decision(run)));
    const verdicts = await Promise.all(decisions.map((decision, index) => engine.send(gated[index] as WorkflowHandle, decision)));
    expect(verdicts.filter(({ accepted }) => accepted)).toHaveLength(waitingRuns);
    const ended = await Promise.all([...gated, busy].map((run) => engine.ended(run)));
    process.stdout.write(
      `release: ${waitingRuns} waiting runs answered ${Math.round(movedMs)} ms after the new workers' start\n`,
    );

    expect(ended.map(({ state }) => state)).toEqual(Array(waitingRuns + 1).fill('succeeded'));
    expect((await lines(journal)).sort()).toEqual([...Array(waitingRuns).fill('after'), ...Array(waitingRuns).fill('before')]);
    expect(await lines(ticks)).toEqual(['1', '2', '3', '4', '5', '6', '7', '8']);
    expect(await getAttempts(engine.pool, busy.workflowId)).toMatchObject([{ attempt: 1, state: 'succeeded' }]);
    expect(await Promise.all([...gated, busy].map(versionOf))).toEqual(Array(waitingRuns + 1).fill('v2'));

    // It does not fit, is named, and stays where it is.
    expect(v2.said(changed.workflowId)).toEqual([
      `run ${changed.workflowId} stands still: no worker of its version v1 lives, and its procedure was changed where the run has already been`,
    ]);
    expect(await versionOf(changed)).toBe('v1');
  }, 90_000);
});
