import { setTimeout as delay } from 'node:timers/promises';
import type { Deployment } from './server.js';

/**
 * Who makes a version current. `auto`: the first worker of a version that was never current;
 * `always`: every starting worker; `no`: only `runbook deployment --use`.
 */
export type MakeCurrent = 'auto' | 'always' | 'no';

/** Milliseconds that the server gets to notice that workers of a version poll. */
const patienceMs = 30_000;
const conflict = new Set([9, 10]);

/**
 * Makes this worker's version current, if `when` allows it. A version that was replaced stays
 * replaced: a worker of an older release that starts again, or late, must not send new runs to old
 * code.
 * @returns the current version afterwards; null when there is none
 * @throws Error when the server does not notice our workers in time
 */
export async function becomeCurrent(
  deployment: Deployment,
  buildId: string,
  when: MakeCurrent,
): Promise<string | null> {
  const givenUp = Date.now() + patienceMs;
  for (;;) {
    const state = await deployment.state();
    const mine = state?.versions.get(buildId);
    if (state && mine) {
      if (state.current === buildId || when === 'no' || (when === 'auto' && mine.wasCurrent))
        return state.current;
      try {
        await deployment.makeCurrent(buildId, state.token);
        return buildId;
      } catch (error) {
        // Somebody else changed it in between, or not all of our polls have arrived.
        if (!conflict.has((error as { code?: number }).code ?? 0) || Date.now() > givenUp)
          throw error;
      }
    }
    if (Date.now() > givenUp)
      throw new Error(
        `the Temporal server does not know version ${buildId} after ${patienceMs / 1_000} ` +
          's; does it have Worker Deployments?',
      );
    await delay(50);
  }
}
