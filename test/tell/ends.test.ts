import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { RunKey } from '../../common/keys.js';
import type { RunView } from '../../common/view.js';
import { closeRun, saveRun } from '../../store/index.js';
import { until } from '../../lab/until.js';
import { endedView, leavingView, waitingView } from '../store/fixtures.js';
import { Receiver, type Received } from './receiver.js';
import { TellWorld, webhook } from './world.js';

/*
 * What an ended run has left is told once, whether it had asked anybody or not.
 */

let world: TellWorld;
let receiver: Receiver;
let answer: (message: Received) => Promise<number> = () => Promise.resolve(200);

beforeAll(async () => {
  receiver = await Receiver.start((message) => answer(message));
  world = await TellWorld.start({ oncall: webhook(receiver.address) });
  world.tell({ notify: ['oncall'] });
}, 60_000);
afterAll(async () => {
  await world?.stop();
  await receiver?.stop();
});

const now = (): string => new Date().toISOString();
const about = ({ run }: RunKey): Received[] =>
  receiver.about(run).filter(({ what }) => what === 'left');

/** A run that ends without having asked anybody. */
async function ended(view: (key: RunKey) => RunView): Promise<RunKey> {
  const key = await world.waits({}, { waitingFor: [], state: 'running' });
  await world.save(view(key));
  return key;
}

/** All that was due by now is sent. */
async function quiet(): Promise<void> {
  await until('all to be told', async () => {
    // The longer a message could not be told, the later it is tried again.
    await world.pool.query('UPDATE runbook.messages SET due_at = now() WHERE sent_at IS NULL');
    const { rows } = await world.pool.query<{ due: number }>(
      `SELECT (SELECT count(*) FROM runbook.messages WHERE sent_at IS NULL AND dropped_at IS NULL)
         + (SELECT count(*) FROM runbook.ends WHERE told_at IS NULL AND over_at IS NULL) AS due`,
    );
    return Number(rows[0]?.due) === 0;
  });
}

test('it says what is left, how to take it back and why it ended; once, also when the end is saved again', async () => {
  const key = await ended((run) => ({
    ...leavingView(run, now()),
    problem: { type: 'Error', message: 'exit 1', next: 'Look', command: `logs ${run.run}` },
  }));
  const [message] = await until('the message', () => {
    const found = about(key);
    return Promise.resolve(found.length > 0 && found);
  });
  expect(message).toMatchObject({
    ...{ what: 'left', again: false, commands: [], form: null, ack: null, over: null },
    left: [
      { step: 'quarantine', what: 'left as it is', how: 'by hand: puts the rows back' },
      { step: 'restart', what: 'left as it is', how: 'by hand: stops the job' },
    ],
    end: { state: 'failed', why: `exit 1. Look with: runbook logs ${key.run}` },
  });
  for (const { step, title, what, how } of message?.left ?? [])
    expect(message?.text.replace(/\s+/g, ' ')).toContain(`${step} (${title}) ${what}; ${how}`);
  await world.save(leavingView(key, now()));
  await quiet();
  expect(about(key)).toHaveLength(1);
});

test('those who were asked are told how it ended, after what they were asked is over', async () => {
  const told = ({ run }: RunKey) => receiver.about(run).map(({ what }) => what);
  const key = await world.waits();
  await until('it to be asked', () => Promise.resolve(told(key).includes('asked')));
  await world.decides(key);
  await world.save(endedView(key, 'succeeded', now()));
  await until('its end', () => Promise.resolve(told(key).includes('ended')));
  await quiet();
  expect(told(key)).toEqual(['asked', 'over', 'ended']);
  const [, over, ended] = receiver.about(key.run);
  expect(over?.over?.then).toMatch(/^it (goes on|has ended: succeeded)$/);
  expect(ended).toMatchObject({ left: [], end: { state: 'succeeded' }, startAgain: null });
  expect(ended?.text).toContain('The run has ended: succeeded.');
});

test.each<[string, (key: RunKey) => RunView]>([
  ['that went well', (key) => ({ ...leavingView(key, now()), state: 'succeeded' })],
  ['that began no change', (key) => endedView(key, 'failed', now())],
  [
    'that undid everything',
    (key) => {
      const view = leavingView(key, now());
      const steps = view.steps.map((step) => ({ ...step, state: 'undone' as const }));
      return { ...view, state: 'rolled-back', steps };
    },
  ],
])('nobody is told of a run %s', async (_how, view) => {
  const key = await ended(view);
  await quiet();
  expect(receiver.about(key.run)).toEqual([]);
});

test('a run that was ended behind its back is told of, too', async () => {
  const key = await world.waits();
  await world.save({ ...leavingView(key), state: 'running', endedAt: null });
  const { rows } = await world.pool.query<{ execution: string | null }>(
    'SELECT execution FROM runbook.runs WHERE run = $1',
    [key.run],
  );
  await closeRun(world.pool, key, {
    ...{ state: 'terminated', endedAt: now(), missing: false },
    problem: () => ({ type: 'Terminated', message: 'ended in a test' }),
    execution: rows[0]?.execution ?? null,
  });
  const [message] = await until('the message', () => {
    const found = about(key);
    return Promise.resolve(found.length > 0 && found);
  });
  expect(message).toMatchObject({ end: { state: 'terminated' }, left: [{}, {}] });
});

test('an end that was none is not told any more; the next one is told anew', async () => {
  const executions = ['one', 'two'].map((runId, at) => ({
    runId,
    at: new Date(Date.parse('2026-03-01T02:00:00Z') + at * 1_000).toISOString(),
  }));
  let taken = 0;
  answer = () => Promise.resolve((taken += 1) && 503);
  const key = await world.waits({}, { waitingFor: [], state: 'running' });
  await saveRun(world.pool, waitingView(key), executions[0]);
  await saveRun(world.pool, leavingView(key, now()), executions[0]);
  await until('a try', () => Promise.resolve(taken > 0));
  // After a reset it goes on.
  await saveRun(world.pool, { ...waitingView(key), waitingFor: [] }, executions[1]);
  answer = () => Promise.resolve(200);
  await quiet();
  expect(about(key)).toEqual([]);
  await saveRun(world.pool, leavingView(key, now()), executions[1]);
  await until('the message', () => Promise.resolve(about(key).length > 0));
  await quiet();
  expect(about(key)).toHaveLength(1);
});
