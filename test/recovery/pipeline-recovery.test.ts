import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { Recovery } from '../helpers/recovery.js';

describe('every failure that pipeline-recovery knows', () => {
  let recovery: Recovery;
  beforeAll(async () => {
    recovery = await Recovery.startExample();
  }, 60_000);
  afterAll(() => recovery?.stop());

  test.each([
    ['duplicate', 'clean', 17],
    ['altered', 'load', 17],
    ['missing', 'extract', 1],
    ['missing', 'transform', 3],
  ] as const)(
    'a corrupt checkpoint (%s rows in %s batch %i) is passed over, its rows are kept in quarantine',
    (mode, stage, batch) => recovery.passesOver(mode, stage, batch),
  );

  test('rejecting changes nothing', async () => {
    await recovery.failedJob({ corruptCheckpoint: { stage: 'clean', batch: 4, mode: 'missing' } });
    const tables = [
      'processing_jobs',
      'stage_clean',
      'stage_transform',
      'flights',
      'checkpoints',
      'quarantine_rows',
      'quarantine_checkpoints',
    ];
    const digest = async () =>
      recovery.pipeline.query(
        tables
          .map(
            (table) =>
              `SELECT '${table}' AS t, count(*)::int AS n, md5(string_agg(x::text, ',' ORDER BY x::text)) AS d FROM ${table} x`,
          )
          .join(' UNION ALL '),
      );
    const before = await digest();
    const handle = await recovery.run();
    await recovery.decide(handle, { verb: 'reject', reason: 'let me look first' });
    const view = await recovery.ended(handle);
    expect(view.state).toBe('rejected');
    expect(await digest()).toEqual(before);
  });

  test('a worker killed in mid-recovery: another one finishes, and one job was started', async () => {
    await recovery.failedJob({ crashAt: { stage: 'clean', batch: 7 } });
    await recovery.pipeline.setFaults({ slowMs: 100 });
    const handle = await recovery.run();
    await recovery.decide(handle);
    await recovery.followed(handle);
    await recovery.replaceWorker();
    const view = await recovery.ended(handle);
    await recovery.pipeline.setFaults({});
    expect(view.state).toBe('succeeded');
    const restarted = await recovery.pipeline.query(
      'SELECT id FROM processing_jobs WHERE restart_key IS NOT NULL',
    );
    expect(restarted).toHaveLength(1);
    await recovery.isRight();
  });

  test('a poison record is named at the gate and set aside; the rest is exactly right', async () => {
    await recovery.pipeline.setFaults({ poison: 2_345 });
    const job = await recovery.pipeline.startJob({ reset: true });
    await recovery.pipeline.waitForJob(job, ['failed']);
    const handle = await recovery.run();
    const { evidence } = await recovery.gate(handle);
    expect(evidence['offending record']).toMatchObject({ seq: 2_345 });
    await recovery.decide(handle);
    const view = await recovery.ended(handle);
    await recovery.pipeline.setFaults({});
    expect(view.problem).toBeNull();
    const [truth, found] = [await recovery.pipeline.truth(), await recovery.pipeline.summary()];
    expect(found).toMatchObject({ rows: truth.rows - 1, duplicates: 0, missing: 1 });
  });

  test.each([
    ['disk full', { diskFull: { stage: 'load', batch: 2 } }, 'disk-full'],
    ['database lost', { databaseLost: { stage: 'clean', batch: 6 } }, 'database-lost'],
  ] as const)('%s: the cause is shown, and the recovery is right', async (_, faults, code) => {
    await recovery.failedJob(faults);
    const handle = await recovery.run();
    expect((await recovery.gate(handle)).evidence['error']).toContain(code);
    await recovery.decide(handle);
    expect((await recovery.ended(handle)).state).toBe('succeeded');
    await recovery.isRight();
  });

  test('a job that fails again and again ends as failed, with what was found, after its restarts', async () => {
    await recovery.failedJob({ crashAt: { stage: 'load', batch: 3 } });
    await recovery.pipeline.setFaults({ diskFull: { stage: 'load', batch: 3 } });
    const handle = await recovery.run({ max_restarts: 2 });
    await recovery.decide(handle);
    const view = await recovery.ended(handle);
    await recovery.pipeline.setFaults({});
    expect(view.state).toBe('failed');
    expect(view.problem?.message).toMatch(/failed again in stage load after 2 restarts.*disk-full/);
    expect(view.steps.map((step) => step.id)).toEqual(
      expect.arrayContaining(['restart', 'restart.2', 'follow.2']),
    );
    expect(view.decisions.filter((decision) => decision.accepted)).toHaveLength(1);
  });

  test('cancelling in mid-recovery stops the restarted job and puts the quarantined rows back', async () => {
    await recovery.failedJob({
      corruptCheckpoint: { stage: 'transform', batch: 2, mode: 'altered' },
    });
    await recovery.pipeline.setFaults({ slowMs: 400 });
    const rows = () =>
      recovery.pipeline.query('SELECT seq, batch, distance, id FROM stage_transform ORDER BY id');
    const before = await rows();
    const handle = await recovery.run();
    await recovery.decide(handle);
    await recovery.followed(handle);
    expect(
      (await recovery.decide(handle, { verb: 'cancel', reason: 'wrong pipeline' })).accepted,
    ).toBe(true);
    const view = await recovery.ended(handle);
    await recovery.pipeline.setFaults({});
    expect(view.state).toBe('cancelled');
    expect(recovery.stateOf(view, 'restart')).toBe('undone');
    expect(recovery.stateOf(view, 'quarantine')).toBe('undone');
    expect(await rows()).toEqual(before);
    const running = await recovery.pipeline.query(
      `SELECT id FROM processing_jobs WHERE status IN ('queued', 'running')`,
    );
    expect(running).toEqual([]);
  });

  test('with on_failure=rollback a failure that stays is undone', async () => {
    await recovery.failedJob({ corruptCheckpoint: { stage: 'load', batch: 2, mode: 'duplicate' } });
    const rows = () =>
      recovery.pipeline.query('SELECT seq, batch, distance, id FROM flights ORDER BY id');
    const before = await rows();
    await recovery.pipeline.setFaults({ diskFull: { stage: 'load', batch: 4 } });
    const handle = await recovery.run({ max_restarts: 1, on_failure: 'rollback' });
    await recovery.decide(handle);
    const view = await recovery.ended(handle);
    await recovery.pipeline.setFaults({});
    expect(view.state).toBe('rolled-back');
    expect(await rows()).toEqual(before);
  });

  test('nothing failed: the run says so and changes nothing', async () => {
    await recovery.pipeline.setFaults({});
    const job = await recovery.pipeline.startJob({ reset: true });
    await recovery.pipeline.waitForJob(job, ['completed']);
    const view = await recovery.ended(await recovery.run());
    expect(view.state).toBe('failed');
    expect(view.problem?.message).toContain('no job failed');
  });

  test('a wrong token stops it at step 1, for good and in words', async () => {
    await recovery.failedJob({ crashAt: { stage: 'load', batch: 1 } });
    const view = await recovery.ended(await recovery.run({ pipeline: 'flights-denied' }));
    expect(view.state).toBe('failed');
    expect(view.problem).toMatchObject({
      type: 'HttpDenied',
      next: expect.stringContaining('wrong-token'),
    });
    const step = view.steps.find((each) => each.id === 'identify/status');
    expect(step).toMatchObject({ state: 'failed', attempts: 1 });
    expect(view.steps.filter((each) => each.state === 'pending').map((each) => each.id)).toContain(
      'collect',
    );
  });

  test('an API that nobody answers at fails after its attempts, and says where', async () => {
    const view = await recovery.ended(await recovery.run({ pipeline: 'flights-away' }));
    expect(view.state).toBe('failed');
    expect(view.problem).toMatchObject({
      type: 'Unreachable',
      message: expect.stringContaining(recovery.away),
    });
  });
});
