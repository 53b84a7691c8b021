import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type pg from 'pg';
import type { TimelineEntry } from '../../common/view.js';
import {
  admitRun,
  closeRun,
  explainReset,
  getRun,
  history,
  migrate,
  openPool,
  recordedOnly,
  reopenedRuns,
  saveRun,
  unexplainedResets,
  type Execution,
} from '../../store/index.js';
import { createTestDatabase, type TestDatabase } from '../helpers/database.js';
import { admission, endedView, keyOf, waitingView } from './fixtures.js';

/*
 * Whoever reaches Temporal can make an ended run go on. Its end stays in the record.
 */

let database: TestDatabase;
let pool: pg.Pool;
beforeAll(async () => {
  database = await createTestDatabase('former-ends');
  pool = openPool(database.url, { max: 4 });
  await migrate(pool);
});
afterAll(async () => {
  await pool.end();
  await database.drop();
});

const execution = (runId: string, time: string): Execution => ({
  ...{ runId, at: `2026-03-01T${time}.000Z` },
});
const first = execution('one', '02:00:01');
const reset = execution('two', '04:00:00');
const firstEnd = '2026-03-01T03:00:00.000Z';
const secondEnd = '2026-03-01T04:00:09.000Z';

/** A run that ends, is reset, and ends again. */
async function resetRun(run: string): Promise<void> {
  const key = keyOf(run);
  await admitRun(pool, { ...admission(key), execution: first });
  await saveRun(pool, endedView(key), first);
  await saveRun(pool, waitingView(key), reset);
  await saveRun(pool, { ...endedView(key, 'failed', secondEnd), outputs: {} }, reset);
}

const told = (entries: readonly TimelineEntry[]): string[] =>
  entries.filter(({ kind }) => kind === 'end' || kind === 'over').map(({ text }) => text);

test('the end of a run that was reset is kept, with when and why it went on; without the guard nothing tells of it', async () => {
  await resetRun('reset');
  const end = { state: 'succeeded', endedAt: firstEnd, outputs: { rows: 231_083 }, problem: null };
  expect(await getRun(pool, 'reset')).toMatchObject({
    ...{ state: 'failed', endedAt: secondEnd, outputs: {} },
    formerEnds: [{ ...end, overAt: reset.at, why: 'reset', reason: null }],
  });

  const [open, ...others] = await unexplainedResets(pool, 'any');
  expect(others).toEqual([]);
  expect(open).toMatchObject({ key: { run: 'reset' }, execution: 'two' });
  await explainReset(pool, open!, 'root: auditor tries');
  await explainReset(pool, open!, 'another reason');
  expect(await unexplainedResets(pool, 'any')).toEqual([]);
  expect(told(await history(pool, 'reset'))).toEqual([
    'the run had ended: succeeded',
    'the run was reset in Temporal: root: auditor tries; it goes on after its end',
    'ended again: failed',
  ]);
  const { entries, endedAt } = await recordedOnly(pool, 'reset');
  expect([told(entries).length, endedAt]).toEqual([2, secondEnd]);
  await pool.query('UPDATE runbook.former_ends SET over_at = now()');
  expect(await reopenedRuns(pool, 60_000)).toEqual([
    { run: 'reset', why: 'reset', reason: 'root: auditor tries' },
  ]);

  await pool.query('ALTER TABLE runbook.runs DISABLE TRIGGER keep_end');
  await resetRun('unguarded');
  await pool.query('ALTER TABLE runbook.runs ENABLE TRIGGER keep_end');
  expect(told(await history(pool, 'unguarded'))).toEqual(['failed']);
});

test('a run that was missing, and another end of the same execution, are told apart from a reset', async () => {
  const missed = keyOf('missed');
  await admitRun(pool, { ...admission(missed), execution: first });
  await closeRun(pool, missed, {
    ...{ state: 'terminated', endedAt: firstEnd, missing: true, execution: first.runId },
    problem: () => ({ type: 'Terminated', message: 'not found in a test' }),
  });
  await saveRun(pool, waitingView(missed), first);
  const view = await getRun(pool, 'missed');
  expect(view?.formerEnds).toMatchObject([
    { state: 'terminated', why: 'missed', problem: { message: 'not found in a test' } },
  ]);

  const other = keyOf('other');
  await admitRun(pool, { ...admission(other), execution: first });
  for (const [state, at] of [
    ['failed', firstEnd],
    ['failed', firstEnd],
    ['succeeded', secondEnd],
  ] as const)
    await saveRun(pool, endedView(other, state, at), first);
  const ends = (await getRun(pool, 'other'))?.formerEnds;
  expect(ends).toMatchObject([{ state: 'failed', endedAt: firstEnd, why: 'replaced' }]);
});

test('a reset of a run that has not ended leaves no former end', async () => {
  const key = keyOf('live');
  await admitRun(pool, { ...admission(key), execution: first });
  await saveRun(pool, waitingView(key), reset);
  expect((await getRun(pool, 'live'))?.formerEnds).toBeUndefined();
});
