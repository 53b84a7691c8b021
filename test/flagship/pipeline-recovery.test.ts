import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { WorkflowHandle } from '@temporalio/client';
import { openPool } from '../../store/index.js';
import { Recovery } from '../helpers/recovery.js';
import { until } from '../helpers/until.js';

describe('pipeline-recovery', () => {
  let recovery: Recovery;
  beforeAll(async () => {
    recovery = await Recovery.start();
  }, 60_000);
  afterAll(() => recovery?.stop());

  async function expectRight(): Promise<void> {
    expect(await recovery.pipeline.summary()).toEqual(await recovery.pipeline.truth());
  }

  test('a crash in mid-stage goes on from the last checkpoint, and the result is exactly right', async () => {
    const job = await recovery.failedJob({ crashAt: { stage: 'transform', batch: 5 } });
    const handle = await recovery.run();
    const gate = await recovery.gate(handle);
    expect(gate.evidence).toMatchObject({
      'failed job': job,
      'failed stage': 'transform',
      error: expect.stringContaining('SIGKILL'),
      verdict: expect.stringContaining('not corrupt'),
      checkpoint: 'transform batch 4',
      'rows moved to quarantine and processed again': 0,
    });
    expect((await recovery.decide(handle)).accepted).toBe(true);
    const view = await recovery.ended(handle);
    expect(view.state).toBe('succeeded');
    expect(recovery.stateOf(view, 'quarantine')).toBe('not-needed');
    expect(view.outputs).toMatchObject({ failedJob: job, restarts: 1, rows: 7_999 });
    await expectRight();
  });

  test.each([
    ['missing', 'transform', 3],
    ['duplicate', 'clean', 17],
    ['altered', 'load', 17],
    ['missing', 'extract', 1],
  ] as const)(
    'a corrupt checkpoint (%s rows in %s batch %i) is passed over, its rows are kept in quarantine',
    async (mode, stage, batch) => {
      await recovery.failedJob({ corruptCheckpoint: { stage, batch, mode } });
      const handle = await recovery.run();
      const { evidence } = await recovery.gate(handle);
      expect(evidence['verdict']).toMatch(new RegExp(`^corrupt: ${stage} from batch ${batch} on`));
      expect(evidence['checkpoint']).toBe(
        batch === 1 ? `beginning of ${stage}` : `${stage} batch ${batch - 1}`,
      );
      await recovery.decide(handle);
      const view = await recovery.ended(handle);
      expect(view.problem).toBeNull();
      expect(view.state).toBe('succeeded');
      await expectRight();
      const [kept] = await recovery.pipeline.query<{ rows: number }>(
        'SELECT count(*)::int AS rows FROM quarantine_rows WHERE run = $1',
        [handle.workflowId],
      );
      expect(kept?.rows).toBe(evidence['rows moved to quarantine and processed again']);
      expect(kept?.rows).toBeGreaterThan(0);
    },
  );

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
    await expectRight();
  });

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

  async function followed(handle: WorkflowHandle): Promise<void> {
    await until(
      'the restarted job to be followed',
      async () => recovery.stateOf(await recovery.status(handle), 'follow') === 'running',
    );
  }

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
    await followed(handle);
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

  test('with on_failure=rollback a failure that stays is taken back', async () => {
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

  test('a worker killed in mid-recovery: another one finishes, and one job was started', async () => {
    await recovery.failedJob({ crashAt: { stage: 'clean', batch: 7 } });
    await recovery.pipeline.setFaults({ slowMs: 100 });
    const handle = await recovery.run();
    await recovery.decide(handle);
    await followed(handle);
    await recovery.replaceWorker();
    const view = await recovery.ended(handle);
    await recovery.pipeline.setFaults({});
    expect(view.state).toBe('succeeded');
    const restarted = await recovery.pipeline.query(
      'SELECT id FROM processing_jobs WHERE restart_key IS NOT NULL',
    );
    expect(restarted).toHaveLength(1);
    await expectRight();
  });

  test('the token and the password are nowhere: not in history, not in the record', async () => {
    await recovery.failedJob({ crashAt: { stage: 'load', batch: 1 } });
    const handle = await recovery.run();
    await recovery.decide(handle);
    await recovery.ended(handle);
    const history = texts(await handle.fetchHistory()).join('\n');
    const pool = openPool(recovery.record.url);
    const dump: string[] = [];
    const { rows } = await pool.query<{ t: string }>(
      `SELECT table_name AS t FROM information_schema.tables WHERE table_schema = 'runbook'`,
    );
    for (const { t } of rows) {
      const found = await pool.query<{ x: string }>(`SELECT x::text AS x FROM runbook.${t} x`);
      dump.push(...found.rows.map((row) => row.x));
    }
    await pool.end();
    expect(history).toContain('flights');
    expect(dump.join()).toContain('flights');
    for (const secret of [recovery.token, ...(recovery.password ? [recovery.password] : [])]) {
      const forms = [
        secret,
        Buffer.from(secret).toString('base64'),
        Buffer.from(secret).toString('hex'),
        encodeURIComponent(secret),
      ];
      for (const form of forms) {
        expect(history.includes(form)).toBe(false);
        expect(dump.some((row) => row.includes(form))).toBe(false);
      }
    }
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

/** Every text and every byte string within a message of Temporal's, payloads as they were encoded. */
function texts(value: unknown): string[] {
  if (typeof value === 'string') return [value];
  if (value instanceof Uint8Array) return [Buffer.from(value).toString('latin1')];
  if (typeof value !== 'object' || value === null) return [];
  return Object.values(value).flatMap(texts);
}
