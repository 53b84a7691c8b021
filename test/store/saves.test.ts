import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type pg from 'pg';
import type { RunKey } from '../../common/keys.js';
import type { RunView, StepView } from '../../common/view.js';
import {
  admitRun,
  beginAttempt,
  endAttempt,
  getRun,
  migrate,
  openPool,
  saveRun,
} from '../../store/index.js';
import { createTestDatabase, type TestDatabase } from '../helpers/database.js';
import { admission, attemptOf, keyOf } from './fixtures.js';

/*
 * A run tells the record what has changed, save after save.
 */

let database: TestDatabase;
let pool: pg.Pool;
beforeAll(async () => {
  database = await createTestDatabase('saves');
  pool = openPool(database.url, { max: 4 });
  await migrate(pool);
});
afterAll(async () => {
  await pool.end();
  await database.drop();
});

const execution = { runId: 'execution-1', at: '2026-03-01T02:00:00.000Z' };

async function admitted(run: string): Promise<{ key: RunKey; view: RunView }> {
  const key = keyOf(run);
  const admittedRun = { ...admission(key), execution };
  await admitRun(pool, admittedRun);
  return { key, view: { ...admittedRun.view, id: run, firstRunId: key.firstRunId } };
}

const step = (view: RunView, id: string, change: Partial<StepView>): StepView => ({
  ...(view.steps.find((each) => each.id === id) as StepView),
  ...change,
});
const at = (place: number): string => `2026-03-01T03:00:0${place}.000Z`;
const states = async (key: RunKey): Promise<Record<string, string>> =>
  Object.fromEntries(((await getRun(pool, key))?.steps ?? []).map(({ id, state }) => [id, state]));

test('steps that a save does not name stay as they are, in their places; an output that the worker wrote stays too', async () => {
  const { key, view } = await admitted('changes');
  const { attempt } = await beginAttempt(pool, attemptOf(key, 'identify'));
  await endAttempt(pool, {
    key,
    step: 'identify',
    attempt,
    state: 'succeeded',
    output: { stage: 'load' },
  });
  const identify = step(view, 'identify', {
    state: 'succeeded',
    attempts: 1,
    startedAt: at(1),
    endedAt: at(2),
    output: null,
  });
  await saveRun(pool, { ...view, steps: [identify] }, execution, { number: 1, all: false });
  const restart = step(view, 'restart', { state: 'skipped', startedAt: at(3), endedAt: at(3) });
  await saveRun(
    pool,
    { ...view, steps: [{ ...restart, ordinal: 30_000 } as StepView] },
    execution,
    { number: 2, all: false },
  );
  const run = await getRun(pool, key);
  expect(run?.steps.map(({ id, state }) => [id, state])).toEqual([
    ['identify', 'succeeded'],
    ['approve', 'pending'],
    ['quarantine', 'pending'],
    ['restart', 'skipped'],
  ]);
  expect(run?.steps[0]?.output).toEqual({ stage: 'load' });
});

test('a save that comes late, or twice, changes nothing; the next execution begins its own count', async () => {
  const { key, view } = await admitted('late');
  const save = (
    number: number,
    state: StepView['state'],
    outputs: RunView['outputs'],
    teller = execution,
  ) =>
    saveRun(
      pool,
      {
        ...view,
        outputs,
        steps: [step(view, 'identify', { state, attempts: 1, startedAt: at(1), endedAt: at(2) })],
      },
      teller,
      { number, all: false },
    );
  await save(2, 'skipped', { newer: true });
  await save(1, 'needs-operator', { older: true });
  await save(2, 'skipped', { newer: true });
  expect(await states(key)).toMatchObject({ identify: 'skipped' });
  expect((await getRun(pool, key))?.outputs).toEqual({ newer: true });

  const later = { runId: 'execution-2', at: '2026-03-01T04:00:00.000Z' };
  await save(1, 'failed', { again: true }, later);
  expect((await getRun(pool, key))?.outputs).toEqual({ again: true });
});

test('what the record cannot have been told before is asked for', async () => {
  const { view } = await admitted('asked');
  const save = { number: 4, all: false };
  expect(await saveRun(pool, view, execution, save)).toEqual({ incomplete: false });
  expect(await saveRun(pool, { ...view, id: 'never-admitted' }, execution, save)).toEqual({
    incomplete: true,
  });
  expect(
    await saveRun(pool, { ...view, id: 'never-admitted' }, execution, { number: 5, all: true }),
  ).toEqual({
    incomplete: false,
  });

  // Ended in one execution; a reset has it go on in the next.
  await saveRun(pool, { ...view, state: 'cancelled', endedAt: at(5) }, execution, {
    number: 5,
    all: false,
  });
  const later = { runId: 'execution-2', at: '2026-03-01T04:00:00.000Z' };
  expect(await saveRun(pool, view, later, { number: 2, all: false })).toEqual({ incomplete: true });
});
