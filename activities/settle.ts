import type pg from 'pg';
import type { RunKey } from '../common/keys.js';
import { adoptAttempt, endAttempt } from '../store/index.js';
import type { Commands } from './commands.js';
import { onAnotherHost } from './other-host.js';

export interface SettleRequest {
  version: 1;
  key: RunKey;
  /** Path. */
  step: string;
  /** A host whose workers did not answer in time: do not wait for commands there. */
  hostGone?: string;
}

export interface Settled {
  /** `ended`: nothing of the step runs any more. `unknown`: it may, on an unreachable host. */
  state: 'ended' | 'unknown';
  /** How many attempts of it have begun. */
  attempts?: number;
}

/**
 * Ends the commands that a cancelled step may have left running. Needed when no worker received the
 * cancellation: the first had died, and the next had not taken over yet.
 * @throws ApplicationFailure OnAnotherHost when a worker of that host has to do it
 */
export async function settle(
  { key, step, hostGone }: SettleRequest,
  { pool, commands, worker }: { pool: pg.Pool; commands: Commands; worker: string },
): Promise<Settled> {
  const adopted = await adoptAttempt(pool, {
    key,
    step,
    worker,
    place: commands.place,
    ...(hostGone === undefined ? {} : { hostGone }),
  });
  if (adopted.elsewhere) throw onAnotherHost(adopted.elsewhere);
  if ('ran' in adopted) return { state: 'ended', attempts: adopted.ran };
  const { attempt, fence, place } = adopted;
  const ended =
    place === null || (await commands.end({ ...key, step, attempt, fence, resumedFrom: place }));
  await endAttempt(pool, { key, step, attempt, fence, state: ended ? 'cancelled' : 'lost' });
  return { state: ended ? 'ended' : 'unknown', attempts: attempt };
}
