import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect } from '@jest/globals';
import { Commands } from '../../activities/commands.js';
import { getAttempts, readOutput } from '../../store/index.js';
import { longCommand } from '../chaos/long-command.js';
import { Engine } from '../helpers/engine.js';
import { test } from '../helpers/together.js';
import { until } from '../../lab/until.js';
import { go, isAlive, nothing, sh, untilGo } from '../helpers/shell.js';

/** What a test has whose workers die. */
const engines: Engine[] = [];
async function engineOfOwn(settings: Record<string, string> = {}): Promise<Engine> {
  const engine = await Engine.start({ workers: 1, settings });
  engines.push(engine);
  return engine;
}
afterAll(() => Promise.all(engines.map((engine) => engine.stop())));

describe('a command and the death of its worker', () => {
  let engine: Engine;
  beforeAll(async () => {
    engine = await Engine.start({ workers: 1 });
  }, 60_000);
  afterAll(() => engine?.stop());

  const text = (file: string): Promise<string> => readFile(file, 'utf8').catch(() => '');
  const lines = async (file: string): Promise<number> => (await text(file)).split('\n').length - 1;

  test('its worker is dead, which nobody knows yet, and the run is cancelled: the command is ended, then what was changed is undone, and the run is cancelled', async () => {
    // Long enough for the cancellation to come before the silence is noticed.
    const engine = await engineOfOwn({ RUNBOOK_HEARTBEAT_MS: '6000' });
    const [pid, journal] = [engine.path('pid.txt'), engine.path('journal.txt')];
    const second = sh('echo $$ > "$1"; exec sleep infinity', pid);
    const handle = await engine.run('test-desk', { first: nothing, second, journal });
    const command = await until('the command', async () =>
      (await readFile(pid, 'utf8').catch(() => '')).trim(),
    );
    await engine.startWorker();
    const [dead] = engine.workers;
    if (dead) await engine.loseWorker(dead);
    await handle.signal('decide', {
      ...{ version: 1, id: `cancel-${handle.workflowId}`, run: handle.workflowId, verb: 'cancel' },
      ...{ by: 'requester', reason: 'wrong night' },
    });
    const view = await engine.ended(handle);
    expect(isAlive(command)).toBe(false);
    expect(await readFile(journal, 'utf8')).toBe('undo first\n');
    expect(view).toMatchObject({
      state: 'cancelled',
      steps: [{ state: 'undone' }, { state: 'failed', attempts: 1, error: { type: 'Cancelled' } }],
    });
  }, 60_000);

  test('its worker killed three times, it runs once, and its output is complete to the byte', async () => {
    expect(await longCommand(120, [10, 45, 80])).toMatchObject({
      ...{ state: 'succeeded', started: 1, kills: 3, same: true, attempts: 1, whole: 1 },
    });
  }, 90_000);

  test('it ends while no worker lives: the next one reads its outcome', async () => {
    const engine = await engineOfOwn();
    const started = engine.path('short.txt');
    const handle = await engine.run('test-commands', {
      first: sh(`echo x >> "$1"; ${untilGo}; echo done; echo x >> "$1"`, started),
      second: nothing,
    });
    await until('the command', async () => (await lines(started)) === 1);
    const [worker] = engine.workers;
    await worker?.kill9();
    await go(started);
    await until('the end of the command', async () => (await lines(started)) === 2);
    await engine.killWorker(worker);
    const view = await engine.ended(handle);
    expect(view.state).toBe('succeeded');
    expect(view.steps[0]).toMatchObject({ attempts: 1, output: { stdout: 'done\n' } });
    expect(await lines(started)).toBe(2);
  }, 60_000);

  test('a worker that is asked to stop leaves the command to the next one', async () => {
    const engine = await engineOfOwn();
    const started = engine.path('stop.txt');
    const handle = await engine.run('test-commands', {
      first: sh(`echo x >> "$1"; ${untilGo}; echo done`, started),
      second: nothing,
    });
    await until('the command', async () => (await lines(started)) === 1);
    const [worker] = engine.workers;
    const next = engine.startWorker();
    await worker?.stop();
    await go(started);
    await next;
    const view = await engine.ended(handle);
    expect(view).toMatchObject({ state: 'succeeded', steps: [{ attempts: 1 }, {}] });
    expect(await lines(started)).toBe(1);
  }, 60_000);

  test('cancelled after its worker died, its whole tree ends, sessions of their own included', async () => {
    const engine = await engineOfOwn();
    const pids = engine.path('tree.txt');
    const script = `trap '' TERM; echo $$ >> "$1"; (trap '' TERM; exec sleep infinity) & echo $! >> "$1"; setsid sh -c 'trap "" TERM; echo $$ >> "$1"; exec sleep infinity' sh "$1" & wait`;
    const handle = await engine.run('test-commands', { first: sh(script, pids), second: nothing });
    await until('the tree', async () => (await lines(pids)) === 3);
    await engine.killWorker();
    expect((await engine.cancel(handle)).accepted).toBe(true);
    expect((await engine.ended(handle)).state).toBe('cancelled');
    const alive = (await text(pids)).trim().split('\n').filter(isAlive);
    expect(alive).toEqual([]);
  }, 60_000);

  test('what watched it killed as well: nobody knows how it ended, and it is not done again', async () => {
    const started = engine.path('orphan.txt');
    const handle = await engine.run('test-commands', {
      first: sh(`echo x >> "$1"; echo $PPID; ${untilGo}`, started),
      second: nothing,
    });
    await until('the command', async () => (await lines(started)) === 1);
    const supervisor = await until('the supervisor', async () => {
      const [chunk] = await readOutput(engine.pool, handle.workflowId, { step: 'first' });
      return chunk ? Number(chunk.bytes.toString()) : undefined;
    });
    process.kill(supervisor, 'SIGKILL');
    await go(started);
    const wait = await engine.waiting(handle);
    expect(wait).toMatchObject({
      kind: 'failure',
      evidence: { retry: expect.stringContaining('happens twice') },
    });
    expect(await engine.status(handle)).toMatchObject({
      state: 'needs-operator',
      steps: [{ state: 'unknown' }, {}],
    });
    expect(await lines(started)).toBe(1);
    const decision = await engine.decision(handle, { verb: 'retry' });
    expect((await engine.send(handle, decision)).accepted).toBe(true);
    expect((await engine.ended(handle)).state).toBe('succeeded');
    expect(await lines(started)).toBe(2);
    const attempts = (await getAttempts(engine.pool, handle.workflowId)).filter(
      ({ step }) => step === 'first',
    );
    expect(attempts.map(({ state }) => state)).toEqual(['unknown', 'succeeded']);
  }, 60_000);

  test('worker after worker died before the command was started: it is started once', async () => {
    const started = engine.path('void.txt');
    const owner = { run: `void-${started.length}`, firstRunId: 'first', step: 'first', attempt: 1 };
    const commands = new Commands(engine.path('journals'));
    const spec = {
      argv: ['/bin/sh', '-c', 'echo x >> "$1"', 'sh', started],
      env: {},
      cwd: null,
      timeoutMs: 10_000,
    };
    const watch = {
      signal: new AbortController().signal,
      output: () => undefined,
      attached: () => undefined,
      starting: () => Promise.resolve(),
    };
    for (const fence of [1, 2]) {
      const journal = commands.journalOf({ ...owner, fence, resumedFrom: null }, fence);
      journal.create();
      // As the next worker finds it: made, and never started.
      if (fence === 1) expect(journal.takeTicket('void')).toBe(true);
    }
    const outcome = await commands
      .claim({ ...owner, fence: 3, resumedFrom: commands.place })
      .run(spec, watch);
    expect(outcome).toMatchObject({ exitCode: 0 });
    const again = await commands
      .claim({ ...owner, fence: 4, resumedFrom: commands.place })
      .run(spec, watch);
    expect(again).toEqual(outcome);
    expect(await lines(started)).toBe(1);
    commands.close();
  });

  test('a daemon that it leaves stays, and its own end is not waited for', async () => {
    const pid = engine.path('daemon.txt');
    const handle = await engine.run('test-commands', {
      first: sh('sleep infinity & echo $! > "$1"; echo left', pid),
      second: nothing,
    });
    const view = await engine.ended(handle);
    expect(view).toMatchObject({
      state: 'succeeded',
      steps: [{ output: { stdout: 'left\n' } }, {}],
    });
    const daemon = (await text(pid)).trim();
    expect(isAlive(daemon)).toBe(true);
    process.kill(Number(daemon), 'SIGKILL');
  }, 30_000);
});
