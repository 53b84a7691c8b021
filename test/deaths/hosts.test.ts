import { readFile } from 'node:fs/promises';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import type { WorkflowHandle } from '@temporalio/client';
import { getAttempts } from '../../store/index.js';
import { stretched } from '../../embedded/pace.js';
import { Engine } from '../helpers/engine.js';
import { until } from '../../lab/until.js';
import { go, isAlive, untilGo } from '../helpers/shell.js';

/**
 * Milliseconds that the host gets: more than enough for a worker there to start; just enough, as it
 * is lost later; or short, where nobody comes.
 */
const waits = { back: 600_000, lostAgain: stretched(10_000), gone: stretched(3_000) };

/** Of `temporal.api.enums.v1.PendingActivityState`. */
const started = 2;

interface Stranded {
  run: WorkflowHandle;
  /** One line for each time that the command was begun: its process id. */
  file: string;
}

describe('commands whose worker dies while only a worker of another host lives', () => {
  let engine: Engine;
  const begun: string[] = [];
  beforeAll(async () => {
    engine = await Engine.start({ later: true });
  }, 60_000);
  afterEach(async () => {
    await loseAll();
    for (const file of begun.splice(0))
      (await pids(file)).filter(isAlive).forEach((pid) => process.kill(-pid, 'SIGKILL'));
  });
  afterAll(() => engine?.stop());

  async function loseAll(): Promise<void> {
    for (const worker of [...engine.workers]) await engine.loseWorker(worker);
  }

  let hostWaitMs: number;
  const startWorker = (host: string) =>
    engine.startWorker({
      RUNBOOK_JOURNALS: engine.path(`host-${host}`),
      RUNBOOK_HOST_WAIT_MS: String(hostWaitMs),
    });
  const pids = async (file: string): Promise<number[]> =>
    (await readFile(file, 'utf8').catch(() => '')).split('\n').filter(Boolean).map(Number);
  /**
   * The step, or undefined while nobody answers: a query may meet the queue of a worker that just
   * died.
   */
  const step = async (run: WorkflowHandle) =>
    (await engine.status(run).catch(() => undefined))?.steps[0];
  const attempts = async (run: WorkflowHandle) =>
    (await getAttempts(engine.pool, run.workflowId)).map(
      ({ attempt, state }) => `${attempt} ${state}`,
    );
  const cancel = (run: WorkflowHandle) =>
    engine.send(run, {
      ...{ version: 1, id: `cancel-${run.workflowId}`, run: run.workflowId },
      ...{ verb: 'cancel', by: 'requester', reason: 'wrong night' },
    });

  const isTaken = async (run: WorkflowHandle) =>
    (await run.describe()).raw.pendingActivities?.some(({ state }) => Number(state) === started);

  async function start(name: string, script: string, idempotent = false): Promise<Stranded> {
    const file = engine.path(`${name}.txt`);
    const work = JSON.stringify(['/bin/sh', '-c', `echo $$ >> "$1"; ${script}`, 'sh', file]);
    const run = await engine.run('test-host', { work, idempotent });
    begun.push(file);
    await until('the command', async () => (await pids(file)).length === 1);
    return { run, file };
  }

  /**
   * The worker that began them, on host a, dies; the one of host b has found out whose they are.
   */
  async function strand(commands: () => Promise<Stranded[]>): Promise<Stranded[]> {
    const there = await startWorker('a');
    const stranded = await commands();
    await startWorker('b');
    await engine.loseWorker(there);
    await Promise.all(
      stranded.map(({ run }) =>
        until(
          'host b to see whose it is',
          async () => (await step(run))?.error?.type === 'OnAnotherHost',
          30_000,
        ),
      ),
    );
    return stranded;
  }

  test('a worker of that host comes back: it goes on with them, and nothing was begun elsewhere', async () => {
    hostWaitMs = waits.back;
    const [back, cancelled] = (await strand(() =>
      Promise.all([
        start('back', `${untilGo}; echo done`),
        start('cancelled', 'sleep infinity & wait'),
      ]),
    )) as [Stranded, Stranded];
    expect((await step(back.run))?.error?.message).toMatch(
      /was started on .*, and waits for a worker there/,
    );
    await startWorker('a');

    expect((await cancel(cancelled.run)).accepted).toBe(true);
    expect((await engine.ended(cancelled.run)).state).toBe('cancelled');
    expect((await pids(cancelled.file)).filter(isAlive)).toEqual([]);

    await go(back.file);
    expect(await engine.ended(back.run)).toMatchObject({
      state: 'succeeded',
      steps: [{ attempts: 1, error: null, output: { stdout: 'done\n' } }],
    });
    expect(await attempts(back.run)).toEqual(['1 succeeded']);
    expect(await pids(back.file)).toHaveLength(1);
  }, 120_000);

  test('a worker of that host comes back, and is lost again: unknown', async () => {
    hostWaitMs = waits.lostAgain;
    const [again] = (await strand(async () => [await start('again', 'sleep infinity')])) as [
      Stranded,
    ];
    const there = await startWorker('a');
    await until('that worker to go on with it', () => isTaken(again.run));
    await engine.loseWorker(there);
    expect((await engine.waiting(again.run)).kind).toBe('failure');
    expect(await step(again.run)).toMatchObject({ state: 'unknown' });
    expect(await pids(again.file)).toHaveLength(1);
    await again.run.terminate();
  }, 120_000);

  test('nobody of that host comes back: unknown, unless it may be done twice', async () => {
    hostWaitMs = waits.gone;
    const [gone, idempotent, cancelled] = (await strand(() =>
      Promise.all([
        start('gone', 'sleep infinity'),
        start('idempotent', '[ "$(wc -l < "$1")" -gt 1 ] || sleep infinity', true),
        start('left', 'exec sleep infinity'),
      ]),
    )) as [Stranded, Stranded, Stranded];
    expect((await cancel(cancelled.run)).accepted).toBe(true);

    expect((await engine.waiting(gone.run)).kind).toBe('failure');
    expect(await step(gone.run)).toMatchObject({
      state: 'unknown',
      error: { type: 'OutcomeUnknown' },
    });
    expect(await attempts(gone.run)).toEqual(['1 unknown']);
    expect(await pids(gone.file)).toHaveLength(1);
    await gone.run.terminate();

    expect((await engine.ended(idempotent.run)).state).toBe('succeeded');
    expect(await attempts(idempotent.run)).toEqual(['1 lost', '2 succeeded']);
    expect(await pids(idempotent.file)).toHaveLength(2);

    // The run ends, and says where something may still run.
    expect(await engine.ended(cancelled.run)).toMatchObject({
      state: 'cancelled',
      steps: [{ state: 'unknown' }],
    });
    expect((await pids(cancelled.file)).filter(isAlive)).toHaveLength(1);
  }, 120_000);
});
