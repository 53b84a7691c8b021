import { setTimeout as delay } from 'node:timers/promises';

/** Does the same work many times, so many at once. */
export async function atOnce<T>(
  total: number,
  width: number,
  work: (index: number) => Promise<T>,
): Promise<T[]> {
  const results: T[] = [];
  let next = 0;
  const one = async (): Promise<void> => {
    while (next < total) {
      const index = next;
      next += 1;
      results[index] = await work(index);
    }
  };
  await Promise.all(Array.from({ length: width }, one));
  return results;
}

/**
 * Asks again until there is an answer, as somebody would who sees that the server is away.
 * @throws the last error when it stays away
 */
export async function patiently<T>(ask: () => Promise<T>, limitMs = 120_000): Promise<T> {
  for (const end = Date.now() + limitMs; ; await delay(200)) {
    try {
      return await ask();
    } catch (error) {
      if (Date.now() > end) throw error;
    }
  }
}

/** Rejects when the work fails; never settles when it succeeds. */
export async function failureOf(work: Promise<unknown>): Promise<never> {
  await work;
  return new Promise<never>(() => undefined);
}
