import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type pg from 'pg';
import type { RunView } from '../../common/view.js';
import {
  adoptAttempt,
  admitRun,
  appendOutput,
  beginAttempt,
  endAttempt,
  getAttempts,
  getPlan,
  getRun,
  history,
  keepEvidence,
  latestRun,
  listRuns,
  migrate,
  openPool,
  readOutput,
  recordDecisions,
  saveRun,
  type OutputChunk,
} from '../../store/index.js';
import { createTestDatabase, type TestDatabase } from '../helpers/database.js';
import {
  admission,
  attemptOf,
  decisionOf,
  endedView,
  keyOf,
  planOf,
  startedAt,
  verdictOf,
  waitingView,
  waitOf,
} from './fixtures.js';

let database: TestDatabase;
let pool: pg.Pool;

beforeAll(async () => {
  database = await createTestDatabase('record');
  pool = openPool(database.url, { max: 4 });
  await migrate(pool);
});

afterAll(async () => {
  await pool.end();
  await database.drop();
});

/** Every row of every table, to see that a repeated write wrote nothing. */
async function everything(): Promise<unknown> {
  const tables = ['runs', 'steps', 'attempts', 'waits', 'decisions', 'output', 'output_totals'];
  const dumps = tables.map(async (table) => {
    const { rows } = await pool.query<{ row: Record<string, unknown> }>(
      `SELECT to_json(t) AS row FROM runbook.${table} t ORDER BY to_json(t)::text`,
    );
    return [table, rows.map(({ row }) => ({ ...row, saved_at: null }))];
  });
  return Object.fromEntries(await Promise.all(dumps)) as unknown;
}

async function twice(write: () => Promise<unknown>): Promise<void> {
  await write();
  const once = await everything();
  await write();
  expect(await everything()).toEqual(once);
}

async function stateOf(run: string, step: string): Promise<string | undefined> {
  return (await getRun(pool, run))?.steps.find((candidate) => candidate.id === step)?.state;
}

test('an admitted run has all its steps pending, and keeps plan, envelope and the order of its inputs', async () => {
  const key = keyOf('admitted');
  const given = admission(key);
  await twice(() => admitRun(pool, given));
  expect(await getRun(pool, 'admitted')).toEqual({ ...given.view, source: 'record' });
  expect(Object.keys((await getRun(pool, key))?.inputs ?? {})).toEqual([
    'pipeline',
    'tolerance',
    'zebra',
    'apple',
  ]);
  expect(await getPlan(pool, key)).toEqual({ plan: planOf(), envelope: given.envelope });
});

test('admitted again after it went on, a run stays where it is', async () => {
  const key = keyOf('admitted-late');
  await admitRun(pool, admission(key));
  await beginAttempt(pool, attemptOf(key, 'identify'));
  await saveRun(pool, waitingView(key));
  const before = await everything();
  await admitRun(pool, admission(key));
  expect(await everything()).toEqual(before);
});

test('a run unknown to the record is null, and an attempt of it is refused with what to check', async () => {
  expect(await getRun(pool, 'nobody')).toBeNull();
  expect(await getAttempts(pool, 'nobody')).toEqual([]);
  expect(await history(pool, 'nobody')).toEqual([]);
  await expect(beginAttempt(pool, attemptOf(keyOf('nobody'), 'identify'))).rejects.toThrow(
    /not in the record.*RUNBOOK_DATABASE_URL/,
  );
});

test('saved twice is saved once; what it waits for and its steps are read back', async () => {
  const key = keyOf('saved');
  await admitRun(pool, admission(key));
  await twice(() => saveRun(pool, waitingView(key)));
  expect(await getRun(pool, key)).toEqual({ ...waitingView(key), source: 'record' });
  await twice(() => saveRun(pool, endedView(key)));
  expect(await getRun(pool, key)).toEqual({ ...endedView(key), source: 'record' });
});

test('what a run took over from a dead one is read back, until it is done anew', async () => {
  const key = keyOf('heir');
  const given = admission(key);
  const [first, ...others] = given.view.steps;
  const steps = [{ ...first!, state: 'succeeded' as const, takenFrom: 'dead' }, ...others];
  await admitRun(pool, { ...given, view: { ...given.view, steps } });
  expect((await getRun(pool, key))?.steps[0]).toMatchObject({ takenFrom: 'dead' });
  const looked = { ...waitingView(key), probed: [first!.id] };
  await twice(() => saveRun(pool, { ...looked, steps }));
  expect(await getRun(pool, key)).toEqual({ ...looked, steps, source: 'record' });
  const drifted = { ...waitingView(key), drifted: [first!.id] };
  await saveRun(pool, drifted);
  expect(await getRun(pool, key)).toEqual({ ...drifted, source: 'record' });
});

test('a run that was never admitted in the record can still be saved, and admission fills in the plan', async () => {
  const key = keyOf('unadmitted');
  await saveRun(pool, waitingView(key));
  expect((await getRun(pool, key))?.state).toBe('waiting');
  expect(await getPlan(pool, key)).toBeNull();
  await admitRun(pool, admission(key));
  expect((await getPlan(pool, key))?.plan).toEqual(planOf());
  expect((await getRun(pool, key))?.state).toBe('waiting');
});

test('an ended run is not revived, and only a later end replaces its end', async () => {
  const key = keyOf('ended');
  await admitRun(pool, admission(key));
  await saveRun(pool, endedView(key, 'failed'));
  await saveRun(pool, waitingView(key));
  expect(await getRun(pool, key)).toMatchObject({
    state: 'failed',
    waitingFor: [],
    endedAt: '2026-03-01T03:00:00.000Z',
  });
  expect(await stateOf('ended', 'approve')).toBe('succeeded');
  await saveRun(pool, endedView(key, 'cancelled', '2026-03-01T02:59:00.000Z'));
  expect((await getRun(pool, key))?.state).toBe('failed');
  await saveRun(pool, endedView(key, 'succeeded', '2026-03-01T04:00:00.000Z'));
  expect((await getRun(pool, key))?.state).toBe('succeeded');
});

test('an older view puts no step back and no attempt count down', async () => {
  const key = keyOf('older');
  await admitRun(pool, admission(key));
  for (const temporalAttempt of [1, 2]) {
    const { attempt } = await beginAttempt(pool, attemptOf(key, 'quarantine', temporalAttempt));
    await endAttempt(pool, {
      key,
      step: 'quarantine',
      attempt,
      state: temporalAttempt === 2 ? 'succeeded' : 'failed',
      output: 'kept',
    });
  }
  const view = waitingView(key);
  const stale: RunView = {
    ...view,
    steps: view.steps.map((step) =>
      step.id === 'quarantine' ? { ...step, state: 'running', attempts: 1 } : step,
    ),
  };
  await saveRun(pool, stale);
  expect((await getRun(pool, key))?.steps.find((step) => step.id === 'quarantine')).toMatchObject({
    state: 'succeeded',
    attempts: 2,
    output: 'kept',
  });
});

test('the same worker asking twice for the same Temporal attempt begins one', async () => {
  const key = keyOf('asked-twice');
  await admitRun(pool, admission(key));
  await twice(async () =>
    expect(await beginAttempt(pool, attemptOf(key, 'restart'))).toEqual({
      attempt: 1,
      lost: 0,
      failed: 0,
      fence: 1,
    }),
  );
  expect(await stateOf('asked-twice', 'restart')).toBe('running');
});

test('an attempt whose worker died is lost, and its late result is refused', async () => {
  const key = keyOf('lost');
  await admitRun(pool, admission(key));
  await beginAttempt(pool, attemptOf(key, 'restart', 1, 'host-a:1'));
  expect(await beginAttempt(pool, attemptOf(key, 'restart', 2, 'host-b:2'))).toEqual({
    attempt: 2,
    lost: 1,
    failed: 0,
    fence: 1,
  });

  expect(
    await endAttempt(pool, {
      key,
      step: 'restart',
      attempt: 1,
      state: 'succeeded',
      output: 'from a zombie',
    }),
  ).toBe(false);
  expect(await stateOf('lost', 'restart')).toBe('running');
  expect(
    await endAttempt(pool, {
      key,
      step: 'restart',
      attempt: 2,
      state: 'succeeded',
      output: { job: 'j-2' },
    }),
  ).toBe(true);
  expect(
    (await getAttempts(pool, key)).map(({ attempt, state, worker, output }) => ({
      attempt,
      state,
      worker,
      output,
    })),
  ).toEqual([
    { attempt: 1, state: 'lost', worker: 'host-a:1', output: null },
    { attempt: 2, state: 'succeeded', worker: 'host-b:2', output: { job: 'j-2' } },
  ]);
});

test('ended twice is ended once; ended otherwise is refused', async () => {
  const key = keyOf('ended-twice');
  await admitRun(pool, admission(key));
  await beginAttempt(pool, attemptOf(key, 'restart'));
  const end = {
    key,
    step: 'restart',
    attempt: 1,
    state: 'succeeded',
    output: { job: 'j-1' },
  } as const;
  await twice(async () => expect(await endAttempt(pool, end)).toBe(true));
  expect(
    await endAttempt(pool, {
      ...end,
      state: 'failed',
      error: { type: 'Unreachable', message: 'too late' },
    }),
  ).toBe(false);
  expect(await stateOf('ended-twice', 'restart')).toBe('succeeded');
});

test('an attempt that can be gone on with is taken over under its number; what the worker before writes is refused', async () => {
  const key = keyOf('taken-over');
  await admitRun(pool, admission(key));
  const resumable = { resumable: true, place: 'here' };
  await beginAttempt(pool, { ...attemptOf(key, 'restart', 1, 'host-a:1'), ...resumable });
  await appendOutput(pool, key, 'restart', 1, [chunkOf(1, 'from the first')], 1);
  const second = await beginAttempt(pool, {
    ...attemptOf(key, 'restart', 2, 'host-a:2'),
    ...resumable,
  });
  expect(second).toEqual({
    attempt: 1,
    lost: 0,
    failed: 0,
    fence: 2,
    resumedFrom: 'here',
    evidence: null,
  });
  const claim = { key, step: 'restart', attempt: 1 };
  expect(await keepEvidence(pool, { ...claim, fence: 1 }, 'of a zombie')).toBe(false);
  expect(await keepEvidence(pool, { ...claim, fence: 2 }, { xid: '7' })).toBe(true);
  expect(await readOutput(pool, key)).toEqual([]);
  expect(
    await beginAttempt(pool, {
      ...attemptOf(key, 'restart', 3, 'host-b:1'),
      ...resumable,
      place: 'elsewhere',
    }),
  ).toMatchObject({
    attempt: 1,
    fence: 3,
    resumedFrom: 'here',
    evidence: { xid: '7' },
  });

  for (const zombie of [1, 2]) {
    await appendOutput(pool, key, 'restart', 1, [chunkOf(zombie, 'from a zombie')], zombie);
    expect(
      await endAttempt(pool, {
        key,
        step: 'restart',
        attempt: 1,
        fence: zombie,
        state: 'succeeded',
        output: 'from a zombie',
      }),
    ).toBe(false);
  }
  await appendOutput(pool, key, 'restart', 1, [chunkOf(1, 'from the last')], 3);
  expect(
    await endAttempt(pool, {
      key,
      step: 'restart',
      attempt: 1,
      fence: 3,
      state: 'succeeded',
      output: 'true',
    }),
  ).toBe(true);
  expect((await readOutput(pool, key)).map(({ bytes }) => bytes.toString())).toEqual([
    'from the last',
  ]);
  expect(await getAttempts(pool, key)).toMatchObject([
    { attempt: 1, state: 'succeeded', output: 'true', worker: 'host-b:1' },
  ]);
});

test('what only its own host can go on with is not taken over by another one, until that host is given up', async () => {
  const key = keyOf('bound');
  await admitRun(pool, admission(key));
  const bound = { resumable: true, hostBound: true };
  const from = (host: string, boot: string, attempt: number) => ({
    ...attemptOf(key, 'restart', attempt, `host-${host}:${attempt}`),
    ...bound,
    place: `${host}/${boot}/pids`,
  });
  await beginAttempt(pool, from('a', 'boot-1', 1));
  const elsewhere = {
    attempt: 1,
    lost: 0,
    failed: 0,
    fence: 1,
    elsewhere: { id: 'a', name: 'host-a' },
  };
  expect(await beginAttempt(pool, from('b', 'boot-1', 2))).toEqual(elsewhere);
  expect(
    await beginAttempt(pool, { ...from('b', 'boot-1', 3), hostGone: 'c', repeatable: true }),
  ).toEqual(elsewhere);
  // The host itself may, also after a reboot: then it says that it cannot know.
  expect(await beginAttempt(pool, from('a', 'boot-2', 4))).toMatchObject({
    fence: 2,
    resumedFrom: 'a/boot-1/pids',
  });
  expect(await beginAttempt(pool, { ...from('b', 'boot-1', 5), hostGone: 'a' })).toMatchObject({
    attempt: 1,
    fence: 3,
    resumedFrom: 'a/boot-1/pids',
  });
  expect(
    await beginAttempt(pool, { ...from('b', 'boot-1', 6), hostGone: 'a', repeatable: true }),
  ).toEqual({
    attempt: 2,
    lost: 1,
    failed: 0,
    fence: 1,
  });
  expect((await getAttempts(pool, key)).map(({ state }) => state)).toEqual(['lost', 'running']);
});

test('what a cancelled step left running is adopted once, and nothing when nothing runs', async () => {
  const key = keyOf('adopted');
  await admitRun(pool, admission(key));
  const at = { key, step: 'restart', worker: 'host-b:1' };
  expect(await adoptAttempt(pool, at)).toEqual({ ran: 0 });
  await beginAttempt(pool, { ...attemptOf(key, 'restart'), place: 'here' });
  expect(await adoptAttempt(pool, at)).toEqual({ attempt: 1, fence: 2, place: 'here' });
  expect(await endAttempt(pool, { key, step: 'restart', attempt: 1, state: 'succeeded' })).toBe(
    false,
  );
  expect(
    await endAttempt(pool, { key, step: 'restart', attempt: 1, fence: 2, state: 'cancelled' }),
  ).toBe(true);
  expect(await adoptAttempt(pool, at)).toEqual({ ran: 1 });
});

test('a step that is done is not begun again: its output comes back', async () => {
  const key = keyOf('done');
  await admitRun(pool, admission(key));
  await beginAttempt(pool, attemptOf(key, 'restart'));
  await endAttempt(pool, {
    key,
    step: 'restart',
    attempt: 1,
    state: 'succeeded',
    output: { job: 'j-1' },
  });
  const again = await beginAttempt(pool, attemptOf(key, 'restart', 2, 'host-b:2'));
  expect(again).toEqual({
    attempt: 1,
    lost: 0,
    failed: 0,
    fence: 1,
    succeeded: { output: { job: 'j-1' } },
  });
  expect(await getAttempts(pool, key)).toHaveLength(1);
});

test('failed attempts are counted and their error is shown while the step goes on', async () => {
  const key = keyOf('failing');
  const error = { type: 'Unreachable' as const, message: 'nobody listens', next: 'Start it.' };
  await admitRun(pool, admission(key));
  for (const [index, state] of (['failed', 'timed-out', 'cancelled'] as const).entries()) {
    const { attempt } = await beginAttempt(pool, attemptOf(key, 'restart', index + 1));
    await endAttempt(pool, { key, step: 'restart', attempt, state, error });
  }
  expect(await beginAttempt(pool, attemptOf(key, 'restart', 4))).toEqual({
    attempt: 4,
    lost: 0,
    failed: 2,
    fence: 1,
  });
  expect((await getRun(pool, key))?.steps.find((step) => step.id === 'restart')).toMatchObject({
    state: 'running',
    attempts: 4,
    error,
  });
});

test('twenty workers begin the same step at once: one attempt runs, all others are lost', async () => {
  const key = keyOf('rush');
  await admitRun(pool, admission(key));
  const begun = await Promise.all(
    Array.from({ length: 20 }, (_, i) =>
      beginAttempt(pool, attemptOf(key, 'restart', 1, `host:${i}`)),
    ),
  );
  expect(begun.map(({ attempt }) => attempt).sort((a, b) => a - b)).toEqual(
    Array.from({ length: 20 }, (_, i) => i + 1),
  );
  const ends = await Promise.all(
    begun.map(({ attempt }) =>
      endAttempt(pool, { key, step: 'restart', attempt, state: 'succeeded' }),
    ),
  );
  expect(ends.filter(Boolean)).toHaveLength(1);
  expect((await getAttempts(pool, key)).filter(({ state }) => state === 'lost')).toHaveLength(19);
});

test('a begin and the late end of the attempt before never both win', async () => {
  const key = keyOf('race');
  await admitRun(pool, admission(key));
  for (let round = 0; round < 40; round += 1) {
    const step = `restart.${round}`;
    await beginAttempt(pool, attemptOf(key, step, 1, 'host-a:1'));
    const [taken, next] = await Promise.all([
      endAttempt(pool, { key, step, attempt: 1, state: 'succeeded', output: round }),
      beginAttempt(pool, attemptOf(key, step, 2, 'host-b:2')),
    ]);
    expect(next.succeeded !== undefined).toBe(taken);
  }
});

test('parts that the plan could not know stand behind their group, and an undo shows at its step', async () => {
  const key = keyOf('parts');
  await admitRun(pool, admission(key));
  await beginAttempt(pool, attemptOf(key, 'identify/jobs'));
  await beginAttempt(pool, attemptOf(key, 'quarantine'));
  await endAttempt(pool, { key, step: 'quarantine', attempt: 1, state: 'succeeded', output: 3 });
  const undo = await beginAttempt(pool, attemptOf(key, 'quarantine.undo'));
  expect((await getRun(pool, key))?.steps.map(({ id, state }) => [id, state])).toEqual([
    ['identify', 'pending'],
    ['identify/jobs', 'running'],
    ['approve', 'pending'],
    ['quarantine', 'undoing'],
    ['restart', 'pending'],
  ]);
  await endAttempt(pool, {
    key,
    step: 'quarantine.undo',
    attempt: undo.attempt,
    state: 'succeeded',
  });
  expect(await stateOf('parts', 'quarantine')).toBe('undone');
  expect(
    (await getAttempts(pool, key)).map(({ step, attempt, undo: back }) => [step, attempt, back]),
  ).toEqual([
    ['identify/jobs', 1, false],
    ['quarantine', 1, false],
    ['quarantine', 1, true],
  ]);
});

test('an attempt that still ran when the run ended is lost', async () => {
  const key = keyOf('closed');
  await admitRun(pool, admission(key));
  await beginAttempt(pool, attemptOf(key, 'restart'));
  await saveRun(pool, endedView(key, 'cancelled'));
  expect((await getAttempts(pool, key))[0]?.state).toBe('lost');
  expect(await endAttempt(pool, { key, step: 'restart', attempt: 1, state: 'succeeded' })).toBe(
    false,
  );
});

test('a decision recorded twice is one row, and closes its gate in the record', async () => {
  const key = keyOf('decided');
  await admitRun(pool, admission(key));
  await saveRun(pool, waitingView(key));
  const rows = [
    {
      envelope: decisionOf('decided', { id: 'd-0', by: 'alice' }),
      verdict: verdictOf('d-0', { accepted: false, code: 'own-request', message: 'no' }),
      receivedAt: startedAt,
    },
    { envelope: decisionOf('decided'), verdict: verdictOf('d-1'), receivedAt: startedAt },
  ];
  await twice(() => recordDecisions(pool, key, rows));
  const view = await getRun(pool, key);
  expect(view).toMatchObject({ state: 'running', waitingFor: [] });
  expect(view?.decisions.map(({ id, by, accepted, code }) => [id, by, accepted, code])).toEqual([
    ['d-0', 'alice', false, 'own-request'],
    ['d-1', 'bob', true, 'accepted'],
  ]);
  expect(view?.steps.find((step) => step.id === 'approve')).toMatchObject({
    state: 'succeeded',
    output: { by: 'bob', reason: 'looks right' },
  });
});

test('a save from before the decision that arrives after it does not open the gate again', async () => {
  const key = keyOf('decided-first');
  await admitRun(pool, admission(key));
  await recordDecisions(pool, key, [
    { envelope: decisionOf('decided-first'), verdict: verdictOf('d-1'), receivedAt: startedAt },
  ]);
  await saveRun(pool, waitingView(key));
  expect(await getRun(pool, key)).toMatchObject({ state: 'running', waitingFor: [] });
  expect(await stateOf('decided-first', 'approve')).toBe('succeeded');
  await saveRun(pool, waitingView(key, 2));
  expect(await getRun(pool, key)).toMatchObject({ state: 'waiting', waitingFor: [waitOf(2)] });
});

test('malformed decisions are recorded with their first 4 KB, whatever they are', async () => {
  const key = keyOf('malformed');
  await admitRun(pool, admission(key));
  const verdict = (id: string) =>
    verdictOf(id, { accepted: false, code: 'malformed', message: 'no decision' });
  const junk = [
    null,
    'text',
    7,
    [1, 2],
    { id: 5, by: { x: 1 } },
    { by: 'm\0allory', nested: 'é'.repeat(9_000), about: { kind: 'gate', id: '\ud800' } },
    { __proto__: null, verb: 'approve' },
  ];
  const rows = junk.map((envelope, i) => ({
    envelope,
    verdict: verdict(`junk-${i}`),
    receivedAt: startedAt,
  }));
  await twice(() => recordDecisions(pool, key, rows));
  expect((await getRun(pool, key))?.decisions).toHaveLength(junk.length);
  const { rows: raw } = await pool.query<{ raw: string; by: string; bytes: number }>(
    `SELECT raw, decided_by AS by, octet_length(raw) AS bytes FROM runbook.decisions WHERE code = 'malformed' ORDER BY no`,
  );
  expect(raw.map((row) => row.raw).slice(0, 4)).toEqual(['null', '"text"', '7', '[1,2]']);
  expect(raw[5]?.by).toBe('m\uFFFDallory');
  expect(Math.max(...raw.map((row) => row.bytes))).toBeLessThanOrEqual(4_096);
  expect(raw[5]?.bytes).toBeGreaterThan(4_000);
});

test('hostile numbers and nesting do not keep a batch from being recorded', async () => {
  const key = keyOf('hostile');
  await admitRun(pool, admission(key));
  let deep: unknown = 0;
  for (let level = 0; level < 200_000; level += 1) deep = [deep];
  const stale = verdictOf('d-1', { accepted: false, code: 'stale', message: 'changed' });
  const malformed = verdictOf('d-2', {
    accepted: false,
    code: 'malformed',
    message: 'no decision',
  });
  await recordDecisions(pool, key, [
    { envelope: decisionOf('hostile', { attempt: 9e15 }), verdict: stale, receivedAt: startedAt },
    { envelope: deep, verdict: malformed, receivedAt: startedAt },
  ]);
  expect((await getRun(pool, key))?.decisions.map(({ code }) => code)).toEqual([
    'stale',
    'malformed',
  ]);
});

test('two different messages under one id are both kept', async () => {
  const key = keyOf('same-id');
  await admitRun(pool, admission(key));
  const refused = verdictOf('d-1', { accepted: false, code: 'stale', message: 'changed' });
  await recordDecisions(pool, key, [
    { envelope: decisionOf('same-id'), verdict: refused, receivedAt: startedAt },
    {
      envelope: decisionOf('same-id', { reason: 'another' }),
      verdict: refused,
      receivedAt: startedAt,
    },
  ]);
  expect((await getRun(pool, key))?.decisions).toHaveLength(2);
});

test('NUL and broken surrogates in text, keys and outputs are replaced, not refused', async () => {
  const key = keyOf('nul');
  const bad = { 'k\0': ['a\0b', '\ud800', { deep: 'x\udc00' }], fine: 'a\\u0000b 😀' };
  const given = admission(key, { reason: 'why\0not' });
  await admitRun(pool, { ...given, view: { ...given.view, inputs: bad } });
  await beginAttempt(pool, { ...attemptOf(key, 'restart'), title: 'T\0' });
  await endAttempt(pool, { key, step: 'restart', attempt: 1, state: 'succeeded', output: bad });
  await saveRun(pool, {
    ...endedView(key),
    inputs: bad,
    outputs: bad,
    problem: { type: 'Error', message: '\0' },
  });
  const clean = { 'k\uFFFD': ['a\uFFFDb', '\uFFFD', { deep: 'x\uFFFD' }], fine: 'a\\u0000b 😀' };
  expect(await getRun(pool, key)).toMatchObject({
    inputs: clean,
    outputs: clean,
    reason: 'why\uFFFDnot',
    problem: { message: '\uFFFD' },
  });
  expect((await getAttempts(pool, key))[0]?.output).toEqual(clean);
});

test('a workflow id used again is another run, and the newest is read', async () => {
  const first = keyOf('reused', 'one');
  const second = keyOf('reused', 'two');
  await admitRun(pool, admission(first));
  await beginAttempt(pool, attemptOf(first, 'restart'));
  await saveRun(pool, endedView(first, 'failed'));
  await admitRun(pool, admission(second, { startedAt: '2026-03-02T02:00:00.000Z' }));
  expect(await getRun(pool, 'reused')).toMatchObject({ firstRunId: 'two', state: 'running' });
  expect(await getRun(pool, first)).toMatchObject({ firstRunId: 'one', state: 'failed' });
  expect(await getAttempts(pool, 'reused')).toEqual([]);
  expect(await getAttempts(pool, first)).toHaveLength(1);
});

test('lists newest first, filtered by state, runbook, target, requester and waiting', async () => {
  const list = async (n: number, over: Partial<RunView>) => {
    const key = keyOf(`list-${n}`);
    await admitRun(
      pool,
      admission(key, { runbook: 'listed', startedAt: `2027-01-0${n}T00:00:00.000Z`, ...over }),
    );
    return key;
  };
  const waiting = await list(1, { targets: ['orders', 'billing'] });
  await saveRun(pool, { ...waitingView(waiting), runbook: 'listed' });
  const failed = await list(2, { requester: 'carol' });
  await saveRun(pool, endedView(failed, 'failed'));
  const running = await list(3, { targets: [] });
  await beginAttempt(pool, attemptOf(running, 'restart'));

  const ids = async (filter: Parameters<typeof listRuns>[1]) =>
    (await listRuns(pool, { runbook: 'listed', ...filter })).map(({ id }) => id);
  expect(await ids({})).toEqual(['list-3', 'list-2', 'list-1']);
  expect(await ids({ limit: 2 })).toEqual(['list-3', 'list-2']);
  expect(await ids({ state: 'failed' })).toEqual(['list-2']);
  expect(await ids({ state: ['failed', 'running'] })).toEqual(['list-3', 'list-2']);
  expect(await ids({ target: 'billing' })).toEqual(['list-1']);
  expect(await ids({ requester: 'carol' })).toEqual(['list-2']);
  expect(await ids({ waiting: true })).toEqual(['list-1']);
  expect(await ids({ target: "x' OR true --" })).toEqual([]);
  expect(await listRuns(pool, { runbook: 'listed', waiting: true })).toMatchObject([
    {
      step: 'approve',
      waitingFor: [{ id: 'approve', since: waitOf().since, command: waitOf().command }],
    },
  ]);
  expect((await listRuns(pool, { runbook: 'listed', state: 'running' }))[0]?.step).toBe('restart');
  expect((await latestRun(pool))?.id).toBe('list-3');
});

test('the history tells start, attempts, wait, decisions and end in order, with what the approver saw', async () => {
  const key = keyOf('story');
  await admitRun(pool, admission(key));
  await saveRun(pool, waitingView(key));
  expect((await history(pool, key)).map(({ kind, state }) => [kind, state])).toEqual([
    ['start', 'running'],
    ['wait', 'waiting'],
  ]);
  await recordDecisions(pool, key, [
    {
      envelope: decisionOf('story', { id: 'd-0', by: 'alice' }),
      verdict: verdictOf('d-0', {
        accepted: false,
        code: 'own-request',
        at: '2026-03-01T02:20:00.000Z',
      }),
      receivedAt: startedAt,
    },
    { envelope: decisionOf('story'), verdict: verdictOf('d-1'), receivedAt: startedAt },
  ]);
  await beginAttempt(pool, attemptOf(key, 'restart', 1, 'host-a:1'));
  await beginAttempt(pool, attemptOf(key, 'restart', 2, 'host-b:2'));
  await endAttempt(pool, { key, step: 'restart', attempt: 2, state: 'succeeded' });
  await beginAttempt(pool, attemptOf(key, 'restart.undo'));
  await saveRun(pool, endedView(key, 'rolled-back', '2099-01-01T00:00:00.000Z'));
  const story = await history(pool, 'story');
  expect(story.map(({ kind, step, state, by }) => [kind, step, state, by])).toEqual([
    ['start', null, 'running', 'alice'],
    ['wait', 'approve', 'approved', 'bob'],
    ['decision', 'approve', 'own-request', 'alice'],
    ['decision', 'approve', 'accepted', 'bob'],
    ['attempt', 'restart', 'lost', null],
    ['attempt', 'restart', 'succeeded', null],
    ['undo', 'restart', 'lost', null],
    ['end', null, 'rolled-back', null],
  ]);
  expect(story[1]).toMatchObject({
    evidence: waitOf().evidence,
    at: waitOf().since,
    until: '2026-03-01T02:30:00.000Z',
  });
});

function chunkOf(seq: number, text: string): OutputChunk {
  return { stream: 'stdout', seq, at: startedAt, bytes: Buffer.from(text) };
}
