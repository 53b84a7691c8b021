import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { CompleteAsyncError, Context } from '@temporalio/activity';
import { Client, Connection } from '@temporalio/client';
import { ApplicationFailure } from '@temporalio/common';
import { DefaultLogger, NativeConnection, Runtime, Worker } from '@temporalio/worker';
import type { Json } from '../../language/json.js';
import { programFolder } from '../../worker/config.js';
import type { ActivityFunction } from '../../testing/driver/attempt.js';
import { Driver } from '../../testing/driver/driver.js';
import type { Run } from '../../testing/driver/run.js';
import type { RunOptions } from '../../testing/driver/server.js';
import { outline } from '../../testing/driver/trace.js';
import { serverTrace } from './server-trace.js';
import type { Activities } from './workflows.js';
import { testBundle } from '../helpers/bundle.js';

/*
 * The corners of the SDK that the test procedures do not reach, in workflows of their own:
 * continue-as-new, patches, what is cancelled at once, and how each failure looks to the workflow,
 * which is part of what these return.
 */

const fail = (type: string): never => {
  throw ApplicationFailure.create({
    type,
    message: `${type} failure`,
    nonRetryable: type === 'Permanent',
  });
};

const onDriver: Record<keyof Activities, ActivityFunction> = {
  echo: (value: Json) => value,
  fail,
  wait: (_nothing: unknown, activity) => activity.cancelled(),
  stubborn: (_nothing: unknown, activity) => activity.cancelled().catch(() => fail('Stubborn')),
  silent: (_nothing: unknown, activity) => activity.sleep(3_600_000),
};

const untilCancelled = async (): Promise<never> => {
  const beat = setInterval(() => Context.current().heartbeat(), 50);
  return Context.current().cancelled.finally(() => clearInterval(beat));
};

const onWorker: Activities = {
  echo: (value) => Promise.resolve(value),
  fail: (type) => Promise.resolve().then(() => fail(type)),
  wait: untilCancelled,
  stubborn: () => untilCancelled().catch(() => fail('Stubborn')),
  // The worker waits for an answer from elsewhere, which never comes.
  silent: () => Promise.reject(new CompleteAsyncError()),
};

let driver: Driver;
let code: string;
beforeAll(async () => {
  code = await testBundle(join(programFolder, 'test', 'driver', 'workflows.js'));
  driver = await Driver.create({ code });
}, 60_000);
afterAll(() => driver?.close());

function start(workflow: string, args: Json[] = [], options: Partial<RunOptions> = {}): Run {
  return driver.start(workflow, args, { activities: onDriver, ...options });
}

describe('like a real server', () => {
  let client: Client;
  const closers: (() => Promise<unknown>)[] = [];
  const taskQueue = `driver-${randomUUID()}`;

  beforeAll(async () => {
    const address = process.env['TEMPORAL_ADDRESS'];
    if (!address) throw new Error('TEMPORAL_ADDRESS is not set: run this test through npm test');
    Runtime.install({ logger: new DefaultLogger('ERROR') });
    const connection = await NativeConnection.connect({ address });
    const worker = await Worker.create({
      connection,
      taskQueue,
      workflowBundle: { code },
      activities: { ...onWorker },
      maxHeartbeatThrottleInterval: '100ms',
      defaultHeartbeatThrottleInterval: '100ms',
    });
    const running = worker.run();
    client = new Client({ connection: await Connection.connect({ address }) });
    closers.push(
      () => Promise.resolve(worker.shutdown()).then(() => running),
      () => connection.close(),
      () => client.connection.close(),
    );
  }, 60_000);
  afterAll(async () => {
    for (const close of closers) await close();
  });

  test.each<[string, Json[]]>([
    ['chained', [2]],
    ['instant', []],
    ['failures', []],
    ['cancelling', ['wait']],
    ['cancelling', ['try']],
    ['cancelling', ['stubborn']],
    ['cancelling', ['between attempts']],
    ['patchy', []],
  ])('%s(%j)', async (workflow, args) => {
    const memo = { kept: true };
    const workflowId = `${workflow}-${randomUUID()}`;
    const handle = await client.workflow.start(workflow, { workflowId, taskQueue, args, memo });
    await handle.result();
    const server = await serverTrace(client.workflow, workflowId, handle.firstExecutionRunId);
    const run = start(workflow, args, { memo });
    await run.result();
    expect(server.length).toBeGreaterThan(1);
    expect(run.trace).toEqual(server);
  });
});

describe('without a server', () => {
  test('the seed decides the randomness of a workflow', async () => {
    const [one, same, other] = await Promise.all(
      [1, 1, 2].map((seed) => start('random', [], { seed }).result()),
    );
    expect(one).toEqual(same);
    expect(one).not.toEqual(other);
  });

  test('a history that grows is suggested to continue as new', async () => {
    const run = start('untilSuggested', [1], { suggestContinueAsNewAt: 20 });
    expect(await run.result()).toBe(3);
    // Five events to begin with and six for each step: the third activity's task is the first one
    // that begins beyond 20.
    const execution = ['echo', 'echo', 'echo', 'continue-as-new untilSuggested'];
    expect(outline(run.trace)).toEqual([...execution, ...execution, 'complete']);
  });

  test('a bug fails the workflow task, and with it the test', async () => {
    const run = start('broken');
    await expect(run.result()).rejects.toThrow('the workflow task failed: a bug');
    await expect(run.settle()).rejects.toThrow('the workflow task failed: a bug');
  });
});
