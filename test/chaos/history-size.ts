import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { readFile } from 'node:fs/promises';
import type { WorkflowHandle } from '@temporalio/client';
import { messageNames } from '../../common/defaults.js';
import { getAttempts, getRun } from '../../store/index.js';
import { patiently } from '../helpers/restarts.js';
import { ChaosWorld, compare } from './world.js';

/** Decisions that are sent at once. */
const batch = 100;

export interface HistorySizes {
  /** Of the longest execution. */
  events: number;
  executions: number;
  /** The largest payload in bytes, as it lies in the history. */
  payload: number;
  /** Events that tell of a payload that was too large. */
  tooLarge: number;
}

export interface SizeOptions {
  steps: number;
  stdoutMb: number;
  stderrLines: number;
  refusals: number;
}

export interface SizeResult {
  loop: HistorySizes & { state: string; twice: number; lost: number };
  output: HistorySizes & { state: string; times: number; attempts: number; bytes: number };
  gate: HistorySizes & { state: string; refused: number; recorded: number };
  seconds: number;
}

/**
 * A long loop, large outputs, and many decisions that are refused: how large do histories and
 * payloads become?
 */
export async function sizes(
  options: SizeOptions,
  env: Record<string, string> = {},
): Promise<SizeResult> {
  const began = performance.now();
  const world = await ChaosWorld.start({ workers: 1, settings: env });
  try {
    const [output, gate, loop] = [
      await largeOutput(world, options),
      await refusedOften(world, options.refusals),
      await longLoop(world, options.steps),
    ];
    return { loop, output, gate, seconds: Math.round((performance.now() - began) / 1_000) };
  } finally {
    await world.stop();
  }
}

/** @param env `CHAOS_OFF=border`: the run continues as new only when Temporal suggests it */
export async function longLoopOf(
  steps: number,
  env: Record<string, string>,
): Promise<SizeResult['loop']> {
  const world = await ChaosWorld.start({ workers: 1, settings: env });
  try {
    return await longLoop(world, steps);
  } finally {
    await world.stop();
  }
}

async function longLoop(world: ChaosWorld, rounds: number): Promise<SizeResult['loop']> {
  const { engine, journal } = world;
  const run = await engine.run('chaos-steps', { kinds: 'sql', rounds, journal });
  const { state } = await engine.ended(run);
  const wanted = Array.from({ length: rounds }, (_, index) => `${run.workflowId} sql ${index + 1}`);
  return { state, ...compare(wanted, await world.effects()), ...(await sizesOf(world, run)) };
}

async function largeOutput(
  world: ChaosWorld,
  { stdoutMb, stderrLines }: SizeOptions,
): Promise<SizeResult['output']> {
  const { engine, folder } = world;
  const started = join(folder, 'started.txt');
  const argv = (script: string): string =>
    JSON.stringify(['/bin/sh', '-c', `echo x >> "$1"; ${script}`, 'sh', started]);
  const run = await engine.run('test-commands', {
    first: argv(`head -c ${stdoutMb}M /dev/zero | tr '\\0' x`),
    second: argv(`seq ${stderrLines} >&2`),
  });
  const { state, steps } = await engine.ended(run);
  const outputs = steps.map(
    ({ output }) => (output as { bytes: { stdout: number; stderr: number } } | null)?.bytes,
  );
  return {
    state,
    times: (await readFile(started, 'utf8')).trim().split('\n').length,
    attempts: (await getAttempts(engine.pool, run.workflowId)).length,
    bytes: outputs.reduce((sum, bytes) => sum + (bytes ? bytes.stdout + bytes.stderr : 0), 0),
    ...(await sizesOf(world, run)),
  };
}

/**
 * Approvals of something else than the gate asks, each of which is judged, answered and recorded;
 * then a good one.
 */
async function refusedOften(world: ChaosWorld, refusals: number): Promise<SizeResult['gate']> {
  const { engine, folder } = world;
  const started = await engine.run('test-gated', {
    journal: join(folder, 'gated.txt'),
    last: '["/usr/bin/true"]',
    first_change: true,
  });
  const run = engine.client.workflow.getHandle(started.workflowId);
  const good = await engine.decision(run);
  for (let sent = 0; sent < refusals; sent += batch) {
    const last = `${run.workflowId} ${sent}`;
    await Promise.all(
      Array.from({ length: batch }, (_, index) => {
        const id = index === batch - 1 ? last : randomUUID();
        return patiently(() =>
          run.signal(messageNames.decide, { ...good, id, digest: 'sha256:another' }),
        );
      }),
    );
    // As people do: whoever decides waits for the answer.
    await patiently(() => engine.verdict(run, last));
  }
  await patiently(() => run.signal(messageNames.decide, good));
  const { state } = await engine.ended(run);
  const { rows } = await engine.pool.query<{ refused: number }>(
    `SELECT count(*)::integer AS refused FROM runbook.decisions d JOIN runbook.runs r ON r.no = d.run_no WHERE r.run = $1 AND NOT d.accepted`,
    [run.workflowId],
  );
  const recorded = await getRun(engine.pool, run.workflowId);
  return {
    state,
    refused: rows[0]?.refused ?? 0,
    recorded: recorded?.state === state ? 1 : 0,
    ...(await sizesOf(world, run)),
  };
}

async function sizesOf({ engine }: ChaosWorld, run: WorkflowHandle): Promise<HistorySizes> {
  const sizes: HistorySizes = { events: 0, executions: 0, payload: 0, tooLarge: 0 };
  for await (const { runId } of engine.client.workflow.list({
    query: `WorkflowId = "${run.workflowId}"`,
  })) {
    const { events } = await engine.client.workflow.getHandle(run.workflowId, runId).fetchHistory();
    sizes.executions += 1;
    sizes.events = Math.max(sizes.events, events?.length ?? 0);
    for (const event of events ?? []) {
      sizes.payload = Math.max(sizes.payload, largestOf(event));
      const text = JSON.stringify(event);
      if (text.includes('TMPRL1103')) sizes.tooLarge += 1;
    }
  }
  return sizes;
}

/** The most bytes in one piece, anywhere inside. */
function largestOf(value: unknown): number {
  if (ArrayBuffer.isView(value)) return value.byteLength;
  if (value === null || typeof value !== 'object') return 0;
  return Math.max(0, ...Object.values(value).map(largestOf));
}
