import { constants } from 'node:fs';
import { open, readFile, rm, writeFile } from 'node:fs/promises';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import type { WorkflowHandle } from '@temporalio/client';
import { execa } from 'execa';
import { until } from '../../lab/until.js';
import { getAttempts } from '../../store/index.js';
import { Engine } from '../helpers/engine.js';
import { plainRunbook } from '../helpers/plain-runbook.js';
import { go, isAlive, untilGo } from '../helpers/shell.js';

/** A command with a secret, which each worker reads before it starts or follows the command. */
const plan = plainRunbook({
  id: 'with-secret',
  outputs: {},
  inputs: { journal: { type: 'text', description: 'a file', maxLength: 400 } },
  steps: [
    {
      ...{ id: 'work', title: 'Work', kind: 'command', effect: 'change', onFailure: 'ask' },
      ...{ timeoutMs: 3_600_000, undo: { none: 'it is counted' } },
      work: {
        action: {
          kind: 'command',
          argv: ['/bin/sh', '-c', `echo $$ >> "$1"; ${untilGo}`, 'sh', { $: 'inputs.journal' }],
          target: 'vault',
          env: { TOKEN: { secret: 'token' } },
        },
      },
    },
  ],
});

describe('a worker that fails before it follows the command of a dead one', () => {
  let engine: Engine;
  const secret = (): string => engine.path('token');
  beforeAll(async () => {
    engine = await Engine.start({
      targets: 'targets: { vault: { kind: service, environment: test } }\n',
      secrets: `secrets: { token: { from: "file:token", targets: [vault] } }\n`,
      plans: [plan],
      later: true,
    });
  }, 60_000);
  afterEach(async () => {
    for (const worker of [...engine.workers]) await engine.loseWorker(worker);
    for (const journal of journals.splice(0))
      (await pids(journal)).filter(isAlive).forEach((pid) => process.kill(-Number(pid), 'SIGKILL'));
  });
  afterAll(() => engine?.stop());

  const journals: string[] = [];
  const pids = async (journal: string): Promise<string[]> =>
    (await readFile(journal, 'utf8').catch(() => '')).split('\n').filter(Boolean);

  /** A run whose command runs on though its worker is dead. */
  async function left(name: string) {
    await rm(secret(), { force: true });
    await writeFile(secret(), 'sesame-open', { mode: 0o600 });
    const journal = engine.path(name);
    journals.push(journal);
    const worker = await engine.startWorker();
    const run = await engine.run('with-secret', { journal });
    await until('the command', async () => (await pids(journal)).length === 1);
    await engine.loseWorker(worker);
    await rm(secret());
    return { run, journal };
  }

  test('records no end, starts nothing else, and follows it when people retry', async () => {
    const { run, journal } = await left('gone');
    await engine.startWorker();
    const wait = await engine.waiting(run);
    expect(wait.kind).toBe('failure');
    const { error } = (await engine.status(run)).steps[0]!;
    await writeFile(secret(), 'sesame-open', { mode: 0o600 });
    const retry = await engine.decision(run, { verb: 'retry' });
    expect((await engine.send(run, retry)).accepted).toBe(true);
    await go(journal);
    expect((await engine.ended(run)).state).toBe('succeeded');
    expect(await pids(journal)).toHaveLength(1);
    const attempts = await getAttempts(engine.pool, run.workflowId);
    expect(attempts).toMatchObject([{ attempt: 1, state: 'succeeded' }]);
    expect(error).toMatchObject({
      message: expect.stringContaining('a command that an earlier worker started may run on'),
      next: expect.stringContaining('Then retry: the step follows that command'),
    });
  }, 120_000);

  test('because its run is cancelled: the command is ended', async () => {
    const { run, journal } = await left('cancelled');
    // Whoever reads a pipe waits until somebody has written.
    await execa('mkfifo', ['-m', '600', secret()]);
    await engine.startWorker();
    const pipe = await until('the worker to read its secret', () =>
      open(secret(), constants.O_WRONLY | constants.O_NONBLOCK).catch(() => undefined),
    );
    expect((await engine.cancel(run)).accepted).toBe(true);
    await until('the worker to have heard of it', () => hasHeard(run));
    await pipe.write('sesame-open');
    await pipe.close();
    expect((await engine.ended(run)).state).toBe('cancelled');
    expect((await pids(journal)).filter(isAlive)).toEqual([]);
  }, 120_000);
});

/** Whether the worker has asked for news since its activity was to be cancelled. */
async function hasHeard(run: WorkflowHandle): Promise<boolean> {
  const { events } = await run.fetchHistory();
  const asked = events?.find((event) => event.activityTaskCancelRequestedEventAttributes);
  const [pending] = (await run.describe()).raw.pendingActivities ?? [];
  return !!asked && millis(pending?.lastHeartbeatTime) > millis(asked.eventTime);
}

function millis(time: { seconds?: unknown; nanos?: number | null } | null | undefined): number {
  return Number(time?.seconds ?? 0) * 1_000 + (time?.nanos ?? 0) / 1e6;
}
