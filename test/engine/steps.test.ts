import { createServer, type Server } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { readFile } from 'node:fs/promises';
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect } from '@jest/globals';
import type { WorkflowHandle } from '@temporalio/client';
import { getAttempts, getRun, history } from '../../store/index.js';
import { Engine } from '../helpers/engine.js';
import { test } from '../helpers/together.js';
import { until } from '../../lab/until.js';
import { nothing, sh } from '../helpers/shell.js';

/** What Temporal warns of; far below what it refuses. */
const payloadLimit = 512 * 1024;

describe('steps', () => {
  let engine: Engine;
  let server: Server;
  const calls = { large: 0, busy: 0 };
  const asked = { again: 0, gateway: 0, act: 0 };

  beforeAll(async () => {
    server = createServer((request, response) => {
      if (request.url === '/large') {
        calls.large += 1;
        response.setHeader('content-type', 'application/json');
        response.end(
          JSON.stringify({
            rows: Array.from({ length: 50_000 }, (_, n) => ({ n, text: 'x'.repeat(90) })),
          }),
        );
      } else if (request.url === '/again' && (asked.again += 1) < 3) response.writeHead(429).end();
      else if (request.url === '/gateway') response.writeHead(504).end(void (asked.gateway += 1));
      else if (request.url === '/act') response.end(void (asked.act += 1));
      else if (request.url === '/busy' && (calls.busy += 1) < 3) {
        response.writeHead(503).end();
      } else response.writeHead(200, { 'content-type': 'application/json' }).end('{"ok":true}');
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    engine = await Engine.start({
      targets: `targets:\n  service: { kind: service, environment: test, http: { address: "http://127.0.0.1:${port}" } }\n`,
    });
  }, 60_000);
  afterAll(async () => {
    await engine?.stop();
    server.close();
  });

  async function largestPayload(handle: WorkflowHandle): Promise<number> {
    const history = await handle.fetchHistory();
    const sizes = (history.events ?? []).map(
      (event) =>
        JSON.stringify(event, (_, value: unknown) =>
          value instanceof Uint8Array ? Buffer.from(value).toString('latin1') : value,
        ).length,
    );
    return Math.max(...sizes);
  }

  test('a step that fails is tried again with its output and attempts recorded, then the next one runs', async () => {
    const count = engine.path('count.txt');
    const handle = await engine.run('test-commands', {
      first: sh('echo x >> "$1"; [ "$(wc -l < "$1")" -ge 3 ]', count),
      second: JSON.stringify(['/bin/echo', 'hello']),
    });
    const view = await engine.ended(handle);
    expect(view.state).toBe('succeeded');
    expect(view.steps.map((step) => [step.id, step.state, step.attempts])).toEqual([
      ['first', 'succeeded', 3],
      ['second', 'succeeded', 1],
    ]);
    expect(view.outputs['second']).toMatchObject({ exitCode: 0, stdout: 'hello\n' });
    const attempts = await getAttempts(engine.pool, handle.workflowId);
    expect(
      attempts.filter((attempt) => attempt.step === 'first').map((attempt) => attempt.state),
    ).toEqual(['failed', 'failed', 'succeeded']);
    for (const { does } of attempts.filter(({ step }) => step === 'first'))
      expect(does).toEqual([expect.stringMatching(/^run \/bin\/sh -c .*count\.txt/)]);
    const told = (await history(engine.pool, handle.workflowId)).flatMap(({ does = [] }) => does);
    expect(told).toContain('run /bin/echo hello');
    const recorded = await getRun(engine.pool, handle.workflowId);
    // What would be undone now is the live run's to say.
    const { undos: _undos, ...kept } = view;
    expect(recorded).toMatchObject({ ...kept, source: 'record', uiUrl: recorded?.uiUrl ?? null });
  });

  test('attempts end, and the run says what happened and fails in Temporal too', async () => {
    const handle = await engine.run('test-commands', {
      first: sh('echo broken >&2; exit 7'),
      second: nothing,
    });
    await expect(handle.result()).rejects.toThrow();
    const view = await engine.status(handle);
    expect(view.state).toBe('failed');
    expect(view.problem).toMatchObject({
      type: 'CommandFailed',
      message: expect.stringContaining('7'),
    });
    expect(view.steps.map((step) => [step.state, step.attempts])).toEqual([
      ['failed', 4],
      ['pending', 0],
    ]);
    expect((await handle.describe()).status.name).toBe('FAILED');
  });

  test('what may have acted is tried once unless the step says otherwise; what did nothing, again', async () => {
    const journal = engine.path('tries.txt');
    const handle = await engine.run('test-tries', { journal, target: 'service' });
    const gateway = await until('the question', async () =>
      (await engine.status(handle).catch(() => null))?.waitingFor.find(
        ({ id }) => id === 'gateway',
      ),
    );
    await handle.signal('decide', {
      ...{ version: 1, id: randomUUID(), verb: 'skip', run: handle.workflowId },
      ...{ about: { kind: 'step', id: 'gateway' } },
      ...{ attempt: gateway.attempt, digest: gateway.digest, by: 'ann', reason: 'it is there' },
    });
    const view = await engine.ended(handle);
    const lines = (await readFile(journal, 'utf8')).split('\n');
    const count = (text: string): number => lines.filter((each) => each === text).length;
    const [once, off] = [count('change'), count('said')];
    process.stdout.write(`a change that exits 1: effects ${once}, with the guard off ${off}\n`);
    expect([once, off, count('read')]).toEqual([1, 4, 3]);
    expect(view.steps[4]).toMatchObject({
      error: { type: 'OutcomeUnknown', message: expect.stringContaining('answered 504') },
    });
    expect(asked).toEqual({ again: 3, gateway: 1, act: 1 });
    expect(view.steps.map(({ id, attempts }) => [id, attempts])).toEqual([
      ...[
        ['change', 1],
        ['said', 4],
        ['read', 3],
      ],
      ...[
        ['again', 3],
        ['gateway', 1],
        ['verified', 1],
      ],
    ]);
  });

  test('a failure that no retry can cure is not tried again', async () => {
    const handle = await engine.run('test-commands', {
      first: JSON.stringify(['/no/such/program']),
      second: nothing,
    });
    const view = await engine.ended(handle);
    expect(view.steps[0]).toMatchObject({
      state: 'failed',
      attempts: 1,
      error: { type: 'CommandMissing' },
    });
  });

  test('200 MB of output: the step runs once, history stays small, the digest is of the whole', async () => {
    const count = engine.path('large.txt');
    const handle = await engine.run('test-commands', {
      first: sh('echo x >> "$1"; yes 0123456789abcdef | head -c 209715200', count),
      second: nothing,
    });
    const view = await engine.ended(handle);
    expect(view.state).toBe('succeeded');
    expect(view.steps[0]?.output).toMatchObject({
      truncated: true,
      bytes: { stdout: 209_715_200 },
    });
    expect(await readFile(count, 'utf8')).toBe('x\n');
    expect(await largestPayload(handle)).toBeLessThan(payloadLimit);
  }, 60_000);

  test('binary output and a 5 MB answer: once each, history stays small', async () => {
    const count = engine.path('binary.txt');
    const binary = await engine.run('test-commands', {
      first: sh('echo x >> "$1"; head -c 300000 /dev/urandom', count),
      second: nothing,
    });
    expect((await engine.ended(binary)).state).toBe('succeeded');
    expect(await readFile(count, 'utf8')).toBe('x\n');
    expect(await largestPayload(binary)).toBeLessThan(payloadLimit);

    const large = await engine.run('test-call', { target: 'service', path: '/large' });
    const view = await engine.ended(large);
    expect(view.state).toBe('succeeded');
    expect(view.outputs['output']).toMatchObject({ status: 200, truncated: true });
    expect(calls.large).toBe(1);
    expect(await largestPayload(large)).toBeLessThan(payloadLimit);
  }, 60_000);

  test('a busy server is asked again', async () => {
    const view = await engine.ended(
      await engine.run('test-call', { target: 'service', path: '/busy' }),
    );
    expect(view.state).toBe('succeeded');
    expect(calls.busy).toBe(3);
  });

  test('a failing branch cancels its sibling, and waits until the sibling has ended', async () => {
    const pid = engine.path('sibling.pid');
    const handle = await engine.run('test-parallel', {
      a: sh('echo $$ > "$1"; sleep infinity', pid),
      b: sh('while [ ! -s "$1" ]; do sleep 0.05; done; exit 3', pid),
    });
    const view = await engine.ended(handle);
    expect(view.state).toBe('failed');
    expect(view.problem?.message).toContain('3');
    const sibling = Number(await readFile(pid, 'utf8'));
    expect(() => process.kill(sibling, 0)).toThrow('ESRCH');
  });

  test('cancel ends the running command first, then undoes what was changed', async () => {
    const journal = engine.path('cancelled.txt');
    const pid = engine.path('cancelled.pid');
    const handle = await engine.run('test-gated', {
      journal,
      last: sh('echo $$ > "$1"; sleep infinity', pid),
    });
    await engine.send(handle, await engine.decision(handle));
    const running = Number(
      await until('the last command to run', async () =>
        (await readFile(pid, 'utf8').catch(() => '')).trim(),
      ),
    );
    expect((await engine.cancel(handle)).accepted).toBe(true);
    const view = await engine.ended(handle);
    expect(view.state).toBe('cancelled');
    expect(() => process.kill(running, 0)).toThrow('ESRCH');
    expect((await readFile(journal, 'utf8')).split('\n').filter(Boolean)).toEqual([
      'before',
      'after',
      'undo after',
      'undo before',
    ]);
    expect((await getRun(engine.pool, handle.workflowId))?.state).toBe('cancelled');
  });

  test("Temporal's own cancel does the same, and Temporal shows the run as cancelled", async () => {
    const journal = engine.path('cancelled-by-temporal.txt');
    const handle = await engine.run('test-gated', { journal, last: nothing });
    await engine.waiting(handle);
    await handle.cancel();
    const view = await engine.ended(handle);
    expect(view.state).toBe('cancelled');
    expect((await readFile(journal, 'utf8')).split('\n').filter(Boolean)).toEqual([
      'before',
      'undo before',
    ]);
    expect((await handle.describe()).status.name).toBe('CANCELLED');
  });

  test('a failure behind the gate undoes everything, newest first', async () => {
    const journal = engine.path('rolled-back.txt');
    const handle = await engine.run('test-gated', { journal, last: sh('exit 1') });
    await engine.send(handle, await engine.decision(handle));
    const view = await engine.ended(handle);
    expect(view.state).toBe('rolled-back');
    expect((await readFile(journal, 'utf8')).split('\n').filter(Boolean)).toEqual([
      'before',
      'after',
      'undo after',
      'undo before',
    ]);
  });

  test('the same start twenty times in parallel is one run', async () => {
    const count = engine.path('starts.txt');
    const envelope = engine.envelope('test-commands', {
      first: sh('echo x >> "$1"', count),
      second: nothing,
    });
    const starts = await Promise.allSettled(
      Array.from({ length: 20 }, () =>
        engine.client.workflow.start('test-commands', {
          workflowId: envelope.run,
          taskQueue: engine.taskQueue,
          args: [envelope],
          workflowIdReusePolicy: 'REJECT_DUPLICATE',
        }),
      ),
    );
    expect(starts.filter((start) => start.status === 'fulfilled')).toHaveLength(1);
    await engine.ended(engine.client.workflow.getHandle(envelope.run));
    expect(await readFile(count, 'utf8')).toBe('x\n');
  });

  test('admission refuses what it cannot resolve, and nothing starts', async () => {
    expect(await engine.admission('no-such-runbook', {})).toMatchObject({
      admitted: false,
      problem: { type: 'Refused' },
    });
    const missing = await engine.admission('test-commands', { first: nothing, third: 'x' });
    expect(missing).toMatchObject({ admitted: false });
    expect(
      missing.admitted === false && missing.problems?.map((problem) => problem.message).join(),
    ).toMatch(/second.*third|third.*second/s);
    const foreign = await engine.admission('test-call', { target: 'elsewhere', path: '/' });
    expect(foreign).toMatchObject({ admitted: false });
    const good = await engine.admission('test-commands', { first: nothing, second: nothing });
    expect(good).toMatchObject({
      admitted: true,
      plan: { digest: expect.stringMatching(/^sha256:[0-9a-f]{64}$/) },
    });
  });

  test('a start with a digest that no longer fits is refused by the run itself', async () => {
    const envelope = {
      ...engine.envelope('test-commands', { first: nothing, second: nothing }),
      digest: 'sha256:other',
    };
    const handle = await engine.client.workflow.start('test-commands', {
      workflowId: envelope.run,
      taskQueue: engine.taskQueue,
      args: [envelope],
    });
    await expect(handle.result()).rejects.toMatchObject({ cause: { type: 'Refused' } });
  });
});
