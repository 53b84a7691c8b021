import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createTestDatabase } from '../helpers/database.js';
import { killAll, type PointResult } from './kill-points.js';
import type { Point } from './points.js';
import { ChaosWorld } from './world.js';

export interface OwnRecordResult {
  guarded: PointResult;
  /** The same where the effect and its claim are two transactions. */
  open: PointResult;
  /** Steps whose claim was written by the transaction of the effect, of all steps. */
  together: number;
  steps: number;
  seconds: number;
}

/**
 * Kills workers around SQL steps that change the record's own database.
 * @param times deaths at each point
 */
export async function killOnOwnRecord(
  times: number,
  at: readonly Point[],
): Promise<OwnRecordResult> {
  const began = performance.now();
  const deaths = await mkdtemp(join(tmpdir(), 'runbook-own-'));
  const database = await createTestDatabase('own');
  try {
    const world = await ChaosWorld.start({
      workers: 1,
      target: database.url,
      databaseUrl: database.url,
      settings: { CHAOS_POINTS: deaths },
    });
    try {
      const points = { times, kinds: ['sql'], at } as const;
      const guarded = await killAll(world, points, deaths, {});
      const { rows } = await world.engine.pool.query<{ together: number; steps: number }>(
        `SELECT (count(*) FILTER (WHERE evidence ->> 'together' = 'true' AND evidence ->> 'system' IS NULL))::integer AS together,
                count(*)::integer AS steps FROM runbook.attempts WHERE state = 'succeeded'`,
      );
      await world.engine.killWorkers();
      await world.engine.startWorker({ CHAOS_OFF: 'proof' });
      const open = await killAll(
        world,
        { times: 1, kinds: ['sql'], at: ['after-effect'] },
        deaths,
        { CHAOS_OFF: 'proof' },
      );
      const seconds = Math.round((performance.now() - began) / 1_000);
      return { guarded, open, ...(rows[0] as { together: number; steps: number }), seconds };
    } finally {
      await world.stop();
    }
  } finally {
    await database.drop();
    await rm(deaths, { recursive: true, force: true });
  }
}
