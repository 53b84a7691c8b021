import { createHash } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { WorkflowHandle } from '@temporalio/client';
import { getAttempts, getRun, readOutput } from '../../store/index.js';
import { OwnPostgres } from '../helpers/own-postgres.js';
import { atOnce, failureOf, patiently } from '../helpers/restarts.js';
import { ChaosWorld, compare } from './world.js';

const kinds = ['command', 'sql', 'http', 'notify'] as const;

export interface RecordOptions {
  runs: number;
  /** Runs at once. */
  width: number;
  rounds: number;
  /** Milliseconds between a start of the server and its stop, at least and at most. */
  between: readonly [number, number];
  /** Restarts at most; as many as come unless said. */
  most?: number;
}

export interface RecordResult {
  restarts: number;
  runs: number;
  /** Runs that succeeded, with every effect once. */
  right: number;
  twice: number;
  lost: number;
  /** Failures that people were asked about. */
  waits: string[];
  /** What the record does not have, or has otherwise, in words. */
  gaps: string[];
  seconds: number;
}

/**
 * The PostgreSQL server that has the record, and the database that the steps of kind `sql` change,
 * is restarted again and again: every other time it is shut down, the other times it ends at once
 * and recovers. Then the record is read.
 */
export async function restartRecord({
  runs,
  width,
  rounds,
  between,
  most = Infinity,
}: RecordOptions): Promise<RecordResult> {
  const began = performance.now();
  const server = await OwnPostgres.start('record', 'effects');
  const world = await ChaosWorld.start({
    workers: 2,
    databaseUrl: server.url('record'),
    target: server.url('effects'),
  });
  const over = new AbortController();
  let restarts = 0;
  const waits: string[] = [];
  const restarting = (async () => {
    while (restarts < most) {
      await delay(between[0] + Math.random() * (between[1] - between[0]), undefined, {
        signal: over.signal,
      }).catch(() => undefined);
      if (over.signal.aborted) return;
      await server.restart(restarts % 2 === 0 ? 'SIGINT' : 'SIGQUIT');
      restarts += 1;
    }
  })();
  try {
    const handles = await Promise.race([
      atOnce(runs, width, (index) => oneRun(world, index, rounds, waits)),
      world.engine.workerEnded(),
      failureOf(restarting),
    ]);
    over.abort();
    await restarting;
    const happened = await world.effects();
    const counts = handles.map(({ workflowId }) =>
      compare(
        effectsOf(workflowId, rounds),
        happened.filter((id) => id.startsWith(`${workflowId} `)),
      ),
    );
    const gaps = (await Promise.all(handles.map((handle) => gapsOf(world, handle, rounds)))).flat();
    const states = await Promise.all(
      handles.map((handle) => world.engine.status(handle).then(({ state }) => state)),
    );
    return {
      restarts,
      runs,
      right: counts.filter(
        ({ twice, lost }, index) => twice + lost === 0 && states[index] === 'succeeded',
      ).length,
      twice: counts.reduce((sum, { twice }) => sum + twice, 0),
      lost: counts.reduce((sum, { lost }) => sum + lost, 0),
      waits,
      gaps,
      seconds: Math.round((performance.now() - began) / 1_000),
    };
  } finally {
    over.abort();
    await restarting.catch(() => undefined);
    await world.stop();
    await server.stop();
  }
}

async function oneRun(
  { engine, journal }: ChaosWorld,
  index: number,
  rounds: number,
  waits: string[],
): Promise<WorkflowHandle> {
  const workflowId = `storm-${index}`;
  const envelope = engine.envelope(
    'chaos-steps',
    { kinds: kinds.join(), rounds, journal },
    workflowId,
  );
  const { taskQueue } = engine;
  const handle = await engine.client.workflow.start('chaos-steps', {
    workflowId,
    taskQueue,
    args: [envelope],
  });
  await patiently(async () => {
    const view = await engine.status(handle);
    if (view.waitingFor.length > 0)
      return waits.push(`${workflowId}: ${JSON.stringify(view.waitingFor[0]?.evidence)}`);
    if (!view.endedAt) throw new Error(`${workflowId} does not end: ${view.state}`);
  }, 180_000);
  return handle;
}

function effectsOf(run: string, rounds: number): string[] {
  return Array.from({ length: rounds }, (_, index) =>
    kinds.map((kind) => `${run} ${kind} ${index + 1}`),
  ).flat();
}

/**
 * Is everything in the record: the run and how it ended, every step, every attempt that succeeded,
 * all output?
 */
async function gapsOf(
  { engine }: ChaosWorld,
  { workflowId }: WorkflowHandle,
  rounds: number,
): Promise<string[]> {
  const gaps: string[] = [];
  const view = await getRun(engine.pool, workflowId);
  if (view?.state !== 'succeeded' || !view.endedAt)
    gaps.push(`${workflowId} is ${view?.state ?? 'not there'}`);
  const attempts = await getAttempts(engine.pool, workflowId);
  const chunks = await readOutput(engine.pool, workflowId);
  for (let round = 1; round <= rounds; round += 1) {
    for (const kind of kinds) {
      const path = round === 1 ? kind : `${kind}.${round}`;
      const step = view?.steps.find(({ id }) => id === path);
      if (step?.state !== 'succeeded')
        gaps.push(`${workflowId} ${path} is ${step?.state ?? 'not there'}`);
      const attempt = attempts.find((each) => each.step === path && each.state === 'succeeded');
      if (!attempt) gaps.push(`${workflowId} ${path} has no attempt that succeeded`);
      if (attempts.some((each) => each.step === path && each.state === 'running'))
        gaps.push(`${workflowId} ${path} still runs`);
      if (kind !== 'command') continue;
      const printed = `did ${workflowId} command ${round}\n`;
      const kept = Buffer.concat(
        chunks
          .filter((chunk) => chunk.step === path && chunk.attempt === attempt?.attempt)
          .map(({ bytes }) => bytes),
      ).toString();
      if (kept !== printed)
        gaps.push(`${workflowId} ${path} kept ${JSON.stringify(kept)} of its output`);
      const sha256 = createHash('sha256').update(printed).digest('hex');
      if (attempt?.written?.sha256 !== sha256 || attempt.written.truncated)
        gaps.push(`${workflowId} ${path} has other totals`);
    }
  }
  return gaps;
}
