import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type pg from 'pg';
import type { RecoveryView, RunView } from '../../common/view.js';
import {
  admitRun,
  getRun,
  lastDrills,
  listRuns,
  migrate,
  openPool,
  saveRun,
} from '../../store/index.js';
import { createTestDatabase, type TestDatabase } from '../helpers/database.js';
import { admission, keyOf } from './fixtures.js';

/*
 * What the record knows of drills.
 */

let database: TestDatabase;
let pool: pg.Pool;
beforeAll(async () => {
  database = await createTestDatabase('drills');
  pool = openPool(database.url, { max: 4 });
  await migrate(pool);
});
afterAll(async () => {
  await pool.end();
  await database.drop();
});

const day = (number: number): string => `2026-03-0${number}T02:00:00.000Z`;
const recovery = (met: boolean): RecoveryView => ({
  ...{ rtoMs: 1, rpoMs: 2, objective: { rtoMinutes: 1, rpoMinutes: 1 }, met },
  ...{ failedAt: day(1), recoveredTo: day(1), healthyAt: day(1), services: {} },
  spent: { detect: 0, decide: 0, approve: 0, execute: 1, verify: 0 },
});

async function run(name: string, change: Partial<RunView>): Promise<void> {
  const admitted = admission(keyOf(name));
  const view = { ...admitted.view, ...change, id: name, firstRunId: admitted.key.firstRunId };
  await admitRun(pool, { ...admitted, view });
  await saveRun(pool, view);
}

test('the newest drill of a runbook, and when one last went well; runs that were meant are none', async () => {
  const drill = { drill: true, runbook: 'orders' } as const;
  await run('meant', {
    runbook: 'orders',
    state: 'succeeded',
    startedAt: day(9),
    endedAt: day(9),
    recovery: recovery(true),
  });
  await run('well', {
    ...drill,
    state: 'succeeded',
    startedAt: day(1),
    endedAt: day(2),
    recovery: recovery(true),
  });
  await run('missed', {
    ...drill,
    state: 'succeeded',
    startedAt: day(3),
    endedAt: day(4),
    recovery: recovery(false),
  });
  await run('failed', { ...drill, state: 'failed', startedAt: day(5), endedAt: day(6) });
  await run('live', { ...drill, state: 'running', startedAt: day(7) });
  await run('only', {
    drill: true,
    runbook: 'mail',
    state: 'succeeded',
    startedAt: day(1),
    endedAt: day(1),
  });
  expect(await lastDrills(pool)).toEqual([
    {
      runbook: 'mail',
      run: 'only',
      state: 'succeeded',
      endedAt: day(1),
      recovery: null,
      wellAt: day(1),
    },
    {
      runbook: 'orders',
      run: 'failed',
      state: 'failed',
      endedAt: day(6),
      recovery: null,
      wellAt: day(2),
    },
  ]);
  expect(
    (await listRuns(pool, { runbook: 'orders' })).map(({ id, drill: drilled }) => [id, drilled]),
  ).toEqual([
    ['meant', undefined],
    ['live', true],
    ['failed', true],
    ['missed', true],
    ['well', true],
  ]);
  expect(await getRun(pool, 'missed')).toMatchObject({ drill: true, recovery: recovery(false) });
  expect(await getRun(pool, 'meant')).not.toHaveProperty('drill');
});
