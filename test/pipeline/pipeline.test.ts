import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { createTestDatabase, type TestDatabase } from '../helpers/database.js';
import { startPipeline, type PipelineProcess } from '../../lab/pipeline/client.js';

/*
 * The little system that the runbook is proved on must itself be honest: it fails as told, it is
 * wrong where a person restarts it carelessly, and its own numbers can tell.
 */
const rows = 8_000;
const token = 'example-token';

describe('the example pipeline', () => {
  let database: TestDatabase;
  let pipeline: PipelineProcess;
  beforeAll(async () => {
    database = await createTestDatabase('example');
    pipeline = await startPipeline({ databaseUrl: database.url, token, rows, batch: 500 });
  });
  afterAll(async () => {
    await pipeline?.stop();
    await database?.drop();
  });
  beforeEach(() => pipeline.setFaults({}));

  async function validity(): Promise<{ valid: boolean; problems: string[] }> {
    return pipeline.call('GET', '/api/v1/datasets/flights/validate');
  }

  test('a clean run ends with what the source alone says, its dirt left out', async () => {
    const job = await pipeline.startJob({ reset: true });
    await pipeline.waitForJob(job, ['completed']);
    expect(await pipeline.summary()).toEqual(await pipeline.truth());
    expect(await pipeline.truth()).toMatchObject({ rows: 7_999 });
    const rejects = await pipeline.query('SELECT reason, seq FROM stage_rejects ORDER BY seq');
    expect(rejects).toEqual([
      { reason: 'malformed', seq: 5_003 },
      { reason: 'duplicate', seq: 7_001 },
    ]);
    expect(await validity()).toMatchObject({ valid: true, problems: [] });
  });

  test.each(['missing', 'duplicate', 'altered'] as const)(
    'restarted without a look after a corrupt checkpoint (%s rows) it ends as completed, and wrong',
    async (mode) => {
      const job = await pipeline.failedJob({
        corruptCheckpoint: { stage: 'load', batch: 4, mode },
      });
      await pipeline.waitForJob(await pipeline.restart(job, null), ['completed']);
      expect(await pipeline.summary()).not.toEqual(await pipeline.truth());
      expect((await validity()).valid).toBe(false);
    },
  );

  test('restarted from an earlier checkpoint with the later rows left in place, it has them twice', async () => {
    const job = await pipeline.failedJob({ crashAt: { stage: 'load', batch: 6 } });
    await pipeline.waitForJob(await pipeline.restart(job, { stage: 'load', batch: 3 }), [
      'completed',
    ]);
    expect((await pipeline.summary()).duplicates).toBe(1_000);
    expect((await validity()).valid).toBe(false);
  });

  test('one key starts one job, however often and however many at once ask for it', async () => {
    const job = await pipeline.failedJob({ crashAt: { stage: 'clean', batch: 3 } });
    const ask = () =>
      pipeline.call<{ id: string; repeated: boolean }>(
        'POST',
        `/api/v1/jobs/${job}/restart`,
        { checkpoint: null },
        { 'idempotency-key': 'one-key' },
      );
    const answers = await Promise.all(Array.from({ length: 20 }, ask));
    expect(new Set(answers.map(({ id }) => id)).size).toBe(1);
    expect(answers.filter(({ repeated }) => !repeated)).toHaveLength(1);
    await pipeline.waitForJob(answers[0]?.id ?? '', ['completed']);
    expect(await pipeline.summary()).toEqual(await pipeline.truth());
  });

  test('killed with its job, it comes back, says that the job is orphaned, and the job can be restarted', async () => {
    await pipeline.setFaults({ slowMs: 100 });
    const job = await pipeline.startJob({ reset: true });
    await pipeline.waitForProgress('extract', 2);
    const pid = await pipeline.jobPid(job);
    await pipeline.kill9();
    process.kill(pid, 'SIGKILL');
    await pipeline.start();
    const failed = await pipeline.waitForJob(job, ['failed']);
    expect(failed.error?.code).toBe('orphaned');
    await pipeline.setFaults({});
    await pipeline.waitForJob(await pipeline.restart(job, null), ['completed']);
    expect(await pipeline.summary()).toEqual(await pipeline.truth());
  });

  test('stopped while a batch is under way, a job writes nothing more', async () => {
    await pipeline.setFaults({ slowMs: 50 });
    const job = await pipeline.startJob({ reset: true });
    await pipeline.waitForProgress('extract', 2);
    await pipeline.call('POST', `/api/v1/jobs/${job}/stop`);
    const count = async () =>
      (await pipeline.query<{ n: string }>('SELECT count(*) AS n FROM stage_extract'))[0]?.n;
    const atStop = await count();
    await pipeline.setFaults({});
    await pipeline.waitForJob(await pipeline.restart(job, null), ['completed']);
    expect(Number(atStop) % 500).toBe(0);
    expect(await pipeline.summary()).toEqual(await pipeline.truth());
  });

  test.each([
    ['a new job on a dataset that has rows', 409, () => pipeline.startJob()],
    ['an unknown job', 404, () => pipeline.job('job-none')],
    ['an unknown dataset', 404, () => pipeline.call('GET', '/api/v1/datasets/none/validate')],
    [
      'a checkpoint that never was',
      422,
      async () =>
        pipeline.restart(await pipeline.failedJob({ crashAt: { stage: 'clean', batch: 2 } }), {
          stage: 'load',
          batch: 9,
        }),
    ],
    ['an unknown fault', 422, () => pipeline.call('POST', '/api/v1/faults', { crash: 1 })],
    [
      'a wrong token',
      401,
      () =>
        pipeline.call('GET', '/api/v1/pipelines/status', undefined, {
          authorization: 'Bearer other',
        }),
    ],
  ])('refuses %s with %i', async (_, status, ask) => {
    await expect(ask()).rejects.toThrow(`answered ${status}`);
  });
});
