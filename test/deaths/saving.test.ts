import { randomUUID } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { expect, test } from '@jest/globals';
import type { WorkflowHandle } from '@temporalio/client';
import { getRun } from '../../store/index.js';
import { Engine } from '../helpers/engine.js';
import { untilFile } from '../helpers/shell.js';
import { until } from '../../lab/until.js';

interface Pending {
  activityType?: { name?: string | null } | null;
  attempt?: number | null;
  lastFailure?: { timeoutFailureInfo?: { timeoutType?: number | null } | null } | null;
}

/** Of `temporal.api.enums.v1.TimeoutType`. */
const heartbeat = 4;

async function saving(run: WorkflowHandle): Promise<Pending | undefined> {
  const { raw } = await run.describe();
  const pending = (raw.pendingActivities ?? []) as Pending[];
  return pending.find(({ activityType }) => activityType?.name === 'record');
}

test('a run whose worker dies while it saves is held up for a heartbeat', async () => {
  const engine = await Engine.start({ later: true });
  const blocker = await engine.pool.connect();
  try {
    const worker = await engine.startWorker();
    const file = engine.path(randomUUID());
    const run = await engine.run('test-commands', {
      first: untilFile(file),
      second: '["/bin/true"]',
    });
    await until('it to be recorded', () => getRun(engine.pool, run.workflowId));
    await blocker.query('BEGIN');
    await blocker.query('SET LOCAL idle_in_transaction_session_timeout = 0');
    await blocker.query('SELECT FROM runbook.runs FOR NO KEY UPDATE');
    await writeFile(file, '');
    await until('it to save', async () => (await saving(run)) !== undefined);
    await until('the save to be held up', async () => {
      const { rows } = await engine.pool.query<{ held: boolean }>(
        `SELECT EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database()
           AND wait_event_type = 'Lock') AS held`,
      );
      return rows[0]?.held;
    });
    await engine.loseWorker(worker);
    await engine.startWorker();
    const again = await until('it to be saved again', async () => {
      const found = await saving(run);
      return (found?.attempt ?? 1) > 1 ? found : undefined;
    });
    expect(again.lastFailure?.timeoutFailureInfo?.timeoutType).toBe(heartbeat);
    await blocker.query('ROLLBACK');
    expect(await engine.ended(run)).toMatchObject({ state: 'succeeded' });
  } finally {
    blocker.release(true);
    await engine.stop();
  }
}, 60_000);
