import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type pg from 'pg';
import {
  admitRun,
  beginAttempt,
  endAttempt,
  getAttempts,
  history,
  migrate,
  openPool,
  recordDecisions,
  saveRun,
} from '../../store/index.js';
import { createTestDatabase, type TestDatabase } from '../helpers/database.js';
import { admission, attemptOf, decisionOf, digest, keyOf } from './fixtures.js';
import { startedAt, verdictOf, waitingView } from './fixtures.js';

/* What the record tells of a run when Temporal has forgotten it. */

let database: TestDatabase;
let pool: pg.Pool;
beforeAll(async () => {
  database = await createTestDatabase('told-history');
  pool = openPool(database.url, { max: 4 });
  await migrate(pool);
});
afterAll(async () => {
  await pool.end();
  await database.drop();
});

test('what an attempt does is kept from its begin, also of a later one', async () => {
  const key = keyOf('does');
  await admitRun(pool, admission(key));
  const first = { ...attemptOf(key, 'restart'), does: ['run /bin/first\0'] };
  await beginAttempt(pool, first);
  await endAttempt(pool, { key, step: 'restart', attempt: 1, state: 'failed' });
  const next = { ...attemptOf(key, 'restart', 2), does: ['run /bin/next'] };
  await beginAttempt(pool, next);
  const told = (await history(pool, key)).filter(({ kind }) => kind === 'attempt');
  expect(told.map(({ does, state }) => [state, does])).toEqual([
    ['failed', ['run /bin/first\uFFFD']],
    ['running', ['run /bin/next']],
  ]);
});

test('an attempt that another worker took over says so', async () => {
  const key = keyOf('taken');
  await admitRun(pool, admission(key));
  const start = { ...attemptOf(key, 'restart'), place: 'here', resumable: true };
  await beginAttempt(pool, start);
  expect((await getAttempts(pool, key))[0]).not.toHaveProperty('takeOvers');
  await beginAttempt(pool, { ...start, worker: 'host-a:2', temporalAttempt: 2 });
  await endAttempt(pool, { key, step: 'restart', attempt: 1, fence: 2, state: 'succeeded' });
  expect(await getAttempts(pool, key)).toMatchObject([{ takeOvers: 1, temporalAttempt: 2 }]);
  const told = (await history(pool, key)).find(({ kind }) => kind === 'attempt');
  expect(told?.text).toContain('attempt 1 on host-a: taken over once');
  expect(told?.text).toContain('last by host-a:2; succeeded');
});

test('a question stands where it was asked, and its answer where it was given', async () => {
  const key = keyOf('asked');
  await admitRun(pool, admission(key));
  await saveRun(pool, waitingView(key));
  await recordDecisions(pool, key, [
    { envelope: decisionOf('asked'), verdict: verdictOf('d-1'), receivedAt: startedAt },
  ]);
  const told = (await history(pool, key)).map(({ kind, text }) => [kind, text]);
  expect(told.slice(1)).toEqual([
    [
      'wait',
      `Approve the recovery: asked of an operator other than the requester, about ${digest}`,
    ],
    ['decision', expect.stringContaining('bob')],
  ]);
});
