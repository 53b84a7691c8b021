import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { verbsFor } from '../../common/questions.js';
import type { RunKey } from '../../common/keys.js';
import {
  claimMessages,
  failingChannels,
  saveRun,
  takeCalls,
  toldOf,
  untoldCalls,
  untoldRuns,
} from '../../store/index.js';
import { until } from '../../lab/until.js';
import { admission, endedView, waitingView, waitOf } from '../store/fixtures.js';
import { Receiver, type Received } from './receiver.js';
import { taskQueue, TellWorld, webhook } from './world.js';

let world: TellWorld;
let receiver: Receiver;
let answer: (message: Received) => Promise<number>;

beforeAll(async () => {
  receiver = await Receiver.start((message) => answer(message));
  world = await TellWorld.start({ oncall: webhook(receiver.address) });
}, 60_000);
beforeEach(() => {
  answer = () => Promise.resolve(200);
});
afterEach(async () => {
  await world.quiet();
  await world.pool.query('TRUNCATE runbook.runs CASCADE');
});
afterAll(async () => {
  await world?.stop();
  await receiver?.stop();
});

const notify = ['oncall'];
const ours = { taskQueue, namespaceId: 'here' };

function messages({ run }: RunKey, count: number): Promise<Received[]> {
  return until(`${count} messages`, () => {
    const found = questionsOf(run);
    return Promise.resolve(found.length >= count && found);
  });
}

const kinds = (found: readonly Received[]): string[] => found.map(({ what }) => what);
const soon = (ms: number): string => new Date(Date.now() + ms).toISOString();

describe('reminders', () => {
  test('come until somebody has taken it; who has it stands in the messages that follow', async () => {
    const key = await world.waits({ deadline: soon(8_000) });
    world.tell({ notify, remindEveryMs: 300 });
    const [asked, first, second] = await messages(key, 3);
    expect([asked?.what, asked?.taken]).toEqual(['asked', null]);
    expect([first?.what, first?.number, second?.number]).toEqual(['reminder', 1, 2]);
    expect(first?.first).toBe(asked?.id);

    expect((await takeCalls(world.pool, key.run, { by: 'ada' }))?.taken).toMatchObject([
      { call: 'approve', before: null },
    ]);
    const later = await until('the deadline to be near', () => {
      const found = receiver.about(key.run).filter(({ what }) => what === 'deadline');
      return Promise.resolve(found.length > 0 && found);
    });
    expect(later).toMatchObject([{ taken: { by: 'ada' }, ack: null }]);
    expect(later[0]?.text).toContain('ada has it since ');
    // Of those that were on their way when it was taken, one at most.
    const reminders = receiver.about(key.run).filter(({ what }) => what === 'reminder');
    expect(reminders.filter(({ taken }) => taken !== null).length).toBeLessThanOrEqual(1);
    expect(await toldOf(world.pool, key)).toMatchObject([
      { channel: 'oncall', taken: { by: 'ada' }, error: null },
    ]);
    expect(await takeCalls(world.pool, key.run, { by: 'bob' })).toMatchObject({
      ...{ taken: [{ before: 'ada' }], refused: [] },
    });
  }, 60_000);

  test('nobody can take what waits for nobody', async () => {
    const key = await world.waits();
    await world.decides(key);
    expect(await takeCalls(world.pool, key.run, { by: 'ada' })).toEqual({ taken: [], refused: [] });
    expect(await takeCalls(world.pool, 'no-such-run', { by: 'ada' })).toBeNull();
  });
});

describe('when it is over', () => {
  test.each([
    ['approved', { reason: 'looks right' }, { how: 'approved', by: 'bob', reason: 'looks right' }],
    [
      'cancelled as a whole',
      { verb: 'cancel', about: undefined, attempt: undefined, reason: 'not tonight' },
      { how: 'cancelled', by: 'bob', reason: 'not tonight' },
    ],
  ])('%s: told once, by whom and why', async (_how, decision, over) => {
    const key = await world.waits();
    world.tell({ notify });
    await messages(key, 1);
    await world.decides(key, decision as never);
    if (over.how === 'cancelled')
      await world.save({ ...endedView(key, 'cancelled', soon(0)), steps: [] });
    expect((await messages(key, 2))[1]).toMatchObject({ what: 'over', over, commands: [] });
  });

  test('a deadline that passed, a run that ended behind its back', async () => {
    const since = new Date(Date.now() - 60_000).toISOString();
    const late = await world.waits({ since, deadline: soon(-100) });
    const gone = await world.waits();
    world.tell({ notify });
    await Promise.all([messages(late, 1), messages(gone, 1)]);
    await world.save({ ...endedView(late, 'rejected', soon(0)), steps: [] });
    await world.save({ ...endedView(gone, 'terminated', soon(0)), steps: [] });
    expect((await messages(late, 2))[1]?.over?.how).toBe('nobody answered before its deadline');
    expect((await messages(gone, 2))[1]?.over?.how).toBe('the run has ended: terminated');
  });

  test('what was answered before anybody was told is not told at all', async () => {
    const key = await world.waits();
    await world.decides(key);
    const other = await world.waits();
    world.tell({ notify });
    await messages(other, 1);
    expect(receiver.about(key.run)).toEqual([]);
  });

  test('an answer between claim and sending: nothing is sent', async () => {
    const key = await world.waits();
    const client = await world.pool.connect();
    try {
      // The teller reads the steps when it has claimed the message, right before it sends.
      await client.query('BEGIN; LOCK TABLE runbook.steps IN ACCESS EXCLUSIVE MODE');
      world.tell({ notify });
      await until('the claim', async () => (await claims()).length > 0);
      await client.query('UPDATE runbook.waits SET closed_at = clock_timestamp()');
      await client.query('COMMIT');
    } finally {
      client.release();
    }
    await until('the message to be dropped', async () => {
      const { rows } = await world.pool.query<{ dropped_at: Date | null }>(
        'SELECT dropped_at FROM runbook.messages',
      );
      return rows.length === 1 && rows[0]?.dropped_at;
    });
    expect(receiver.about(key.run)).toEqual([]);
  });

  test('what is asked next is told after it, also by a channel that takes its time', async () => {
    const key = await world.waits();
    world.tell({ notify });
    await messages(key, 1);
    answer = ({ what }) =>
      new Promise((done) => setTimeout(() => done(200), what === 'over' ? 300 : 0));
    await world.decides(key);
    const next = { ...waitOf(), id: 'next', digest: 'next', since: soon(0) };
    await world.save({ ...waitingView(key), waitingFor: [next] });
    const told = await messages(key, 3);
    expect(told.map(({ what, call }) => [what, call.id])).toEqual([
      ['asked', 'approve'],
      ['over', 'approve'],
      ['asked', 'next'],
    ]);
  });

  test('a run that goes on after a reset asks again', async () => {
    const key = await world.waits();
    world.tell({ notify });
    await messages(key, 1);
    await world.save({ ...endedView(key, 'terminated', soon(0)), steps: [] });
    await messages(key, 2);
    await world.pool.query('UPDATE runbook.runs SET ended_at = NULL');
    await world.pool.query('UPDATE runbook.waits SET closed_at = NULL');
    const [asked, , again] = await messages(key, 3);
    expect(kinds(questionsOf(key.run))).toEqual(['asked', 'over', 'asked']);
    expect(again?.id).not.toBe(asked?.id);
  });
});

async function claims(): Promise<unknown[]> {
  const { rows } = await world.pool.query<object>(
    'SELECT FROM runbook.messages WHERE claimed_by IS NOT NULL AND sent_at IS NULL',
  );
  return rows;
}

describe('a channel that fails', () => {
  test('is tried again, is seen meanwhile, and what may have arrived says so', async () => {
    answer = () => Promise.resolve(503);
    const key = await world.waits();
    world.tell({ notify });
    const [failing] = await until('it to be seen', async () => {
      const found = await failingChannels(world.pool);
      return found.length > 0 && found;
    });
    expect(failing).toMatchObject({ channel: 'oncall', messages: 1, error: 'it answered 503' });
    expect(await toldOf(world.pool, key)).toMatchObject([
      { toldAt: null, error: 'it answered 503' },
    ]);
    answer = () => Promise.resolve(200);
    const [message] = await messages(key, 1);
    expect(message).toMatchObject({ what: 'asked', again: true });
    expect(message?.text).toMatch(/^Again: Needed: /);
    await until('it to be well', async () => (await failingChannels(world.pool)).length === 0);
  });

  test('that cannot be reached got nothing: the next try is the first', async () => {
    const closed = await Receiver.start();
    const { address } = closed;
    await closed.stop();
    await world.declare({ oncall: webhook(address) });
    const key = await world.waits();
    world.tell({ notify });
    await until('it to be seen', async () => (await failingChannels(world.pool)).length > 0);
    expect((await failingChannels(world.pool))[0]?.error).toBe('nobody answers (ECONNREFUSED)');
    await world.declare({ oncall: webhook(receiver.address) });
    expect((await messages(key, 1))[0]).toMatchObject({ again: false });
  });

  test('that does not answer in time is tried again, and holds no other up', async () => {
    const slow = await Receiver.start(() => new Promise(() => undefined));
    try {
      await world.declare({ slow: webhook(slow.address), oncall: webhook(receiver.address) });
      for (let count = 0; count < 6; count += 1) await world.waits();
      const key = await world.waits();
      world.tell({ notify: ['slow', 'oncall'], timeoutMs: 400 });
      await messages(key, 1);
      const [failing] = await until('it to be seen', async () => {
        const found = await failingChannels(world.pool);
        return found.length > 0 && found;
      });
      expect(failing).toMatchObject({ channel: 'slow', error: 'it did not answer in time' });
    } finally {
      await world.quiet();
      await slow.stop();
      await world.declare({ oncall: webhook(receiver.address) });
    }
  });
});

describe('who tells whom', () => {
  test('the runbook before its targets, its targets before the workers', async () => {
    const hook = (name: string) => webhook(`${receiver.address}?${name}`);
    const orders = { kind: 'pipeline', environment: 'production', notify: ['of-target'] };
    const all = { 'of-runbook': hook('r'), 'of-target': hook('t'), 'of-worker': hook('w') };
    const told = async (targets: object, runbookNotify?: string[]): Promise<(string | null)[]> => {
      await world.declare({ ...all, ...targets });
      const key = await world.waits();
      const catalogue = [{ id: 'pipeline-recovery', notify: runbookNotify }] as never;
      world.tell({ notify: ['of-worker'], catalogue });
      await messages(key, 1);
      await world.quiet();
      return (await toldOf(world.pool, key)).map(({ channel }) => channel);
    };
    expect(await told({})).toEqual(['of-worker']);
    expect(await told({ orders })).toEqual(['of-target']);
    expect(await told({ orders }, ['of-runbook'])).toEqual(['of-runbook']);
    await world.declare({ oncall: webhook(receiver.address) });
  });

  test('nobody, when nothing names a channel: that is seen', async () => {
    const key = await world.waits();
    world.tell();
    expect(await until('it to be seen', () => untoldRuns(world.pool, 1))).toEqual([key.run]);
    expect(await toldOf(world.pool, key)).toMatchObject([{ channel: null, toldAt: null }]);
  });

  test('workers of another queue or namespace do not know the channels of a run', async () => {
    const key = await world.waits();
    for (const change of [{ taskQueue: 'another' }, { namespaceId: 'another' }])
      expect(await untoldCalls(world.pool, { ...ours, ...change })).toEqual([]);
    expect(await untoldCalls(world.pool, ours)).toMatchObject([{ call: 'approve' }]);
    world.tell({ notify: ['missing'] });
    await until('a message', async () => (await failingChannels(world.pool)).length > 0);
    await world.quiet();
    await world.pool.query('UPDATE runbook.messages SET due_at = now()');
    const claim = { worker: 'x', claimMs: 1_000, limit: 9, busy: [] };
    for (const change of [{ taskQueue: 'another' }, { namespaceId: 'another' }])
      expect(await claimMessages(world.pool, { ...ours, ...change }, claim)).toEqual([]);
    expect(await claimMessages(world.pool, ours, claim)).toMatchObject([{ channel: 'missing' }]);
    expect(await toldOf(world.pool, key)).toMatchObject([
      { error: 'targets.yaml of this worker declares no channel missing' },
    ]);
  });

  test('a run that waits for another one needs nobody', async () => {
    const key = await world.waits({ kind: 'lease', id: 'target:orders' });
    const other = await world.waits();
    world.tell({ notify });
    await messages(other, 1);
    expect(receiver.about(key.run)).toEqual([]);
  });
});

test('many tellers at once tell everything once', async () => {
  const keys = [];
  for (let count = 0; count < 20; count += 1) keys.push(await world.waits());
  for (let count = 0; count < 4; count += 1) world.tell({ notify, everyMs: 20 });
  await Promise.all(keys.map((key) => messages(key, 1)));
  await Promise.all(keys.map((key) => world.decides(key)));
  await Promise.all(keys.map((key) => messages(key, 2)));
  const found = keys.flatMap(({ run }) => receiver.about(run));
  expect(found).toHaveLength(40);
  expect(found.filter(({ again }) => again)).toEqual([]);
}, 60_000);

test('a run of an earlier release, of which the record has no plan', async () => {
  const key = { run: 'old-run', firstRunId: 'first' };
  const { view } = admission(key);
  const wait = { since: soon(0), deadline: null, who: 'an operator', attempt: 1, digest: 'd' };
  const answers = { deciders: 'anyone' as const, verbs: verbsFor('failure') };
  const waitingFor = [
    {
      kind: 'failure' as const,
      id: 'restart',
      title: 'It failed',
      ...wait,
      ...answers,
      evidence: {},
      command: "runbook retry old-run restart --reason '…'",
    },
  ];
  await saveRun(world.pool, { ...view, state: 'needs-operator', waitingFor });
  world.tell({ notify });
  const [message] = await messages(key, 1);
  expect(message?.targets).toEqual([{ name: 'orders', environment: '' }]);
  expect(message?.commands.map(({ command }) => command)).toEqual(
    ['retry', 'skip', 'done', 'rollback', 'abort'].map(
      (verb) => `runbook ${verb} old-run restart --digest d`,
    ),
  );
});

/** What was told of its questions; how it ended is told besides, and tested in ends.test.ts. */
function questionsOf(run: string): Received[] {
  return receiver.about(run).filter(({ what }) => what !== 'ended');
}
