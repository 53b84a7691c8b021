import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { WorkflowExecutionAlreadyStartedError, type WorkflowHandle } from '@temporalio/client';
import type { DecisionEnvelope, Verdict } from '../../common/envelope.js';
import { messageNames } from '../../common/defaults.js';
import type { RunView } from '../../common/view.js';
import { OwnTemporal } from '../helpers/own-temporal.js';
import { atOnce, failureOf, patiently } from '../helpers/restarts.js';
import { ChaosWorld } from './world.js';
import { nothing } from '../helpers/shell.js';

/** Every so manieth decision is a rejection. */
const rejectEvery = 4;

export interface TemporalOptions {
  /** Runs in all; half of them are decided by people, the others do effects of every kind. */
  runs: number;
  /** Runs at once. */
  width: number;
  /** Milliseconds between the starts of two runs, at least; none unless said. */
  everyMs?: number;
  /** Milliseconds between a start of the server and its death, at least and at most. */
  between: readonly [number, number];
  /** Deaths at most; as many as come unless said. */
  most?: number;
}

export interface TemporalResult {
  kills: number;
  runs: number;
  /** Runs that ended as they should. */
  right: number;
  /** Decisions that were told that they are accepted. */
  accepted: number;
  /** Of these, those that did what they say, once. */
  tookEffect: number;
  twice: number;
  lost: number;
  seconds: number;
}

/** Temporal's server is killed again and again while runs are started, decided and ended. */
export async function killTemporal({
  runs,
  width,
  everyMs = 0,
  between,
  most = Infinity,
}: TemporalOptions): Promise<TemporalResult> {
  const began = performance.now();
  const temporal = await OwnTemporal.start();
  const world = await ChaosWorld.start({ workers: 2, address: temporal.address });
  const over = new AbortController();
  const begunAt = performance.now();
  const result = { kills: 0 };
  const killing = (async () => {
    while (result.kills < most) {
      await delay(between[0] + Math.random() * (between[1] - between[0]), undefined, {
        signal: over.signal,
      }).catch(() => undefined);
      if (over.signal.aborted) return;
      result.kills += 1;
      await temporal.kill9AndRestart();
    }
  })();
  try {
    const ended = await Promise.race([
      atOnce(runs, width, async (index) => {
        await delay(Math.max(0, begunAt + index * everyMs - performance.now()));
        return index % 2 === 0 ? decided(world, index / 2) : effects(world);
      }),
      world.engine.workerEnded(),
      failureOf(killing),
    ]);
    return {
      kills: result.kills,
      runs,
      right: ended.filter(({ right }) => right).length,
      accepted: ended.filter(({ accepted }) => accepted).length,
      tookEffect: ended.filter(({ accepted, right }) => accepted && right).length,
      twice: ended.reduce((sum, { twice }) => sum + twice, 0),
      lost: ended.reduce((sum, { lost }) => sum + lost, 0),
      seconds: Math.round((performance.now() - began) / 1_000),
    };
  } finally {
    over.abort();
    await killing.catch(() => undefined);
    await world.stop();
    await temporal.stop();
  }
}

interface EndedRun {
  accepted: boolean;
  right: boolean;
  twice: number;
  lost: number;
}

/** A run with a gate: whatever the person was told is what happens. */
async function decided(world: ChaosWorld, index: number): Promise<EndedRun> {
  const { engine, folder } = world;
  const journal = join(folder, `gated-${index}.txt`);
  const handle = await begin(world, 'test-gated', { journal, last: nothing });
  const view = await patiently(async () => {
    const seen = await engine.status(handle);
    if (seen.waitingFor.length === 0 && !seen.endedAt)
      throw new Error(`${handle.workflowId} does not come to its gate`);
    return seen;
  });
  const [gate] = view.waitingFor;
  const decision: DecisionEnvelope = {
    version: 1,
    id: randomUUID(),
    run: handle.workflowId,
    verb: index % rejectEvery === rejectEvery - 1 ? 'reject' : 'approve',
    about: { kind: 'gate', id: 'gate' },
    attempt: gate?.attempt ?? 0,
    digest: gate?.digest ?? '',
    by: 'approver',
    reason: 'in the storm',
  };
  await patiently(() => handle.signal(messageNames.decide, decision));
  const verdict = await patiently(async () => {
    const answer = await handle.query<Verdict | null, [string]>(messageNames.verdict, decision.id);
    if (!answer) throw new Error(`${handle.workflowId} does not answer`);
    return answer;
  });
  const { state } = await untilEnded(world, handle);
  const lines = (await readFile(journal, 'utf8').catch(() => '')).split('\n').filter(Boolean);
  const [wantedState, wanted] =
    decision.verb === 'approve'
      ? ['succeeded', ['before', 'after']]
      : ['rejected', ['before', 'undo before']];
  return {
    accepted: verdict.accepted,
    right: state === wantedState && lines.join() === wanted.join(),
    twice: lines.length - new Set(lines).size,
    lost: wanted.filter((line) => !lines.includes(line)).length,
  };
}

async function effects(world: ChaosWorld): Promise<EndedRun> {
  const handle = await begin(world, 'chaos-steps', {
    kinds: 'command,sql,http,notify',
    rounds: 1,
    journal: world.journal,
  });
  const { state } = await untilEnded(world, handle);
  const happened = (await world.effects()).filter((id) => id.startsWith(`${handle.workflowId} `));
  const twice = happened.length - new Set(happened).size;
  const lost = 4 - new Set(happened).size;
  return {
    accepted: false,
    right: state === 'succeeded' && twice === 0 && lost === 0,
    twice,
    lost,
  };
}

/**
 * Starts a run under an id of its own, again if need be: the server may have died after it took it.
 */
async function begin(
  { engine }: ChaosWorld,
  runbook: string,
  inputs: Record<string, string | number>,
): Promise<WorkflowHandle> {
  const envelope = engine.envelope(runbook, inputs);
  const { workflow } = engine.client;
  return patiently(async () => {
    try {
      return await workflow.start(runbook, {
        workflowId: envelope.run,
        taskQueue: engine.taskQueue,
        args: [envelope],
      });
    } catch (error) {
      if (error instanceof WorkflowExecutionAlreadyStartedError)
        return workflow.getHandle(envelope.run);
      throw error;
    }
  });
}

function untilEnded({ engine }: ChaosWorld, handle: WorkflowHandle): Promise<RunView> {
  return patiently(async () => {
    const view = await engine.status(handle);
    if (!view.endedAt) throw new Error(`${handle.workflowId} does not end: ${view.state}`);
    return view;
  }, 180_000);
}
