import { createHash, randomUUID } from 'node:crypto';
import { access } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { WorkflowHandleWithFirstExecutionRunId } from '@temporalio/client';
import { CancelledFailure } from '@temporalio/common';
import { AttemptPrograms } from '../../activities/attempt-programs.js';
import { Programs } from '../../activities/programs.js';
import type { AttemptRequest } from '../../common/attempt.js';
import type { DecisionEnvelope, StartEnvelope } from '../../common/envelope.js';
import { messageNames } from '../../common/defaults.js';
import type { Json, JsonObject } from '../../language/json.js';
import type { CommandAction } from '../../language/kinds/command.js';
import { Engine } from '../helpers/engine.js';
import { until } from '../../lab/until.js';
import type { ActivityFunction } from '../../testing/driver/attempt.js';
import { Driver } from '../../testing/driver/driver.js';
import type { Run } from '../../testing/driver/run.js';
import type { TraceEntry } from '../../testing/driver/trace.js';
import { serverTrace } from './server-trace.js';
import { activities, bundleProcedures, decide, stepFailure, type PlayCommand } from './world.js';
import { nothing, sh } from '../helpers/shell.js';

/*
 * The driver is only worth what it shares with a server: each scenario runs on both, and both have
 * to see the same commands, with the same arguments, in the same order.
 */

type Handle = WorkflowHandleWithFirstExecutionRunId;

interface Scenario {
  runbook: string;
  /**
   * Inputs; the server's commands are real ones.
   * @param path makes the name of a file in the server's folder
   */
  inputs: (path: (name: string) => string) => JsonObject;
  /** What the commands do, for the driver. */
  play: PlayCommand;
  /** What people do, on the server and on the driver. */
  server?: (handle: Handle, path: (name: string) => string) => Promise<unknown>;
  driver?: (run: Run) => Promise<unknown>;
}

const stop = (run: string): DecisionEnvelope => ({
  ...{ version: 1, id: 'stop', run, verb: 'cancel', by: 'requester', reason: 'wrong night' },
});

/** What activities/command.ts hands back for a command that ended well. */
function ended(stdout = ''): Json {
  const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');
  return {
    ...{ exitCode: 0, signal: null, stdout, stderr: '', truncated: false },
    bytes: { stdout: stdout.length, stderr: 0 },
    sha256: { stdout: sha256(stdout), stderr: sha256('') },
  };
}

/** Ends as a command does that is told to stop. */
const untilCancelled: PlayCommand = async (_request, activity) => {
  await activity.hold();
  return ended();
};

const changed = (path: (name: string) => string, last = nothing): JsonObject => ({
  journal: path('journal'),
  last,
  first_change: true,
});

const scenarios: Record<string, Scenario> = {
  success: {
    runbook: 'test-commands',
    inputs: () => ({ first: nothing, second: JSON.stringify(['/bin/echo', 'hello']) }),
    play: ({ step }) => ended(step.path === 'second' ? 'hello\n' : ''),
  },
  'a retried step': {
    runbook: 'test-commands',
    inputs: (path) => ({
      first: sh('echo x >> "$1"; [ "$(wc -l < "$1")" -ge 3 ]', path('count')),
      second: nothing,
    }),
    play: (request, activity) => {
      if (request.step.path === 'first' && activity.attempt < 3)
        throw stepFailure(request, activity, 'CommandFailed', '/bin/sh ended with exit code 1');
      return ended();
    },
  },
  'a step that fails for good': {
    runbook: 'test-commands',
    inputs: () => ({ first: sh('exit 7'), second: nothing }),
    play: (request, activity) => {
      throw stepFailure(request, activity, 'CommandFailed', '/bin/sh ended with exit code 7', {
        next: 'Read its whole output',
        command: `logs ${request.key.run} ${request.step.path}`,
      });
    },
  },
  'a start that is refused': {
    runbook: 'test-commands',
    inputs: () => ({ first: nothing }),
    play: () => ended(),
  },
  'an approved gate': {
    runbook: 'test-gated',
    inputs: changed,
    play: () => ended(),
    server: (handle) => decideOnServer(handle),
    driver: (run) => decide(run),
  },
  'a gate that is rejected, and a rollback': {
    runbook: 'test-gated',
    inputs: changed,
    play: () => ended(),
    server: (handle) => decideOnServer(handle, { verb: 'reject', reason: 'not today' }),
    driver: (run) => decide(run, { verb: 'reject', reason: 'not today' }),
  },
  'a refused decision, a signal that nobody knows, then an approval': {
    runbook: 'test-gated',
    inputs: changed,
    play: () => ended(),
    server: async (handle) => {
      await decideOnServer(handle, { id: 'own', by: 'requester' });
      await handle.signal('approve-everything', { id: 'odd' });
      await engine.verdict(handle, 'odd');
      await decideOnServer(handle);
    },
    driver: async (run) => {
      await decide(run, { id: 'own', by: 'requester' });
      run.signal('approve-everything', { id: 'odd' });
      await decide(run);
    },
  },
  'a gate whose deadline passes': {
    runbook: 'test-deadline',
    inputs: () => ({}),
    play: () => ended(),
  },
  'a failure behind the gate, and a rollback': {
    runbook: 'test-gated',
    inputs: (path) => changed(path, sh('exit 1')),
    play: (request, activity) => {
      if (request.step.path !== 'last') return ended();
      throw stepFailure(request, activity, 'CommandFailed', '/bin/sh ended with exit code 1', {
        next: 'Read its whole output',
        command: `logs ${request.key.run} ${request.step.path}`,
      });
    },
    server: (handle) => decideOnServer(handle),
    driver: (run) => decide(run),
  },
  'a parallel step, one branch of which fails': {
    runbook: 'test-parallel',
    inputs: (path) => ({
      a: sh('touch "$1"; sleep infinity', path('running')),
      b: sh('while [ ! -e "$1" ]; do sleep 0.05; done; exit 3', path('running')),
    }),
    play: (request, activity) => {
      if (request.step.path === 'all/a') return untilCancelled(request, activity);
      throw stepFailure(request, activity, 'CommandFailed', '/bin/sh ended with exit code 3', {
        next: 'Read its whole output',
        command: `logs ${request.key.run} ${request.step.path}`,
      });
    },
    driver: async (run) => {
      await run.settle();
      run.held('all/a').fail(new CancelledFailure('ended'));
    },
  },
  'a cancellation while a command runs': {
    runbook: 'test-gated',
    inputs: (path) => changed(path, sh('touch "$1"; sleep infinity', path('running'))),
    play: (request, activity) =>
      request.step.path === 'last' ? untilCancelled(request, activity) : ended(),
    server: async (handle, path) => {
      await decideOnServer(handle);
      await until('the last command to run', () =>
        access(path('running')).then(
          () => true,
          () => undefined,
        ),
      );
      await engine.send(handle, stop(handle.workflowId));
    },
    driver: async (run) => {
      await decide(run);
      run.signal(messageNames.decide, stop(run.workflowId));
      await run.settle();
      run.held('last').fail(new CancelledFailure('ended'));
    },
  },
  "Temporal's own cancellation at a gate": {
    runbook: 'test-gated',
    inputs: changed,
    play: () => ended(),
    server: async (handle) => {
      await engine.waiting(handle);
      await handle.cancel();
    },
    driver: async (run) => {
      await run.settle();
      run.cancel();
    },
  },
};

let engine: Engine;
let driver: Driver;

async function decideOnServer(
  handle: Handle,
  change: Partial<DecisionEnvelope> = {},
): Promise<void> {
  await engine.send(handle, await engine.decision(handle, { id: 'decision-1', ...change }));
}

async function onServer(
  scenario: Scenario,
): Promise<{ handle: Handle; envelope: StartEnvelope; trace: TraceEntry[] }> {
  const prefix = randomUUID();
  const path = (name: string): string => engine.path(`${prefix}-${name}`);
  const envelope = engine.envelope(scenario.runbook, scenario.inputs(path));
  const handle = await engine.client.workflow.start(scenario.runbook, {
    workflowId: envelope.run,
    taskQueue: engine.taskQueue,
    args: [envelope],
  });
  await scenario.server?.(handle, path);
  await handle.result().catch(() => undefined);
  return {
    handle,
    envelope,
    trace: await serverTrace(engine.client.workflow, envelope.run, handle.firstExecutionRunId),
  };
}

async function onDriver(
  scenario: Scenario,
  envelope: StartEnvelope,
  runId: string,
): Promise<TraceEntry[]> {
  const run = driver.start(scenario.runbook, [envelope], {
    workflowId: envelope.run,
    runId,
    activities: { ...activities(scenario.play), command: lookingAtPrograms(scenario.play) },
  });
  await scenario.driver?.(run);
  await run.end();
  return run.trace;
}

/** As a worker does: it tells what the run did not know of the program. */
function lookingAtPrograms(play: PlayCommand): ActivityFunction {
  return async (request: AttemptRequest<CommandAction>, activity) => {
    const programs = new AttemptPrograms(new Programs(), request.programs);
    await programs.assertUnchanged(request.action);
    const output = await play(request, activity);
    return { output, attempt: activity.attempt, ...programs.newlyRun() };
  };
}

/**
 * The one inherent difference: the server's clock is the real one, and what it shows goes into
 * arguments as ISO times.
 */
function withoutTimes(trace: readonly TraceEntry[]): unknown {
  const time = /"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"/g;
  return JSON.parse(JSON.stringify(trace).replace(time, '"<time>"'));
}

describe('the driver and a real server see the same commands', () => {
  beforeAll(async () => {
    engine = await Engine.start();
    driver = await Driver.create({ code: await bundleProcedures() });
  }, 60_000);
  afterAll(async () => {
    await driver?.close();
    await engine?.stop();
  });

  test.each(Object.entries(scenarios))('%s', async (_name, scenario) => {
    const { handle, envelope, trace } = await onServer(scenario);
    expect(trace.length).toBeGreaterThan(1);
    expect(withoutTimes(await onDriver(scenario, envelope, handle.firstExecutionRunId))).toEqual(
      withoutTimes(trace),
    );
  });
});
