import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { WorkflowHandle } from '@temporalio/client';
import { rulesOfQuestion } from '../../common/questions.js';
import { messageNames } from '../../common/defaults.js';
import { getRun } from '../../store/index.js';
import type { WaitView } from '../../common/view.js';
import type { Point } from './points.js';
import { countedKinds, type CountedKind } from './specs.js';
import { ChaosWorld, compare } from './world.js';

/** Runs of a kind at a point, until its steps have died there as often as they should. */
const mostPasses = 5;

export interface PointResult {
  deaths: number;
  /** Processes that died; one death takes every step with it that stands at its point. */
  processes: number;
  twice: number;
  lost: number;
  finished: number;
  runs: number;
  /** Of all runs. */
  steps: number;
  /** Kind → steps that stopped as unknown and waited for a person. */
  unknown: Record<string, number>;
}

/**
 * A run for every kind and point: its worker dies there once in each of its steps. Then the effects
 * are counted.
 * @param times deaths of each kind of step at each point
 * @param at the points
 * @returns the same also for some steps whose attempts all believe that they are the first
 */
export async function killAtPoints(
  times: number,
  at: readonly Point[],
): Promise<{ guarded: PointResult; open: PointResult; seconds: number }> {
  const began = performance.now();
  const deaths = await mkdtemp(join(tmpdir(), 'runbook-points-'));
  const world = await ChaosWorld.start({ workers: 1, settings: { CHAOS_POINTS: deaths } });
  try {
    const guarded = await killAll(world, { times, kinds: countedKinds, at }, deaths, {});
    await world.engine.killWorkers();
    await world.engine.startWorker({ CHAOS_OFF: 'claims' });
    const some = { times: 1, kinds: ['command', 'sql', 'post'], at: ['after-effect'] } as const;
    const open = await killAll(world, some, deaths, { CHAOS_OFF: 'claims' });
    return { guarded, open, seconds: Math.round((performance.now() - began) / 1_000) };
  } finally {
    await world.stop();
    await rm(deaths, { recursive: true, force: true });
  }
}

export interface Points {
  times: number;
  kinds: readonly CountedKind[];
  at: readonly Point[];
}

/** @param env of the workers that take the place of the dead */
export async function killAll(
  world: ChaosWorld,
  { times, kinds, at }: Points,
  deaths: string,
  env: Record<string, string>,
): Promise<PointResult> {
  const { engine } = world;
  const before = { deaths: (await readdir(deaths)).length, processes: engine.replaced };
  const stopped = new AbortController();
  const replacing = engine.replaceDead(stopped.signal, env);
  try {
    const runs: CountedRun[] = [];
    const unknown: Record<string, number> = {};
    // What dies in the middle of its effect dies at once, and would take the others with it before
    // they come to their points.
    for (const together of [
      at.filter((point) => point !== 'in-effect'),
      at.filter((point) => point === 'in-effect'),
    ]) {
      let wanted = kinds.flatMap((kind) =>
        together.map((point) => ({ kind, point, rounds: times })),
      );
      for (let pass = 1; wanted.length > 0; pass += 1) {
        if (pass > mostPasses)
          throw new Error(`some steps never died at their points: ${JSON.stringify(wanted)}`);
        const begun = await Promise.all(
          wanted.map(async (each) => ({ ...each, handle: await start(world, each) })),
        );
        await untilEnded(world, begun, unknown);
        runs.push(...begun);
        wanted = await stillWanted(begun, deaths);
      }
    }
    const wanted = runs
      .filter(({ kind }) => kind !== 'check')
      .flatMap(({ handle, kind, rounds }) =>
        Array.from({ length: rounds }, (_, index) => `${handle.workflowId} ${kind} ${index + 1}`),
      );
    const views = await Promise.all(runs.map(({ handle }) => engine.ended(handle)));
    const happened = (await world.effects()).filter((id) =>
      runs.some(({ handle }) => id.startsWith(`${handle.workflowId} `)),
    );
    return {
      deaths: (await readdir(deaths)).length - before.deaths,
      processes: engine.replaced - before.processes,
      ...compare(wanted, happened),
      finished: views.filter(({ state }) => state === 'succeeded').length,
      runs: runs.length,
      steps: runs.reduce((sum, { rounds }) => sum + rounds, 0),
      unknown,
    };
  } finally {
    stopped.abort();
    await replacing;
  }
}

interface Wanted {
  kind: CountedKind;
  point: Point;
  rounds: number;
}

interface CountedRun extends Wanted {
  handle: WorkflowHandle;
}

/**
 * A step that another one's death took with it, before it came to its own point, may have had its
 * effect: then it never comes there.
 */
async function stillWanted(runs: readonly CountedRun[], deaths: string): Promise<Wanted[]> {
  const noted = await readdir(deaths);
  return runs
    .map(({ handle, kind, point, rounds }) => {
      const died = noted.filter((name) => name.startsWith(`${handle.workflowId} `)).length;
      return { kind, point, rounds: rounds - died };
    })
    .filter(({ rounds }) => rounds > 0);
}

/**
 * Plays the operator of the runs until all have ended.
 * @param unknown counts the steps that nobody could know of
 */
async function untilEnded(
  world: ChaosWorld,
  runs: readonly CountedRun[],
  unknown: Record<string, number>,
): Promise<void> {
  const answered = new Set<string>();
  for (const going = new Set(runs); going.size > 0; await delay(200)) {
    for (const run of going) {
      const view = await getRun(world.engine.pool, run.handle.workflowId);
      if (view?.endedAt) going.delete(run);
      const wait = view?.waitingFor[0];
      if (!view || !wait || answered.has(`${view.id} ${wait.digest}`)) continue;
      answered.add(`${view.id} ${wait.digest}`);
      await answer(world, run, wait);
      if (view.steps.find(({ id }) => id === wait.id)?.state === 'unknown')
        unknown[run.kind] = (unknown[run.kind] ?? 0) + 1;
    }
  }
}

function start(
  { engine, journal }: ChaosWorld,
  { kind, point, rounds }: Wanted,
): Promise<WorkflowHandle> {
  const run = `${kind}-at-${point}-${randomUUID().slice(0, 8)}`;
  const envelope = engine.envelope('chaos-steps', { kinds: kind, rounds, journal }, run);
  return engine.client.workflow.start('chaos-steps', {
    workflowId: run,
    taskQueue: engine.taskQueue,
    args: [envelope],
  });
}

/**
 * What the operator does who is asked about a step: looks whether the effect is there, and says
 * `done` or `retry`.
 */
async function answer(world: ChaosWorld, { handle }: CountedRun, wait: WaitView): Promise<void> {
  const [kind = '', round = '1'] = wait.id.split('.');
  const isThere = (await world.effects()).includes(`${handle.workflowId} ${kind} ${round}`);
  await handle.signal(messageNames.decide, {
    version: 1,
    id: `${handle.workflowId} ${wait.id} ${wait.attempt}`,
    run: handle.workflowId,
    verb: isThere ? 'done' : 'retry',
    about: { kind: rulesOfQuestion(wait.kind).about, id: wait.id },
    attempt: wait.attempt,
    digest: wait.digest,
    by: 'operator',
    reason: isThere ? 'it is there' : 'it is not there',
  });
}
