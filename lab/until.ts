import { setTimeout as delay } from 'node:timers/promises';
import { stretched } from '../embedded/pace.js';

/**
 * Polls until `look` answers something; a condition with a deadline, never a blind wait.
 * @param limitMs milliseconds that it may take on a quiet machine; stretched on a slower one
 * @param everyMs milliseconds between two looks; unless said fewer at first, and more the longer it
 *   takes
 * @throws Error naming what did not come
 */
export async function until<T>(
  what: string,
  look: () => Promise<T | undefined | null | false>,
  limitMs = 60_000,
  everyMs?: number,
): Promise<T> {
  const begun = Date.now();
  for (let pauseMs = everyMs ?? 25; ; pauseMs = everyMs ?? Math.min(250, pauseMs * 1.25)) {
    const found = await look();
    if (found) return found;
    const waited = Date.now() - begun;
    if (waited > stretched(limitMs))
      throw new Error(`waited ${Math.round(waited / 1000)} s in vain for ${what}`);
    await delay(pauseMs);
  }
}
