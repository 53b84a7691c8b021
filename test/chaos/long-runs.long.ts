import { expect, test } from '@jest/globals';
import type { WorkerProcess } from '../../examples/demo/worker.js';
import type { Engine } from '../helpers/engine.js';
import { until } from '../../lab/until.js';
import { tell } from './tell.js';
import { ChaosWorld } from './world.js';

/*
 * Whoever takes the runs of a dead worker over replays their histories, all at once. How long that
 * takes is bounded because a history is: a run continues as new before it grows long.
 */

const runs = 12;
/** Just before an execution's end: seven events a step, of at most 1,000. */
const steps = 270;
/** In milliseconds: of two processors that had nothing left over before the worker died. */
const mostHeldMs = 15_000;

test('a dozen long runs go on soon after the one worker that had them died; without borders they do not', async () => {
  const guarded = await heldMs({});
  const open = await heldMs({ CHAOS_OFF: 'border' });
  const say = (held: number[]): string => `${Math.min(...held)} to ${Math.max(...held)} ms`;
  tell(
    `${runs} runs of ${steps} steps, their worker killed: on after ${say(guarded)}; without borders ${say(open)}`,
  );
  expect(Math.max(...guarded)).toBeLessThanOrEqual(mostHeldMs);
  expect(Math.max(...open)).toBeGreaterThan(Math.max(...guarded));
}, 600_000);

/**
 * @returns for each run, milliseconds from the death of its worker to the beginning of its next
 *   step
 */
async function heldMs(off: Record<string, string>): Promise<number[]> {
  const world = await ChaosWorld.start({
    workers: 1,
    settings: { RUNBOOK_HEARTBEAT_MS: '2000', ...off },
  });
  const { engine } = world;
  try {
    for (let run = 0; run < runs; run += 1)
      await engine.run('test-long', { rounds: 5_000, journal: world.journal });
    await until(
      'long runs',
      async () => Math.min(...(await begun(engine, 0))) >= steps,
      300_000,
      500,
    );
    const at = Date.now();
    await engine.loseWorker(engine.workers[0] as WorkerProcess);
    await engine.startWorker();
    await until(
      'all to go on',
      async () => Math.min(...(await begun(engine, at))) > 0,
      120_000,
      500,
    );
    const { rows } = await engine.pool.query<{ first: Date }>(
      'SELECT min(started_at) AS first FROM runbook.attempts WHERE started_at > $1 GROUP BY run_no',
      [new Date(at)],
    );
    return rows.map(({ first }) => first.getTime() - at);
  } finally {
    await world.stop();
  }
}

/** For each run, how many attempts it has begun since. */
async function begun(engine: Engine, since: number): Promise<number[]> {
  const { rows } = await engine.pool.query<{ count: number }>(
    `SELECT count(a.run_no)::integer AS count FROM runbook.runs r
       LEFT JOIN runbook.attempts a ON a.run_no = r.no AND a.started_at > $1 GROUP BY r.no`,
    [new Date(since)],
  );
  return rows.length === runs ? rows.map(({ count }) => count) : [0];
}
