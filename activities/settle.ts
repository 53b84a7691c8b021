import type pg from 'pg';
import type { RunKey } from '../common/keys.js';
import { adoptAttempt, endAttempt } from '../store/index.js';
import type { Commands } from './commands.js';

export interface SettleRequest {
  version: 1;
  key: RunKey;
  /** Path. */
  step: string;
}

/** `ended`: nothing of the step runs any more. `unknown`: it may, on a host that this worker cannot reach. */
export interface Settled {
  state: 'ended' | 'unknown';
}

/**
 * Ends what a cancelled step may have left running. Needed when the cancellation met no worker: the one that had begun
 * the step was dead, and the next one had not taken over yet.
 */
export async function settle(
  { key, step }: SettleRequest,
  { pool, commands, worker }: { pool: pg.Pool; commands: Commands; worker: string },
): Promise<Settled> {
  const adopted = await adoptAttempt(pool, { key, step, worker });
  if (!adopted) return { state: 'ended' };
  const { attempt, fence, place } = adopted;
  const ended = place === null || (await commands.end({ ...key, step, attempt, fence, resumedFrom: place }));
  await endAttempt(pool, { key, step, attempt, fence, state: ended ? 'cancelled' : 'lost' });
  return { state: ended ? 'ended' : 'unknown' };
}
