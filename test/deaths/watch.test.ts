import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { WorkflowHandle } from '@temporalio/client';
import type { RunView } from '../../common/view.js';
import { getAttempts, getRun } from '../../store/index.js';
import { TemporalRuns, type TemporalState } from '../../worker/temporal-runs.js';
import { RecordKeeper, type RecordKeeperDeps } from '../../worker/record-keeper.js';
import { Proxy } from '../cli/proxy.js';
import { Engine } from '../helpers/engine.js';
import { until } from '../../lab/until.js';
import { go, isAlive, nothing, sh, untilGo } from '../helpers/shell.js';

const watchMs = 500;

let engine: Engine;
beforeAll(async () => {
  engine = await Engine.start({ workers: 1, settings: { RUNBOOK_WATCH_MS: String(watchMs) } });
}, 60_000);
afterAll(() => engine?.stop());

const text = (file: string): Promise<string> => readFile(file, 'utf8').catch(() => '');
const lines = async (file: string): Promise<string[]> =>
  (await text(file)).split('\n').filter(Boolean);
const recorded = (run: string): Promise<RunView | null> => getRun(engine.pool, run);

function ended(handle: WorkflowHandle): Promise<RunView> {
  return until(
    'the record to know of the end',
    async () => {
      const view = await recorded(handle.workflowId);
      return view?.endedAt ? view : undefined;
    },
    30_000,
  );
}

async function gated(first_change = true): Promise<{ handle: WorkflowHandle; journal: string }> {
  const journal = engine.path(`${randomUUID()}.txt`);
  const handle = await engine.run('test-gated', { journal, last: nothing, first_change });
  await engine.waiting(handle);
  return { handle, journal };
}

/**
 * Resets to the end of a workflow task.
 * @param pick chooses among the event ids of the tasks that were completed
 */
async function reset(run: string, pick: (finished: number[]) => number | undefined): Promise<void> {
  const handle = engine.client.workflow.getHandle(run);
  const { runId } = await handle.describe();
  const { events } = await handle.fetchHistory();
  const finished = (events ?? []).flatMap((each) =>
    each.workflowTaskCompletedEventAttributes ? [Number(each.eventId)] : [],
  );
  await engine.client.workflowService.resetWorkflowExecution({
    namespace: 'default',
    workflowExecution: { workflowId: run, runId },
    reason: 'the test wants it again',
    workflowTaskFinishEventId: pick(finished) as never,
    requestId: randomUUID(),
  });
}

/** Three processes, one in a session of its own. */
const tree = (stubborn: string) =>
  `${stubborn}echo $$ >> "$1"; (exec sleep infinity) & echo $! >> "$1"; setsid sh -c 'echo $$ >> "$1"; exec sleep infinity' sh "$1" & wait`;
/** A process that has ended and that nobody has collected yet is not alive. */
const alive = async (file: string): Promise<string[]> => (await lines(file)).filter(isAlive);

describe('a run that was ended behind our back', () => {
  test.each([
    ['its worker alive', "trap '' TERM; "],
    ['its worker killed', ''],
  ])(
    'terminated, %s: closed in words, its command ended with its whole tree',
    async (how, stubborn) => {
      const pids = engine.path(`${randomUUID()}.txt`);
      const handle = await engine.run('test-commands', {
        first: sh(tree(stubborn), pids),
        second: nothing,
      });
      await until('the tree', async () => (await lines(pids)).length === 3);
      const at = performance.now();
      if (how.endsWith('killed')) await engine.workers[0]!.kill9();
      await handle.terminate('wrong cluster');
      if (how.endsWith('killed')) await engine.killWorker();
      const view = await ended(handle);
      expect(view).toMatchObject({
        state: 'terminated',
        waitingFor: [],
        steps: [{ state: 'unknown' }, { state: 'pending' }],
      });
      expect(view.problem?.message).toMatch(
        /^the run was terminated in Temporal by .+, reason given: wrong cluster; when it ended, first \(First command\) on \S+ was running/,
      );
      expect(view.problem?.command).toBe(`start --from ${handle.workflowId}`);
      await until('the tree to end', async () => (await alive(pids)).length === 0, 20_000);
      expect(performance.now() - at).toBeLessThan(60_000);
      const attempts = await until('the attempt to be closed', async () => {
        const [attempt, ...more] = await getAttempts(engine.pool, handle.workflowId);
        return attempt?.error ? [attempt, ...more] : undefined;
      });
      expect(attempts).toMatchObject([
        { state: 'cancelled', error: { message: expect.stringContaining('its run was over') } },
      ]);
    },
    60_000,
  );

  test('deleted while it waited at a gate', async () => {
    const { handle } = await gated();
    await engine.client.workflowService.deleteWorkflowExecution({
      namespace: 'default',
      workflowExecution: { workflowId: handle.workflowId },
    });
    const view = await ended(handle);
    expect(view).toMatchObject({
      state: 'terminated',
      waitingFor: [],
      steps: [
        { state: 'succeeded' },
        { state: 'pending' },
        { state: 'pending' },
        { state: 'pending' },
      ],
    });
    expect(view.problem?.message).toContain('Temporal no longer has this run');
  }, 60_000);

  test('its id used again by another run: each has its own end', async () => {
    const { handle } = await gated();
    await handle.terminate();
    await engine.client.workflow.start('test-gated', {
      workflowId: handle.workflowId,
      taskQueue: engine.taskQueue,
      args: [
        engine.envelope(
          'test-gated',
          { journal: engine.path('again.txt'), last: nothing },
          handle.workflowId,
        ),
      ],
    });
    await until('the first one to be closed', async () => {
      const { rows } = await engine.pool.query<{ state: string }>(
        'SELECT state FROM runbook.runs WHERE run = $1 ORDER BY started_at',
        [handle.workflowId],
      );
      return rows.length === 2 && rows[0]?.state === 'terminated' && rows[1]?.state === 'waiting';
    });
    await engine.client.workflow.getHandle(handle.workflowId).terminate();
    await ended(handle);
  }, 60_000);
});

describe('a run that was reset', () => {
  test('in the middle of a command: it is handed over, and runs once', async () => {
    const [started, done] = [engine.path('reset-started.txt'), engine.path('reset-done.txt')];
    const handle = await engine.run('test-commands', {
      first: sh(`echo x >> "$1"; ${untilGo}; echo x >> "$2"`, started, done),
      second: nothing,
    });
    await until('the command', async () => (await lines(started)).length === 1, 20_000);
    await reset(handle.workflowId, (finished) => finished.at(-1));
    await go(started);
    const view = await ended(handle);
    expect(view).toMatchObject({
      state: 'succeeded',
      steps: [{ attempts: 1, state: 'succeeded' }, { state: 'succeeded' }],
    });
    expect([await lines(started), await lines(done)]).toEqual([['x'], ['x']]);
  }, 60_000);

  test('after it was terminated and closed: open again under the same key, and what succeeded is not done twice', async () => {
    const { handle, journal } = await gated();
    await handle.terminate('by mistake');
    expect((await ended(handle)).state).toBe('terminated');
    await reset(handle.workflowId, ([first]) => first);
    const again = engine.client.workflow.getHandle(handle.workflowId);
    await engine.waiting(again);
    await until(
      'the record to be open again',
      async () => (await recorded(handle.workflowId))?.waitingFor.length === 1,
    );
    expect((await engine.send(again, await engine.decision(again))).accepted).toBe(true);
    const view = await ended(again);
    expect(view).toMatchObject({ state: 'succeeded', problem: null });
    expect(await lines(journal)).toEqual(['before', 'after']);
    const { rows } = await engine.pool.query('SELECT FROM runbook.runs WHERE run = $1', [
      handle.workflowId,
    ]);
    expect(rows).toHaveLength(1);
  }, 60_000);

  test('after its changes were undone: they are made again, once, and can be undone again', async () => {
    const { handle, journal } = await gated();
    await engine.send(handle, await engine.decision(handle, { verb: 'reject', reason: 'no' }));
    expect((await ended(handle)).state).toBe('rejected');
    await reset(handle.workflowId, ([first]) => first);
    // The rejection came before the gate that is open now: it does not count.
    const again = engine.client.workflow.getHandle(handle.workflowId);
    await engine.send(again, await engine.decision(again, { verb: 'reject', reason: 'still no' }));
    await engine.ended(again);
    expect((await ended(again)).steps[0]?.state).toBe('undone');
    expect(await lines(journal)).toEqual(['before', 'undo before', 'before', 'undo before']);
  }, 60_000);

  test('to a wait, where it says nothing by itself: the record learns of it', async () => {
    const { handle } = await gated(false);
    await engine.send(handle, await engine.decision(handle, { verb: 'reject', reason: 'no' }));
    expect((await ended(handle)).state).toBe('rejected');
    const { events } = await handle.fetchHistory();
    const signal = events?.find((each) => each.workflowExecutionSignaledEventAttributes);
    await engine.client.workflowService.resetWorkflowExecution({
      namespace: 'default',
      workflowExecution: { workflowId: handle.workflowId, runId: (await handle.describe()).runId },
      reason: 'it should not have been rejected',
      workflowTaskFinishEventId: lastTaskBefore(events, Number(signal?.eventId)) as never,
      requestId: randomUUID(),
      // The rejection is not to be heard again.
      resetReapplyExcludeTypes: [1],
    });
    const open = await until('the record to be open again', async () => {
      const view = await recorded(handle.workflowId);
      return view?.endedAt === null ? view : undefined;
    });
    expect(open.problem).toBeNull();
    const [end] = await until('the reason of the reset', async () => {
      const { formerEnds = [] } = (await recorded(handle.workflowId)) ?? {};
      return formerEnds[0]?.reason ? formerEnds : undefined;
    });
    expect(end).toMatchObject({
      ...{ state: 'rejected', why: 'reset', problem: { type: 'Rejected' } },
      reason: expect.stringContaining('it should not have been rejected'),
    });
    const again = engine.client.workflow.getHandle(handle.workflowId);
    await again.terminate('end of test');
    await ended(again);
  }, 60_000);
});

function lastTaskBefore(
  events:
    | readonly { eventId?: unknown; workflowTaskCompletedEventAttributes?: unknown }[]
    | null
    | undefined,
  before: number,
): number | undefined {
  const finished = (events ?? []).flatMap((each) =>
    each.workflowTaskCompletedEventAttributes ? [Number(each.eventId)] : [],
  );
  return finished.filter((id) => id < before).at(-1);
}

describe('who looks, and what is proof', () => {
  test('the leader killed, another worker takes over', async () => {
    await engine.startWorker();
    const leader = await until('a leader', async () => {
      const { rows } = await engine.pool.query<{ worker: string }>(
        'SELECT worker FROM runbook.watches',
      );
      return engine.workers.find(({ pid }) => rows[0]?.worker.endsWith(`:${pid}`));
    });
    await leader.kill9();
    engine.workers.splice(engine.workers.indexOf(leader), 1);
    const { handle } = await gated(false);
    await handle.terminate('after the leader');
    expect((await ended(handle)).state).toBe('terminated');
    const { rows } = await engine.pool.query<{ worker: string }>(
      'SELECT worker FROM runbook.watches',
    );
    expect(rows[0]?.worker).toMatch(new RegExp(`:${engine.workers[0]!.pid}$`));
  }, 60_000);

  test('Temporal away, or another one asked: nothing is closed; silence taken for an answer, everything would be', async () => {
    const proxy = new Proxy(process.env['TEMPORAL_ADDRESS']!);
    await proxy.open();
    const temporalRuns = new TemporalRuns({ address: proxy.address }, 'default', 'test');
    try {
      for (const worker of engine.workers.splice(0)) await worker.stop();
      await engine.startWorker();
      const handles = await Promise.all(
        Array.from({ length: 10 }, async () => (await gated(false)).handle),
      );
      for (const worker of engine.workers.splice(0)) await worker.stop();
      const keeperOf = (asked: RecordKeeperDeps['temporalRuns']) =>
        new RecordKeeper({
          pool: engine.pool,
          temporalRuns: asked,
          worker: 'test',
          lostNamespaces: [],
          say: () => undefined,
        });
      const closedBy = async (keeper: RecordKeeper): Promise<number> => {
        let closed = 0;
        for (let look = 0; look < 2; look += 1)
          closed += await keeper.compare().then(
            ({ closed }) => closed.length,
            () => 0,
          );
        return closed;
      };
      const keeper = keeperOf(temporalRuns);
      expect(await keeper.compare()).toEqual({ open: 10, closed: [], revived: [] });
      const namespaceId = await temporalRuns.namespaceId();
      const elsewhere = {
        namespace: 'default',
        listed: () => Promise.resolve(new Set<string>()),
        view: (run: string) => temporalRuns.view(run),
        resetReason: () => Promise.resolve(''),
      };
      const missing: TemporalState = { is: 'missing' };
      const misled = await closedBy(
        keeperOf({
          ...elsewhere,
          namespaceId: () => Promise.resolve('another'),
          stateOf: () => Promise.resolve(missing),
        }),
      );
      await proxy.cut();
      const guarded = await closedBy(keeper);
      const unguarded = await closedBy(
        keeperOf({
          namespace: 'default',
          namespaceId: () => Promise.resolve(namespaceId),
          listed: () => temporalRuns.listed(),
          stateOf: (run) =>
            temporalRuns.stateOf(run).catch((): TemporalState => ({ is: 'missing' })),
          view: (run) => temporalRuns.view(run),
          resetReason: () => Promise.resolve(''),
        }),
      );
      process.stdout.write(
        `runs closed while Temporal was away: ${guarded}; with no answer taken for deleted: ${unguarded} of 10\n`,
      );
      process.stdout.write(`runs closed by a worker that looks at another namespace: ${misled}\n`);
      expect([guarded, misled, unguarded]).toEqual([0, 0, 10]);

      // Closed in error, they go on in Temporal all the same: the next look opens them again.
      await proxy.open();
      await engine.startWorker();
      await until('all to be open again', async () => {
        const views = await Promise.all(handles.map((handle) => recorded(handle.workflowId)));
        return views.every((view) => view?.endedAt === null && view.waitingFor.length === 1);
      });
      for (const worker of engine.workers.splice(0)) await worker.stop();

      // The server comes back without its data: the same name at the same address is another
      // namespace now.
      let isLost = false;
      const restarted = keeperOf({
        ...elsewhere,
        namespaceId: () => Promise.resolve(isLost ? 'another' : namespaceId),
        stateOf: (run) => (isLost ? Promise.resolve(missing) : temporalRuns.stateOf(run)),
      });
      expect(await closedBy(restarted)).toBe(0);
      isLost = true;
      expect(await closedBy(restarted)).toBe(10);
      for (const handle of handles) await handle.terminate('end of test');
    } finally {
      await temporalRuns.close();
      await proxy.cut();
    }
  }, 120_000);
});
