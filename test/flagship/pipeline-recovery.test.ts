import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { openPool } from '../../store/index.js';
import { Recovery } from '../helpers/recovery.js';

describe('pipeline-recovery', () => {
  let recovery: Recovery;
  beforeAll(async () => {
    recovery = await Recovery.startExample();
  }, 60_000);
  afterAll(() => recovery?.stop());

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
    await recovery.isRight();
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
});

/**
 * Every text and every byte string within a message of Temporal's, payloads as they were encoded.
 */
function texts(value: unknown): string[] {
  if (typeof value === 'string') return [value];
  if (value instanceof Uint8Array) return [Buffer.from(value).toString('latin1')];
  if (typeof value !== 'object' || value === null) return [];
  return Object.values(value).flatMap(texts);
}
