import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type pg from 'pg';
import {
  admitRun,
  beginAttempt,
  closeRun,
  endAttempt,
  ExecutionReplaced,
  getAttempts,
  getRun,
  migrate,
  openPool,
  saveRun,
  type Execution,
} from '../../store/index.js';
import { createTestDatabase, type TestDatabase } from '../helpers/database.js';
import { admission, attemptOf, endedView, keyOf, waitingView } from './fixtures.js';

let database: TestDatabase;
let pool: pg.Pool;
beforeAll(async () => {
  database = await createTestDatabase('executions');
  pool = openPool(database.url, { max: 4 });
  await migrate(pool);
});
afterAll(async () => {
  await pool.end();
  await database.drop();
});

const execution = (runId: string, second: number): Execution => ({
  runId,
  at: new Date(Date.parse('2026-03-01T02:00:00Z') + second * 1_000).toISOString(),
});
const [first, reset] = [execution('one', 1), execution('two', 100)];
const state = async (run: string) => (await getRun(pool, run))?.state;

const terminated = (known: Execution, missing = false) => ({
  state: 'terminated' as const,
  endedAt: '2026-03-01T03:00:00.000Z',
  problem: () => ({ type: 'Terminated' as const, message: 'ended in a test' }),
  missing,
  execution: known.runId,
});

test('an ended run stays ended for its own execution, and opens again for a later one, not for an earlier', async () => {
  const key = keyOf('ends');
  await admitRun(pool, { ...admission(key), execution: first });
  await saveRun(pool, endedView(key), execution('one', 50));
  const ended = await state('ends');
  await saveRun(pool, waitingView(key), execution('one', 60));
  expect(await state('ends')).toBe(ended);

  await saveRun(pool, waitingView(key), reset);
  expect(await getRun(pool, 'ends')).toMatchObject({
    state: 'waiting',
    endedAt: null,
    problem: null,
    waitingFor: [{}],
  });
  await saveRun(pool, endedView(key), execution('one', 70));
  expect(await state('ends')).toBe('waiting');
});

test('a run that was closed because it was missing opens again for any news of it; one that was proved to be over does not', async () => {
  for (const [run, missing, after] of [
    ['missed', true, 'waiting'],
    ['proved', false, 'terminated'],
  ] as const) {
    const key = keyOf(run);
    await admitRun(pool, { ...admission(key), execution: first });
    await saveRun(pool, waitingView(key), first);
    expect(await closeRun(pool, key, terminated(first, missing))).toBe(true);
    expect(await getRun(pool, run)).toMatchObject({ state: 'terminated', waitingFor: [] });
    await saveRun(pool, waitingView(key), execution('one', 90));
    expect(await state(run)).toBe(after);
  }
});

test('what was found out of one execution does not close the next', async () => {
  const key = keyOf('raced');
  await admitRun(pool, { ...admission(key), execution: first });
  await saveRun(pool, waitingView(key), reset);
  expect(await closeRun(pool, key, terminated(first))).toBe(false);
  expect(await state('raced')).toBe('waiting');
});

test('a claim that was open at the end is unknown, and the execution that goes on takes it over', async () => {
  const key = keyOf('claims');
  await admitRun(pool, { ...admission(key), execution: first });
  const start = { ...attemptOf(key, 'quarantine'), place: 'here', resumable: true };
  await beginAttempt(pool, { ...start, execution: first });
  expect(await closeRun(pool, key, terminated(first))).toBe(true);
  expect((await getRun(pool, 'claims'))?.steps.find(({ id }) => id === 'quarantine')?.state).toBe(
    'unknown',
  );
  expect(await getAttempts(pool, 'claims')).toMatchObject([
    { state: 'unknown', endedAt: expect.any(String) },
  ]);

  // Also by the same worker, for which it is the first Temporal attempt again.
  const next = { ...start, execution: reset };
  expect(await beginAttempt(pool, next)).toMatchObject({
    attempt: 1,
    fence: 2,
    resumedFrom: 'here',
  });
  expect(await getRun(pool, 'claims')).toMatchObject({ state: 'running', endedAt: null });
  // The execution before it must not undo that.
  const late = beginAttempt(pool, {
    ...start,
    temporalAttempt: 2,
    execution: execution('one', 40),
  });
  await expect(late).rejects.toThrow(ExecutionReplaced);
});

test('what was undone is due again after a reset; what was not is not', async () => {
  const key = keyOf('again');
  await admitRun(pool, { ...admission(key), execution: first });
  const done = async (step: string, worker: string) => {
    const begun = await beginAttempt(pool, {
      ...attemptOf(key, step, 1, worker),
      execution: first,
    });
    if (!begun.succeeded)
      await endAttempt(pool, {
        key,
        step,
        attempt: begun.attempt,
        fence: begun.fence,
        state: 'succeeded',
      });
    return begun.succeeded === undefined;
  };
  const story: [string, string, boolean][] = [
    ['quarantine', 'a', true],
    ['quarantine', 'b', false],
    ['quarantine.undo', 'c', true],
    ['quarantine.undo', 'd', false],
    ['quarantine', 'e', true],
    ['quarantine', 'f', false],
    ['quarantine.undo', 'g', true],
  ];
  for (const [step, worker, expected] of story)
    expect([step, worker, await done(step, worker)]).toEqual([step, worker, expected]);
});
