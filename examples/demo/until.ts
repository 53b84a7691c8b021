import { setTimeout as delay } from 'node:timers/promises';

/** Polls until `look` answers something; a condition with a deadline, never a blind wait. @throws Error naming what did not come */
export async function until<T>(
  what: string,
  look: () => Promise<T | undefined | null | false>,
  limitMs = 60_000,
  everyMs = 100,
): Promise<T> {
  const end = Date.now() + limitMs;
  for (;;) {
    const found = await look();
    if (found) return found;
    if (Date.now() > end) throw new Error(`waited ${limitMs / 1000} s in vain for ${what}`);
    await delay(everyMs);
  }
}
