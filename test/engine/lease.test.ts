import { randomUUID } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect } from '@jest/globals';
import type { WorkflowHandle } from '@temporalio/client';
import { workflowTaskTimeout } from '../../common/defaults.js';
import type { DecisionEnvelope, StartEnvelope, Verdict } from '../../common/envelope.js';
import type { DeskVerb } from '../../common/questions.js';
import type { WaitView } from '../../common/view.js';
import { getRun, history, leaseHistory } from '../../store/index.js';
import { Engine } from '../helpers/engine.js';
import { test } from '../helpers/together.js';
import { until } from '../../lab/until.js';
import { nothing, sh, untilFile } from '../helpers/shell.js';

const targets = JSON.stringify({
  targets: Object.fromEntries(
    [...Array.from({ length: 12 }, (_, index) => `t${index}`)].map((name) => [
      name,
      { kind: 'service', environment: 'test' },
    ]),
  ),
});

function world(workers: number) {
  let engine: Engine;
  let targetsUsed = 0;
  beforeAll(async () => {
    engine = await Engine.start({ targets, workers });
  }, 60_000);
  afterAll(() => engine?.stop());

  const start = (
    runbook: string,
    inputs: Record<string, string>,
    change: Partial<StartEnvelope> = {},
  ): Promise<WorkflowHandle> => {
    const given = runbook === 'test-reader' ? {} : { journal: engine.path('journal.txt') };
    const envelope = {
      ...engine.envelope(runbook, { first: nothing, second: nothing, ...given, ...inputs }),
      ...change,
    };
    return engine.client.workflow.start(runbook, {
      workflowId: envelope.run,
      taskQueue: engine.taskQueue,
      args: [envelope],
      workflowTaskTimeout,
    });
  };
  const asked = (handle: WorkflowHandle, attempt: number): Promise<WaitView> =>
    until('the question', async () => {
      const wait = await engine.waiting(handle);
      return wait.attempt === attempt && wait;
    });
  return {
    get engine() {
      return engine;
    },
    /** No two tests share a target. */
    target: () => `t${targetsUsed++}`,
    start,
    /** A run that holds the target until the file is made, and a second change behind it. */
    async holder(target: string, inputs: Record<string, string> = {}) {
      const file = engine.path(randomUUID());
      const handle = await start('test-lease', { target, first: untilFile(file), ...inputs });
      await until(
        'the first step',
        async () => (await engine.status(handle).catch(() => null))?.steps[0]?.state === 'running',
      );
      return { handle, go: () => writeFile(file, '') };
    },
    async takeOver(
      handle: WorkflowHandle,
      change: Partial<DecisionEnvelope> = {},
    ): Promise<Verdict> {
      return engine.send(
        handle,
        await engine.decision(handle, {
          verb: 'take-over',
          by: 'bob',
          reason: 'it hangs',
          ...change,
        }),
      );
    },
    async answer(handle: WorkflowHandle, verb: DeskVerb, attempt: number): Promise<Verdict> {
      await asked(handle, attempt);
      return engine.send(handle, await engine.decision(handle, { verb }));
    },
    asked,
    wait: (handle: WorkflowHandle): Promise<WaitView> => engine.waiting(handle),
  };
}

/** The most runs that were inside at once, as the target itself has seen it. */
function crowd(journal: string): number {
  let inside = 0;
  let most = 0;
  for (const line of journal.split('\n')) {
    if (line === 'begin') most = Math.max(most, (inside += 1));
    if (line === 'end') inside -= 1;
  }
  return most;
}

describe('target leases', () => {
  const w = world(0);

  test('two runs never change one target at the same time; without the lease they do', async () => {
    const crowds = [];
    for (const runbook of ['test-lease', 'test-leaseless']) {
      const seen = w.engine.path(`${runbook}.txt`);
      const change = sh('echo begin >> "$1"; sleep 0.3; echo end >> "$1"', seen);
      const inputs = {
        first: change,
        second: change,
        ...(runbook === 'test-lease' ? { target: w.target() } : {}),
      };
      const handles = await Promise.all(Array.from({ length: 4 }, () => w.start(runbook, inputs)));
      for (const handle of handles) expect((await w.engine.ended(handle)).state).toBe('succeeded');
      const journal = await readFile(seen, 'utf8');
      expect(journal.split('\n').filter((line) => line === 'end')).toHaveLength(8);
      crowds.push(crowd(journal));
    }
    process.stdout.write(
      `runs at one target at once: ${crowds[0]}; without leases: ${crowds[1]}\n`,
    );
    expect(crowds[0]).toBe(1);
    expect(crowds[1]).toBeGreaterThan(1);
  }, 60_000);

  test('the waiter says who holds the target, since when, and how to take it over; the wait costs no history', async () => {
    const target = w.target();
    const first = await w.holder(target);
    const second = await w.start('test-lease', { target });
    const wait = await w.wait(second);
    const told = new RegExp(
      `target ${target} is held by run ${first.handle.workflowId} \\(test-lease, started by requester\\) since 20..-..-.. ..:..:.. UTC`,
    );
    expect(wait).toMatchObject({
      kind: 'lease',
      id: `target:${target}`,
      title: `another run has ${target}`,
      who: `${first.handle.workflowId} to end`,
      evidence: { 'who has it': expect.stringMatching(told) },
      command: `runbook take-over ${second.workflowId} --digest ${wait?.digest}`,
    });
    expect((await w.engine.status(second)).state).toBe('waiting');
    const tries = async () => (await second.describe()).raw.pendingActivities?.[0];
    const pending = await until('a second try', async () => {
      const found = await tries();
      return (found?.attempt ?? 0) > 1 && found;
    });
    expect(pending.lastFailure?.message).toMatch(told);
    const events = (await second.describe()).historyLength;
    await until(
      'more tries',
      async () => ((await tries())?.attempt ?? 0) > (pending.attempt ?? 0) + 2,
    );
    expect((await second.describe()).historyLength).toBe(events);
    expect(await getRun(w.engine.pool, second.workflowId)).toMatchObject({
      state: 'waiting',
      waitingFor: [{ kind: 'lease' }],
    });
    expect(
      await w.engine.admission('test-lease', {
        target,
        first: nothing,
        second: nothing,
        journal: 'x',
      }),
    ).toMatchObject({
      admitted: true,
      held: [{ run: first.handle.workflowId, requester: 'requester' }],
    });

    await first.go();
    expect(await w.engine.ended(second)).toMatchObject({ state: 'succeeded', waitingFor: [] });
    expect((await w.engine.ended(first.handle)).state).toBe('succeeded');
    expect(
      (await history(w.engine.pool, second.workflowId)).find(({ kind }) => kind === 'wait'),
    ).toMatchObject({
      state: 'closed',
      text: expect.stringContaining(
        `another run has ${target}: waited for ${first.handle.workflowId} to end until `,
      ) as unknown as string,
    });
  }, 60_000);

  test('a run that is not to wait ends, says who holds the target, and has done nothing', async () => {
    const target = w.target();
    const first = await w.holder(target);
    const trace = w.engine.path(randomUUID());
    const refused = await w.start(
      'test-lease',
      { target, first: sh('touch "$1"', trace) },
      { whenHeld: 'refuse' },
    );
    const view = await w.engine.ended(refused);
    expect(view).toMatchObject({
      state: 'failed',
      problem: {
        type: 'Refused',
        message: expect.stringMatching(
          new RegExp(
            `^target ${target} is held by run ${first.handle.workflowId} \\(.*started by requester\\) since .*nothing was done`,
          ),
        ),
      },
      steps: [{ state: 'pending' }, { state: 'pending' }],
    });
    await expect(readFile(trace)).rejects.toThrow('ENOENT');
    expect(await getRun(w.engine.pool, refused.workflowId)).toMatchObject({
      state: 'failed',
      problem: { type: 'Refused' },
    });
    await first.go();
    await w.engine.ended(first.handle);
    const again = await w.start('test-lease', { target }, { whenHeld: 'refuse' });
    expect((await w.engine.ended(again)).state).toBe('succeeded');
  }, 60_000);

  test('a run that only reads waits for nobody, and nobody for it', async () => {
    const target = w.target();
    const first = await w.holder(target);
    const file = w.engine.path(randomUUID());
    const reader = await w.start('test-reader', { target, first: untilFile(file) });
    await until(
      'the reader',
      async () => (await w.engine.status(reader).catch(() => null))?.steps[0]?.state === 'running',
    );
    await first.go();
    expect((await w.engine.ended(first.handle)).state).toBe('succeeded');
    const other = await w.start('test-lease', { target });
    expect((await w.engine.ended(other)).state).toBe('succeeded');
    expect((await w.engine.status(reader)).state).toBe('running');
    await writeFile(file, '');
    expect((await w.engine.ended(reader)).state).toBe('succeeded');
  }, 60_000);

  test('a nested run shares the target of its root; the root keeps it after the nested one has ended', async () => {
    const target = w.target();
    const first = await w.holder(target);
    const root = {
      run: first.handle.workflowId,
      firstRunId: (await w.engine.status(first.handle)).firstRunId,
    };
    const nested = await w.start('test-lease', { target }, { root });
    expect((await w.engine.ended(nested)).state).toBe('succeeded');
    const stranger = await w.start('test-lease', { target });
    expect((await w.wait(stranger)).who).toBe(`${root.run} to end`);
    await first.go();
    expect((await w.engine.ended(stranger)).state).toBe('succeeded');
    expect((await w.engine.ended(first.handle)).state).toBe('succeeded');
  }, 60_000);

  test('taken over with a reason: recorded, and the run before changes nothing more until it is let', async () => {
    const target = w.target();
    const trace = w.engine.path(randomUUID());
    const first = await w.holder(target, { second: sh('echo "$1" >> "$2"', 'second', trace) });
    const file = w.engine.path(randomUUID());
    const second = await w.start('test-lease', { target, first: untilFile(file) });

    expect(await w.takeOver(second, { reason: ' ' })).toMatchObject({ code: 'reason-missing' });
    expect(await w.takeOver(second, { digest: 'sha256:0' })).toMatchObject({ code: 'stale' });
    expect(await w.takeOver(second)).toMatchObject({
      accepted: true,
      message: expect.stringMatching(
        new RegExp(`^Taken over: target ${target} is held by run ${first.handle.workflowId}`),
      ),
    });
    await until(
      'its first change',
      async () => (await w.engine.status(second)).steps[0]?.state === 'running',
    );
    expect(await w.engine.status(second)).toMatchObject({
      state: 'running',
      waitingFor: [],
      decisions: [
        {},
        {},
        {
          verb: 'take-over',
          about: { kind: 'target', id: `target:${target}` },
          by: 'bob',
          reason: 'it hangs',
          accepted: true,
        },
      ],
    });
    expect(await leaseHistory(w.engine.pool, target)).toMatchObject([
      {
        run: second.workflowId,
        takenBy: 'bob',
        takenFrom: first.handle.workflowId,
        reason: 'it hangs',
      },
      { run: first.handle.workflowId, takenBy: null },
    ]);
    expect(
      (await history(w.engine.pool, second.workflowId)).find(({ kind }) => kind === 'wait'),
    ).toMatchObject({
      state: 'taken-over',
      by: 'bob',
    });

    await first.go();
    // It was told of the take-over while it worked: what it asks says so.
    expect(await w.asked(first.handle, 2)).toMatchObject({
      ...{ kind: 'failure', id: 'second' },
      evidence: { 'target lost': expect.stringContaining(second.workflowId) },
    });
    expect((await w.engine.status(first.handle)).steps[1]?.error).toMatchObject({
      type: 'LeaseLost',
      message: expect.stringMatching(
        new RegExp(
          `^run ${second.workflowId}, started by requester, took target ${target} over \\(bob: it hangs\\) at 20..-..-..`,
        ),
      ),
      next: expect.stringContaining(`Retry is refused as long as ${second.workflowId} goes on`),
    });
    expect(await w.answer(first.handle, 'retry', 2)).toMatchObject({
      ...{ accepted: false, code: 'not-possible' },
      message: expect.stringContaining(`is held by run ${second.workflowId}`),
    });
    await expect(readFile(trace)).rejects.toThrow('ENOENT');

    await writeFile(file, '');
    expect((await w.engine.ended(second)).state).toBe('succeeded');
    expect((await w.answer(first.handle, 'retry', 2)).accepted).toBe(true);
    expect((await w.engine.ended(first.handle)).state).toBe('succeeded');
    expect(await readFile(trace, 'utf8')).toBe('second\n');
    expect((await leaseHistory(w.engine.pool, target)).map(({ run }) => run)).toEqual([
      first.handle.workflowId,
      second.workflowId,
      first.handle.workflowId,
    ]);
  }, 60_000);

  test('who waits is told when another run has the target by now; nothing is taken from a run that nobody saw', async () => {
    for (const decides of [true, false]) {
      const target = w.target();
      const first = await w.holder(target);
      const file = w.engine.path(randomUUID());
      const second = await w.start('test-lease', { target, first: untilFile(file) });
      await w.wait(second);
      const third = await w.start('test-lease', { target });
      expect((await w.wait(third)).who).toBe(`${first.handle.workflowId} to end`);
      await first.go();
      await until(
        'the second run',
        async () => (await w.engine.status(second)).steps[0]?.state === 'running',
      );
      if (decides) expect((await w.takeOver(third)).accepted).toBe(true);
      const wait = await until('the second question', async () => {
        const found = await w.wait(third);
        return found.attempt === 2 && found;
      });
      expect(wait).toMatchObject({
        who: `${second.workflowId} to end`,
        command: expect.stringContaining('take-over'),
      });
      expect((await w.engine.status(second)).state).toBe('running');
      expect((await leaseHistory(w.engine.pool, target)).map(({ run }) => run)).toEqual([
        second.workflowId,
        first.handle.workflowId,
      ]);
      await writeFile(file, '');
      expect((await w.engine.ended(third)).state).toBe('succeeded');
      expect((await w.engine.ended(second)).state).toBe('succeeded');
    }
  }, 60_000);

  test('an undo after the target was lost is refused, and the report says what was not undone', async () => {
    const target = w.target();
    const journal = w.engine.path(randomUUID());
    const first = await w.holder(target, { journal });
    const file = w.engine.path(randomUUID());
    const second = await w.start('test-lease', { target, first: untilFile(file) });
    expect((await w.takeOver(second)).accepted).toBe(true);
    await until(
      'its first change',
      async () => (await w.engine.status(second)).steps[0]?.state === 'running',
    );
    await first.go();
    expect((await w.answer(first.handle, 'rollback', 2)).accepted).toBe(true);
    const undo = await until('the undo to ask', async () => {
      const wait = await w.wait(first.handle);
      return wait.id === 'first.undo' ? wait : undefined;
    });
    expect(undo.evidence['what happened']).toContain(target);
    expect((await w.answer(first.handle, 'skip', 1)).accepted).toBe(true);
    expect(await w.engine.ended(first.handle)).toMatchObject({
      state: 'failed',
      problem: {
        type: 'LeaseLost',
        message: expect.stringContaining('could not be undone: first'),
      },
      steps: [{ error: { type: 'LeaseLost' } }, {}],
    });
    await expect(readFile(journal)).rejects.toThrow('ENOENT');
    await writeFile(file, '');
    expect((await w.engine.ended(second)).state).toBe('succeeded');
  }, 60_000);

  test('a run that is cancelled while it waits ends at once and gives up its place', async () => {
    const target = w.target();
    const first = await w.holder(target);
    const second = await w.start('test-lease', { target });
    await w.wait(second);
    const third = await w.start('test-lease', { target });
    await w.wait(third);
    const cancel = {
      version: 1,
      id: randomUUID(),
      run: second.workflowId,
      verb: 'cancel',
      by: 'ann',
      reason: 'no',
    } as const;
    expect((await w.engine.send(second, cancel)).accepted).toBe(true);
    expect(await w.engine.ended(second)).toMatchObject({ state: 'cancelled', waitingFor: [] });
    await first.go();
    expect((await w.engine.ended(third)).state).toBe('succeeded');
    await w.engine.ended(first.handle);
  }, 60_000);
});

describe('target leases and killed workers', () => {
  const w = world(1);

  test('workers killed while a run waits: it goes on waiting, and gets the target when its time comes', async () => {
    const target = w.target();
    const seen = w.engine.path('seen.txt');
    const change = (file: string) =>
      sh(
        'echo begin >> "$1"; while [ ! -e "$2" ]; do sleep 0.05; done; echo end >> "$1"',
        seen,
        file,
      );
    const file = w.engine.path(randomUUID());
    const first = await w.start('test-lease', { target, first: change(file) });
    await until(
      'the first step',
      async () => (await w.engine.status(first).catch(() => null))?.steps[0]?.state === 'running',
    );
    const second = await w.start('test-lease', { target, first: change(file) });
    await w.wait(second);
    // A worker that dies before, while it saves the question, is another death, and costs 20 s.
    const lastTry = async () => {
      const [pending] = (await second.describe()).raw.pendingActivities ?? [];
      return pending?.activityType?.name === 'acquireLeases' && pending.lastWorkerIdentity;
    };
    let before = await until('a try', lastTry);
    for (let kills = 0; kills < 2; kills += 1) {
      await w.engine.killWorker();
      before = await until('a try of the next worker', async () => {
        const found = await lastTry();
        return found !== before && found;
      });
    }
    expect((await w.engine.status(second)).state).toBe('waiting');
    await writeFile(file, '');
    expect((await w.engine.ended(first)).state).toBe('succeeded');
    expect((await w.engine.ended(second)).state).toBe('succeeded');
    expect(await readFile(seen, 'utf8')).toBe('begin\nend\nbegin\nend\n');
  }, 90_000);
});
