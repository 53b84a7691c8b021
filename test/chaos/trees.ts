import { readdirSync, readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { WorkflowHandle } from '@temporalio/client';
import { termGraceMs } from '../../activities/process-tree.js';
import { until } from '../../lab/until.js';
import { ChaosWorld } from './world.js';
import { isAlive } from '../helpers/shell.js';

/** Beyond the grace that TERM gives, in milliseconds. */
const patienceMs = 2_000;
/** A tree that is ended by its time limit has this long to grow, in seconds. */
const limitSeconds = 3;
/** Processes of a tree; each writes its number. */
const members = 6;

/**
 * Nobody in this tree listens to TERM: the shell, a child, a child in a session of its own, one
 * that was forked twice so that nobody is its parent, and two that were forked twice into sessions
 * of their own. The first answers TERM with another child.
 */
const script = [
  `trap 'setsid sh -c "trap \\"\\" TERM; echo \\$\\$ >> \\"\\$1\\"; exec sleep infinity" sh "$1" &' TERM`,
  `echo $$ >> "$1"`,
  `sh -c 'trap "" TERM; echo $$ >> "$1"; exec sleep infinity' sh "$1" &`,
  `setsid sh -c 'trap "" TERM; echo $$ >> "$1"; exec sleep infinity' sh "$1" &`,
  `(sh -c 'trap "" TERM; echo $$ >> "$1"; exec sleep infinity' sh "$1" &)`,
  `(setsid sh -c '(trap "" TERM; sh -c "trap \\"\\" TERM; echo \\$\\$ >> \\"\\$1\\"; exec sleep infinity" sh "$1" &) ; trap "" TERM; echo $$ >> "$1"; exec sleep infinity' sh "$1" &)`,
  `while :; do sleep infinity & wait; done`,
].join('\n');

export interface TreeResult {
  trees: number;
  processes: number;
  /** Trees of which somebody lived when the grace and two seconds were over. */
  survived: number;
  survivors: number;
  /** The longest time from the order to the end of the last process, in milliseconds. */
  slowestMs: number;
}

/** Half of the trees are cancelled by a decision, the other half run out of time; all at once. */
export async function trees(
  count: number,
): Promise<{ cancelled: TreeResult; timedOut: TreeResult; seconds: number }> {
  const began = performance.now();
  const world = await ChaosWorld.start({ workers: 1 });
  try {
    const [cancelled, timedOut] = await Promise.all([
      each(Math.ceil(count / 2), (index) => cancelOne(world, index)),
      each(Math.floor(count / 2), (index) => timeOutOne(world, index)),
    ]);
    return { cancelled, timedOut, seconds: Math.round((performance.now() - began) / 1_000) };
  } finally {
    await world.stop();
  }
}

interface Ended {
  processes: number;
  survivors: number;
  ms: number;
}

async function each(count: number, end: (index: number) => Promise<Ended>): Promise<TreeResult> {
  const ended = await Promise.all(Array.from({ length: count }, (_, index) => end(index)));
  return {
    trees: count,
    processes: ended.reduce((sum, { processes }) => sum + processes, 0),
    survived: ended.filter(({ survivors }) => survivors > 0).length,
    survivors: ended.reduce((sum, { survivors }) => sum + survivors, 0),
    slowestMs: Math.max(0, ...ended.map(({ ms }) => ms)),
  };
}

async function cancelOne(world: ChaosWorld, index: number): Promise<Ended> {
  const pids = join(world.folder, `cancelled-${index}.txt`);
  const handle = await start(world, pids, 300);
  await until('the tree', async () => (await read(pids)).length === members);
  const { accepted } = await world.engine.send(handle, {
    version: 1,
    id: `cancel-${handle.workflowId}`,
    run: handle.workflowId,
    verb: 'cancel',
    by: 'requester',
    reason: 'wrong night',
  });
  if (!accepted) throw new Error(`${handle.workflowId} could not be cancelled`);
  const ended = await untilDead(handle.workflowId, pids, Date.now());
  const { state } = await world.engine.ended(handle);
  if (state !== 'cancelled') throw new Error(`${handle.workflowId} is ${state}`);
  return ended;
}

async function timeOutOne(world: ChaosWorld, index: number): Promise<Ended> {
  const pids = join(world.folder, `timed-out-${index}.txt`);
  const handle = await start(world, pids, limitSeconds);
  await until('the tree', async () => (await read(pids)).length >= members);
  const ended = await untilDead(handle.workflowId, pids, Date.now() + limitSeconds * 1_000);
  const { problem } = await world.engine.ended(handle);
  if (problem?.type !== 'StepTimeout')
    throw new Error(`${handle.workflowId}: ${problem?.type}: ${problem?.message}`);
  return ended;
}

/**
 * Waits until nobody of the tree lives, until its time is over.
 * @param from when it was told to end
 */
async function untilDead(run: string, pids: string, from: number): Promise<Ended> {
  for (const seen = new Set<number>(); ; await delay(50)) {
    // Read again: those who are told to end may start more.
    for (const pid of [...(await read(pids)), ...processesOf(run)]) seen.add(pid);
    const survivors = [...seen].filter(isAlive).length;
    const ms = Date.now() - from;
    if (survivors === 0 || ms > termGraceMs + patienceMs)
      return { processes: seen.size, survivors, ms };
  }
}

/** Whoever has the run's name in its environment, whether or not it wrote its number. */
function processesOf(run: string): number[] {
  return readdirSync('/proc')
    .map(Number)
    .filter((pid) => {
      try {
        return (
          pid > 0 &&
          readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0').includes(`RUNBOOK_RUN=${run}`)
        );
      } catch {
        // It ended in between, or is another user's.
        return false;
      }
    });
}

async function read(pids: string): Promise<number[]> {
  const text = await readFile(pids, 'utf8').catch(() => '');
  return text.split('\n').filter(Boolean).map(Number);
}

function start({ engine }: ChaosWorld, argument: string, seconds: number): Promise<WorkflowHandle> {
  const run = `tree-${randomUUID().slice(0, 8)}`;
  const envelope = engine.envelope('chaos-tree', { script, argument, seconds }, run);
  return engine.client.workflow.start('chaos-tree', {
    workflowId: run,
    taskQueue: engine.taskQueue,
    args: [envelope],
  });
}
