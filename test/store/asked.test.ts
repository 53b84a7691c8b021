import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type pg from 'pg';
import type { RunKey } from '../../common/keys.js';
import type { RunView, StepView, WaitView } from '../../common/view.js';
import {
  addFirstMessages,
  addFollowingMessages,
  admitRun,
  callFacts,
  claimMessages,
  getRun,
  history,
  listRuns,
  migrate,
  openPool,
  recordDecisions,
  saveRun,
} from '../../store/index.js';
import { createTestDatabase, type TestDatabase } from '../helpers/database.js';
import { admission, decisionOf, keyOf, verdictOf, waitingView, waitOf } from './fixtures.js';

/*
 * What a run has asked and nobody is to answer any more: it is closed at once, with what ended it,
 * however long the run goes on to undo what it has changed.
 */

let database: TestDatabase;
let pool: pg.Pool;
beforeAll(async () => {
  database = await createTestDatabase('asked');
  pool = openPool(database.url, { max: 4 });
  await migrate(pool);
});
afterAll(async () => {
  await pool.end();
  await database.drop();
});

const undoWait: WaitView = { ...waitOf(), kind: 'undo', id: 'restart.undo', title: 'Undo failed' };

/** A run that waits at its gate, and for whatever else is given. */
async function waits(run: string, more: readonly WaitView[] = []): Promise<RunKey> {
  const key = keyOf(run);
  await admitRun(pool, { ...admission(key), namespaceId: 'here', taskQueue: 'asked' });
  const view = waitingView(key);
  const waitingFor = [...view.waitingFor, ...more];
  await saveRun(pool, { ...view, waitingFor }, undefined, { number: 1, all: true });
  return key;
}

const ends = (key: RunKey, verb: string, accepted = true): Promise<void> =>
  recordDecisions(pool, key, [
    {
      envelope: decisionOf(key.run, { verb, about: undefined, attempt: undefined }),
      verdict: verdictOf('d-1', accepted ? {} : { accepted, code: 'not-possible' }),
      receivedAt: verdictOf('d-1').at,
    },
  ]);
const asked = async (key: RunKey): Promise<string[] | undefined> =>
  (await getRun(pool, key))?.waitingFor.map(({ id }) => id);

describe('a run that is cancelled in the moment in which it asks', () => {
  const begun = async (run: string): Promise<RunKey> => {
    const key = keyOf(run);
    await admitRun(pool, { ...admission(key), namespaceId: 'here', taskQueue: 'asked' });
    return key;
  };
  const save = (number: number, view: RunView): Promise<unknown> =>
    saveRun(pool, view, undefined, { number, all: true });

  test('the save comes first: the decision closes what it asks', async () => {
    const key = await begun('saved-first');
    await save(1, waitingView(key));
    await ends(key, 'cancel');
    expect(await asked(key)).toEqual([]);
  });

  test('the decision comes first: what it asks stands open until the next save, which closes it', async () => {
    const key = await begun('decided-first');
    await ends(key, 'cancel');
    const view = waitingView(key);
    await save(1, view);
    expect(await asked(key)).toHaveLength(1);
    await save(2, { ...view, waitingFor: [] });
    expect(await asked(key)).toEqual([]);
  });
});

test('what is asked anew of a step that failed was asked until then', async () => {
  const key = keyOf('asked-anew');
  await admitRun(pool, { ...admission(key), namespaceId: 'here', taskQueue: 'asked' });
  const asks = (attempt: number): RunView => {
    const view = waitingView(key);
    const wait: WaitView = { ...waitOf(attempt), kind: 'failure', id: 'restart' };
    const first = waitOf(1);
    const steps = view.steps.map((step): StepView =>
      step.id === 'restart'
        ? { ...step, state: 'needs-operator', startedAt: first.since, endedAt: first.since }
        : step,
    );
    return { ...view, state: 'needs-operator', steps, waitingFor: [wait] };
  };
  for (const attempt of [1, 2])
    await saveRun(pool, asks(attempt), undefined, { number: attempt, all: true });
  const waits = (await history(pool, key.run)).filter(({ kind }) => kind === 'wait');
  expect(waits).toMatchObject([
    { at: waitOf(1).since, until: waitOf(2).since, state: 'closed' },
    { at: waitOf(2).since, until: null, state: 'waiting' },
  ]);
});

test.each(['cancel', 'rollback', 'abort'])(
  '%s of the run closes what its procedure asks, and says so; undos go on asking',
  async (verb) => {
    const key = await waits(`told-${verb}`, [undoWait]);
    await ends(key, verb);
    expect(await asked(key)).toEqual(['restart.undo']);
    const gate = (await getRun(pool, key))?.steps.find(({ id }) => id === 'approve');
    expect(gate).toMatchObject({ state: 'skipped', endedAt: verdictOf('d-1').at });
    const [entry] = (await history(pool, key.run)).filter(({ kind }) => kind === 'wait');
    expect(entry).toMatchObject({ step: 'approve', state: 'closed' });
    expect(entry?.text).toMatch(/; closed at 2026-03-01T02:30:00.000Z: bob .* the run/);
  },
);

test('one that was refused, or that only pauses, closes nothing', async () => {
  const key = await waits('refused');
  await ends(key, 'cancel', false);
  await ends(key, 'pause');
  expect(await asked(key)).toEqual(['approve']);
});

test('nobody is reminded of it, those who knew of it are told who ended it, and no list has it', async () => {
  const key = await waits('reminded');
  const ours = { taskQueue: 'asked', namespaceId: 'here' };
  const claim = () =>
    claimMessages(pool, ours, { worker: 'w', claimMs: 60_000, limit: 10, busy: [] });
  const { rows } = await pool.query<{ no: string }>('SELECT no FROM runbook.runs WHERE run = $1', [
    key.run,
  ]);
  const no = rows[0]?.no ?? '';
  const call = { no, call: 'approve', attempt: 1 };
  await addFirstMessages(pool, [{ ...call, channel: 'oncall' }]);
  expect((await claim()).map(({ what }) => what)).toEqual(['asked']);
  await pool.query('UPDATE runbook.messages SET sent_at = now(), claimed_until = NULL');
  expect((await listRuns(pool, { waiting: true })).map(({ id }) => id)).toContain(key.run);

  await ends(key, 'cancel');
  await addFollowingMessages(pool, 0);
  expect((await claim()).map(({ what }) => what)).toEqual(['over']);
  expect((await callFacts(pool, call))?.decision).toMatchObject({ verb: 'cancel', by: 'bob' });
  const listed = await listRuns(pool, { waiting: true });
  expect(listed.map(({ id }) => id)).not.toContain(key.run);
});

test('a save in which nothing is asked closes what was asked before; one of no known order does not', async () => {
  const key = await waits('saved', [undoWait]);
  const view = { ...waitingView(key), state: 'rolling-back' as const, waitingFor: [] };
  await saveRun(pool, view);
  expect(await asked(key)).toEqual(['approve', 'restart.undo']);
  await saveRun(pool, view, undefined, { number: 2, all: false });
  expect(await asked(key)).toEqual([]);
  // A late one from before is stale.
  await saveRun(pool, waitingView(key), undefined, { number: 1, all: true });
  expect(await asked(key)).toEqual([]);
});
