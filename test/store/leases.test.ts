import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type pg from 'pg';
import type { RunKey } from '../../common/keys.js';
import {
  acquireLeases,
  admitRun,
  beginAttempt,
  endAttempt,
  getRun,
  leaseHistory,
  LeaseLostError,
  listLeases,
  losersBy,
  lostTargets,
  migrate,
  openPool,
  retakeTargets,
  RunClosed,
  saveRun,
} from '../../store/index.js';
import { createTestDatabase, type TestDatabase } from '../helpers/database.js';
import { until } from '../../lab/until.js';
import { admission, attemptOf, endedView, keyOf, startedAt } from './fixtures.js';

let database: TestDatabase;
let pool: pg.Pool;

beforeAll(async () => {
  database = await createTestDatabase('leases');
  pool = openPool(database.url, { max: 20 });
  await migrate(pool);
});

afterAll(async () => {
  await pool.end();
  await database.drop();
});

async function admitted(run: string): Promise<RunKey> {
  const key = keyOf(run);
  await admitRun(pool, admission(key));
  return key;
}

const acquire = (key: RunKey, targets: string[], root = key) =>
  acquireLeases(pool, { key, root, targets });
const end = (key: RunKey, state: 'succeeded' | 'terminated' = 'succeeded') =>
  saveRun(pool, endedView(key, state));
const takeOver = (key: RunKey, target: string, fence: number) =>
  acquireLeases(
    pool,
    { key, root: key, targets: [target] },
    { takeOver: { by: 'bob', reason: 'it hangs', decision: 'd-1', from: { [target]: fence } } },
  );
const begin = (key: RunKey, step: string, leases: 'prove' | 'retake' = 'prove') =>
  beginAttempt(pool, { ...attemptOf(key, step), leases });

/**
 * Twenty runs at once, each wants three of six targets; how often somebody met another one inside.
 */
async function meetings(guarded: boolean): Promise<number> {
  const inside = new Map<string, number>();
  let met = 0;
  await Promise.all(
    Array.from({ length: 20 }, async (_, index) => {
      const key = await admitted(`parallel-${guarded}-${index}`);
      const targets = [0, 1, 3].map((step) => `p${(index + step) % 6}`).sort();
      if (guarded)
        await until(
          'the targets',
          async () => (await acquire(key, targets)).length === 0,
          60_000,
          5,
        );
      for (const target of targets) inside.set(target, (inside.get(target) ?? 0) + 1);
      for (let look = 0; look < 3; look += 1) {
        await pool.query('SELECT pg_sleep(0.02)');
        met += targets.filter((target) => (inside.get(target) ?? 0) > 1).length;
      }
      for (const target of targets) inside.set(target, (inside.get(target) ?? 0) - 1);
      await end(key);
    }),
  );
  return met;
}

test('twenty runs at once want overlapping sets of targets: one holder at a time, and nobody waits in a circle', async () => {
  const [guarded, bare] = [await meetings(true), await meetings(false)];
  process.stdout.write(`meetings at a target among 20 runs: ${guarded}; without leases: ${bare}\n`);
  expect(guarded).toBe(0);
  expect(bare).toBeGreaterThan(0);
}, 90_000);

test('all targets or none; the other run, its requester and the time are told', async () => {
  const [one, two, three] = [
    await admitted('all-1'),
    await admitted('all-2'),
    await admitted('all-3'),
  ];
  expect(await acquire(one, ['b'])).toEqual([]);
  expect(await acquire(two, ['a', 'b', 'c'])).toEqual([
    {
      target: 'b',
      run: 'all-1',
      runbook: 'pipeline-recovery',
      requester: 'alice',
      since: expect.stringMatching(/Z$/),
      fence: 1,
      inLine: false,
    },
  ]);
  expect(await acquire(three, ['a', 'c'])).toEqual([]);
});

test('asked again, the same run still holds it; its end frees it, however it is written down', async () => {
  const [one, two] = [await admitted('again-1'), await admitted('again-2')];
  expect(await acquire(one, ['x'])).toEqual([]);
  expect(await acquire(one, ['x'])).toEqual([]);
  expect((await listLeases(pool)).find(({ target }) => target === 'x')).toMatchObject({
    run: 'again-1',
    fence: 1,
  });
  expect(await acquire(two, ['x'])).toMatchObject([{ run: 'again-1' }]);
  await end(one, 'terminated');
  await expect(acquire(one, ['x'])).rejects.toThrow(RunClosed);
  expect(await acquire(two, ['x'])).toEqual([]);
  // As a release that knows no leases ends a run.
  await pool.query(
    "UPDATE runbook.runs SET state = 'cancelled', ended_at = now() WHERE run = 'again-2'",
  );
  expect(await acquire(await admitted('again-3'), ['x'])).toEqual([]);
});

test('the wait in the record ends with it', async () => {
  const [one, two] = [await admitted('wait-1'), await admitted('wait-2')];
  await acquire(one, ['w']);
  await acquire(two, ['w']);
  const wait = {
    kind: 'lease' as const,
    id: 'target:w',
    title: 'another run has w',
    since: startedAt,
    deadline: null,
    who: 'wait-1 to end',
    deciders: 'anyone' as const,
    verbs: ['take-over'] as const,
    attempt: 1,
    digest: 'd',
    evidence: {},
    command: '',
  };
  await saveRun(pool, { ...admission(two).view, state: 'waiting', waitingFor: [wait] });
  expect(await getRun(pool, two)).toMatchObject({
    state: 'waiting',
    waitingFor: [{ id: 'target:w' }],
  });
  expect((await listLeases(pool)).find(({ target }) => target === 'w')).toMatchObject({
    run: 'wait-1',
    waiting: [{ run: 'wait-2', requester: 'alice' }],
  });
  await end(one);
  await acquire(two, ['w']);
  expect(await getRun(pool, two)).toMatchObject({ state: 'running', waitingFor: [] });
});

test('nested runs share what their root holds, and hold on to it until the last of them has ended', async () => {
  const [root, child, other] = [
    await admitted('root'),
    await admitted('child'),
    await admitted('stranger'),
  ];
  await acquire(root, ['n']);
  expect(await acquire(child, ['n', 'own'], root)).toEqual([]);
  expect(await acquire(other, ['own'])).toMatchObject([{ run: 'child' }]);
  await end(child);
  expect(await acquire(other, ['own'])).toEqual([]);
  expect(await acquire(other, ['n'])).toMatchObject([{ run: 'root' }]);
  const second = await admitted('child-2');
  await acquire(second, ['n'], root);
  await end(root);
  expect(await acquire(other, ['n'])).toMatchObject([{ run: 'child-2' }]);
  await end(second);
  expect(await acquire(other, ['n'])).toEqual([]);
});

test('who came first goes first, unless it no longer asks', async () => {
  const keys = [];
  for (const number of [1, 2, 3, 4]) keys.push(await admitted(`line-${number}`));
  const [holder, first, second, third] = keys as [RunKey, RunKey, RunKey, RunKey];
  await acquire(holder, ['l', 'm']);
  await acquire(first, ['l']);
  await acquire(second, ['l', 'm']);
  await end(holder);
  expect(await acquire(second, ['l', 'm'])).toMatchObject([
    { target: 'l', run: 'line-2', inLine: true },
  ]);
  expect(await acquire(first, ['l'])).toEqual([]);
  // line-2 came earlier and wants m too, but could not go: l is held.
  expect(await acquire(third, ['m'])).toEqual([]);
  await Promise.all([end(first), end(third)]);
  const late = await admitted('line-5');
  expect(await acquire(late, ['m'])).toMatchObject([{ run: 'line-3', inLine: true }]);
  await pool.query("UPDATE runbook.lease_waits SET asked_at = now() - interval '1 minute'");
  expect(await acquire(late, ['m'])).toEqual([]);
});

test('taken over: the run before may read and end what it began, and change nothing more', async () => {
  const [one, two] = [await admitted('taken-1'), await admitted('taken-2')];
  await acquire(one, ['t']);
  const { attempt, fence } = await begin(one, 'quarantine');
  await acquire(two, ['t']);
  expect(await takeOver(two, 't', 0)).toMatchObject([{ run: 'taken-1' }]);
  expect(await takeOver(two, 't', 1)).toEqual([]);
  expect(await takeOver(two, 't', 1)).toEqual([]);

  expect(
    await endAttempt(pool, {
      key: one,
      step: 'quarantine',
      attempt,
      fence,
      state: 'succeeded',
      output: 1,
    }),
  ).toBe(true);
  expect(await begin(one, 'quarantine')).toMatchObject({ succeeded: { output: 1 } });
  const refused = (step: string, leases: 'prove' | 'retake' = 'prove') =>
    begin(one, step, leases).then(
      () => null,
      (error: unknown) => error as LeaseLostError,
    );
  for (const step of ['restart', 'quarantine.undo']) {
    const error = await refused(step);
    expect(error).toBeInstanceOf(LeaseLostError);
    expect(error?.loss).toMatchObject({
      target: 't',
      closed: false,
      by: { run: 'taken-2', requester: 'alice', takenBy: 'bob', reason: 'it hangs', ended: false },
    });
  }
  expect(await beginAttempt(pool, attemptOf(one, 'identify'))).toMatchObject({ attempt: 1 });
  expect(await refused('restart', 'retake')).toBeInstanceOf(LeaseLostError);

  await end(two);
  // Free again, and still lost: only a person who knows of it claims it again.
  expect((await refused('restart'))?.loss.by?.ended).toBe(true);
  expect(await begin(one, 'restart', 'retake')).toMatchObject({ attempt: 1 });
  expect(await leaseHistory(pool, 't')).toMatchObject([
    { run: 'taken-1', until: null, takenBy: null },
    { run: 'taken-2', takenBy: 'bob', takenFrom: 'taken-1', reason: 'it hangs' },
    { run: 'taken-1', takenBy: null },
  ]);
});

test('a command that runs on is followed to its end; its attempt says that nothing may be begun anew', async () => {
  const [one, two] = [await admitted('resumed-1'), await admitted('resumed-2')];
  await acquire(one, ['r']);
  const start = {
    ...attemptOf(one, 'restart'),
    place: 'here',
    resumable: true,
    leases: 'prove' as const,
  };
  await beginAttempt(pool, start);
  await takeOver(two, 'r', 1);
  expect(
    await beginAttempt(pool, { ...start, worker: 'host-b:1', temporalAttempt: 2 }),
  ).toMatchObject({
    attempt: 1,
    fence: 2,
    lostLease: { target: 'r', by: { run: 'resumed-2' } },
  });
});

test('an attempt that begins keeps the target until it has begun', async () => {
  const [one, two] = [await admitted('kept-1'), await admitted('kept-2')];
  await acquire(one, ['k']);
  const results = await Promise.allSettled([
    ...['a', 'b', 'c', 'd'].map((step) => begin(one, step)),
    takeOver(two, 'k', 1),
    ...['e', 'f', 'g', 'h'].map((step) => begin(one, step)),
  ]);
  const begun = results.filter(
    (result, index) => index !== 4 && result.status === 'fulfilled',
  ).length;
  const { rows } = await pool.query<{ late: number }>(
    `SELECT count(*)::integer AS late FROM runbook.attempts a JOIN runbook.runs r ON r.no = a.run_no
     WHERE r.run = 'kept-1' AND a.started_at > (SELECT c.since FROM runbook.lease_claims c JOIN runbook.runs t ON t.no = c.run_no WHERE t.run = 'kept-2')`,
  );
  expect(results[4]).toMatchObject({ status: 'fulfilled', value: [] });
  expect(begun).toBeLessThanOrEqual(8);
  expect(rows).toEqual([{ late: 0 }]);
});

test('a run that the record has closed changes nothing more', async () => {
  const one = await admitted('closed-1');
  await acquire(one, ['z']);
  await end(one, 'terminated');
  await expect(begin(one, 'restart', 'retake')).rejects.toMatchObject({
    loss: { closed: true, by: null },
  });
});

test('who has lost a target is known, with who took it; the run claims it again when it is free', async () => {
  const [first, second, third] = [
    await admitted('loser'),
    await admitted('taker'),
    await admitted('nested-loser'),
  ];
  await acquire(first, ['lost-x', 'lost-y']);
  await acquire(third, ['lost-x'], first);
  expect(await lostTargets(pool, first)).toBeNull();
  await takeOver(second, 'lost-x', 1);
  for (const loser of [first, third])
    expect(await lostTargets(pool, loser)).toMatchObject({
      losses: [{ target: 'lost-x', by: { run: 'taker', takenBy: 'bob', ended: false } }],
      held: [{ target: 'lost-x', run: 'taker' }],
    });
  // Asked again, it names the same runs: a worker may have died before it had told them.
  for (let time = 0; time < 2; time += 1)
    expect((await losersBy(pool, second, 'd-1')).map(({ run }) => run).sort()).toEqual([
      ...['loser', 'nested-loser'],
    ]);
  expect(await losersBy(pool, second, 'another')).toEqual([]);

  expect(await retakeTargets(pool, first)).toBe(false);
  await end(second);
  expect(await lostTargets(pool, first)).toMatchObject({ held: [] });
  expect(await retakeTargets(pool, first)).toBe(true);
  expect(await lostTargets(pool, first)).toBeNull();
  await end(third);
  expect((await losersBy(pool, second, 'd-1')).map(({ run }) => run)).toEqual(['loser']);
  await end(first);
  expect(await retakeTargets(pool, first)).toBe(false);
  expect(await lostTargets(pool, first)).toBeNull();
});
