import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { NativeConnection, Worker } from '@temporalio/worker';
import { Origins } from '../../activities/origin.js';
import { payloadCodec } from '../../common/payload-codec.js';
import type { RunKey } from '../../common/keys.js';
import { workflowTaskTimeout } from '../../common/defaults.js';
import type { Json } from '../../language/json.js';
import { getPlan, getRun } from '../../store/index.js';
import { programFolder } from '../../worker/config.js';
import { testBundle } from '../helpers/bundle.js';
import { Engine } from '../helpers/engine.js';
import { until } from '../../lab/until.js';
import { tell } from '../chaos/tell.js';
import type { Call, stranger } from './strangers.js';
import { withoutPlan } from './without-plan.js';
import { nothing } from '../helpers/shell.js';

/** Somebody who can reach the Temporal server, and has nothing else of ours. */
describe('a stranger with the plain Temporal client', () => {
  let engine: Engine;
  let victim: RunKey;
  let strangers: Worker;
  let closing: (() => Promise<unknown>)[] = [];
  const strangersQueue = `strangers-${randomUUID()}`;

  beforeAll(async () => {
    engine = await Engine.start();
    const connection = await NativeConnection.connect({ address: engine.address });
    strangers = await Worker.create({
      connection,
      taskQueue: strangersQueue,
      workflowBundle: {
        code: await testBundle(join(programFolder, 'test', 'attacks', 'strangers.js')),
      },
      dataConverter: { payloadCodecs: [payloadCodec] },
    });
    const running = strangers.run();
    closing = [
      () => Promise.resolve(strangers.shutdown()),
      () => running,
      () => connection.close(),
    ];
    victim = await recordedRun();
  }, 60_000);
  afterAll(async () => {
    for (const close of closing) await close();
    await engine?.stop();
  });

  /** One whose first step has not happened: what succeeded once is not done again for anybody. */
  async function recordedRun(): Promise<RunKey> {
    const fails = JSON.stringify(['/bin/false']);
    const handle = await engine.run('test-commands', { first: fails, second: nothing });
    const { id, firstRunId } = await engine.ended(handle);
    return { run: id, firstRunId };
  }

  let files = 0;
  const journal = () => engine.path(`forged-${(files += 1)}.txt`);
  const effects = async (file: string) =>
    (await readFile(file, 'utf8').catch(() => '')).split('\n').filter(Boolean).length;

  const program = (file: string) => ['/bin/sh', '-c', 'echo forged >> "$1"', 'sh', file];
  const step = (key: RunKey, file: string): Json => ({
    version: 1,
    key: { ...key },
    step: { path: `forged-${randomUUID()}`, title: 'Forged', kind: 'command', effect: 'change' },
    action: { kind: 'command', argv: program(file) },
    expect: [],
    attempts: 1,
    timeoutMs: 10_000,
  });

  /** @returns what its activities answered */
  const asks = (calls: Call[], workflowId = `stranger-${randomUUID()}`): Promise<Json[]> =>
    engine.client.workflow.execute<typeof stranger>('stranger', {
      workflowId,
      taskQueue: strangersQueue,
      args: [engine.taskQueue, calls],
      workflowTaskTimeout,
    });

  /**
   * A cron schedule tells its second start that there was one before it, as a run that continues as
   * new does.
   */
  async function cron(key: RunKey, workflowId: string, file: string): Promise<void> {
    const [view, admitted] = [
      await getRun(engine.pool, victim),
      await getPlan(engine.pool, victim),
    ];
    if (!view || !admitted) throw new Error('there is no run to forge');
    const inputs = { first: JSON.stringify(program(file)), second: nothing };
    const carried = {
      ...{ version: 1, verb: 'continue', key, envelope: { ...admitted.envelope, inputs } },
      plan: { ...admitted.plan, inputs },
      settings: { command: 'runbook', uiUrl: null, heartbeatMs: 2_000 },
      view: {
        ...view,
        ...{ id: key.run, firstRunId: key.firstRunId, inputs, state: 'running', endedAt: null },
        steps: view.steps.map((each) => ({ ...each, state: 'pending', attempts: 0 })),
      },
      published: { state: '', step: '', command: '' },
      ...{ gates: [], desk: [], lease: { held: [], asked: 0 }, paused: false, rollback: null },
      inbox: { verdicts: [], count: 0 },
    };
    const { workflowId: id } = await engine.client.workflow.start('test-commands', {
      ...{ workflowId, taskQueue: engine.taskQueue, args: [carried], workflowTaskTimeout },
      cronSchedule: '@every 1s',
      workflowTaskTimeout,
    });
    const ended = async () => {
      const found = engine.client.workflow.list({ query: `WorkflowId = '${id}'` });
      let closed = 0;
      for await (const { status } of found) if (status.name !== 'RUNNING') closed += 1;
      return closed >= 3 || (await effects(file)) > 0 ? true : undefined;
    };
    await until('the second start of the cron schedule to end', ended, 20_000);
    await engine.client.workflow.getHandle(id).terminate();
  }

  /** Each tries to have a line written to the file. */
  const ways: Record<string, (file: string) => Promise<unknown>> = {
    'an activity on its own, with the key of a recorded run': (file) =>
      engine.client.activity
        .execute('command', {
          id: `alone-${randomUUID()}`,
          taskQueue: engine.taskQueue,
          args: [step(victim, file)],
          startToCloseTimeout: '20s',
          retry: { maximumAttempts: 1 },
        })
        .catch((error: Error) => error),
    'a workflow of theirs': (file) => asks([{ activity: 'command', request: step(victim, file) }]),
    'a workflow of theirs that asks for leases first': (file) =>
      asks([
        {
          activity: 'acquireLeases',
          request: { version: 1, key: { ...victim }, targets: [], known: [], patienceMs: 1 },
        },
        { activity: 'command', request: step(victim, file) },
      ]),
    "a workflow of theirs under the run's own id": (file) =>
      asks([{ activity: 'command', request: step(victim, file) }], victim.run),
    'a workflow of theirs that is admitted as a run': async (file) => {
      const run = `stranger-${randomUUID()}`;
      const handle = await engine.client.workflow.start<typeof stranger>('stranger', {
        workflowId: run,
        taskQueue: strangersQueue,
        args: [engine.taskQueue, []],
        workflowTaskTimeout,
      });
      await handle.result();
      const key = { run, firstRunId: handle.firstExecutionRunId };
      const envelope = engine.envelope('test-commands', { first: nothing, second: nothing }, run);
      const request = { version: 1, key, envelope, startedAt: new Date().toISOString() };
      return asks([
        { activity: 'admit', request: request as unknown as Json },
        { activity: 'command', request: step(key, file) },
      ]);
    },
    "a cron schedule with forged carried state, under the run's id": (file) =>
      cron(victim, victim.run, file),
    'a cron schedule with forged carried state, under another id': (file) =>
      cron(victim, `cron-${randomUUID()}`, file),
  };

  test('has nothing done, whichever way it goes; without the proof every way works', async () => {
    const found = { guarded: 0, open: 0 };
    for (const [way, forge] of Object.entries(ways)) {
      const file = journal();
      await forge(file);
      expect([way, await effects(file)]).toEqual([way, 0]);
      found.guarded += await effects(file);
    }
    jest.spyOn(Origins.prototype, 'prove').mockResolvedValue(undefined);
    // What a stranger asks for is in no plan either.
    withoutPlan();
    const worked: string[] = [];
    for (const [way, forge] of Object.entries(ways)) {
      const file = journal();
      await forge(file);
      if ((await effects(file)) > 0) worked.push(way);
    }
    found.open = worked.length;
    jest.restoreAllMocks();
    const { length } = Object.keys(ways);
    tell(
      `strangers: ${found.guarded} of ${length} ways had an effect; ${found.open} without the proof`,
    );
    expect(found.guarded).toBe(0);
    expect(found.open).toBeGreaterThanOrEqual(5);
  }, 120_000);

  test('is given no targets, no verdict and no place in the record', async () => {
    // Not of the one whose forged executions may still be on their way.
    const victim = await recordedRun();
    const view = await getRun(engine.pool, victim);
    const save = { number: 1_000, all: true };
    const requests: Record<string, object> = {
      acquireLeases: { version: 1, key: victim, targets: [], known: [], patienceMs: 1 },
      judge: { version: 1, key: victim, requester: 'x', gates: [], ended: false, decisions: [] },
      record: { version: 2, view: { ...view, state: 'failed' }, save },
      settle: { version: 1, key: victim, step: 'first' },
      admit: {
        ...{ version: 1, key: victim, startedAt: new Date().toISOString() },
        envelope: engine.envelope('test-commands', { first: nothing, second: nothing }),
      },
    };
    const answers = await asks(
      Object.entries(requests).map(([activity, request]) => ({
        activity,
        request: request as Json,
      })),
    );
    expect(answers).toEqual(
      Object.keys(requests).map((activity) =>
        expect.stringMatching(`^refused: ${activity} was requested in the name of run`),
      ),
    );
    expect(await getRun(engine.pool, victim)).toEqual(view);
  });
});
