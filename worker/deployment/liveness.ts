import { setTimeout as delay } from 'node:timers/promises';
import type { Deployment, Sign, Signs } from './server.js';

/**
 * Finds out which workers are alive, from repeated polls of the server. A worker is alive as long
 * as its heartbeat changes; our own clock times that, because the clocks of hosts may differ.
 */
export class Liveness {
  private readonly heard = new Map<string, { at: number; since: number }>();

  /** @param silenceMs after which a worker without a new heartbeat counts as dead */
  constructor(private readonly silenceMs: number) {}

  /**
   * @param now in milliseconds, of a clock that is never set back
   * @returns build id → identities of its living workers, in order
   */
  observe({ workers, sparseMs }: Signs, now: number): Map<string, string[]> {
    const living = new Map<string, string[]>();
    const silence = Math.max(this.silenceMs, sparseMs ?? 0);
    for (const { key, at, buildId, identity } of workers) {
      let heard = this.heard.get(key);
      if (heard?.at !== at) this.heard.set(key, (heard = { at, since: now }));
      if (now - heard.since < silence)
        living.set(buildId, [...(living.get(buildId) ?? []), identity].sort());
    }
    for (const key of this.heard.keys())
      if (!workers.some((worker) => worker.key === key)) this.heard.delete(key);
    return living;
  }
}

/**
 * Largest age in milliseconds of a heartbeat that proves life in a single poll, with some clock
 * skew.
 */
const certainMs = 10_000;
/** Milliseconds in which every live worker sends a heartbeat. */
const beatMs = 3_500;

/**
 * Which versions have live workers, for a caller that asks only once: it takes some seconds in case
 * of doubt. A worker that died a moment ago still counts.
 * @param needed build ids that should have one: a new worker is visible only after its first
 *   heartbeat
 * @returns build id → identities of its living workers, in order
 */
export async function livingNow(
  deployment: Pick<Deployment, 'signs'>,
  needed: readonly string[],
): Promise<Map<string, string[]>> {
  const { workers, sparseMs } = await deployment.signs();
  const now = Date.now();
  const isFresh = (sign: Sign): boolean => Math.abs(now - sign.at) < (sparseMs ?? certainMs);
  let living = workers.filter(isFresh);
  const isMissing = (version: string): boolean =>
    !living.some(({ buildId }) => buildId === version);
  if (sparseMs === null && (living.length < workers.length || needed.some(isMissing))) {
    await delay(beatMs);
    const later = (await deployment.signs()).workers;
    living = later.filter(
      (sign) => isFresh(sign) || workers.some(({ key, at }) => key === sign.key && at !== sign.at),
    );
  }
  const versions = new Map<string, string[]>();
  for (const { buildId, identity } of living)
    versions.set(buildId, [...(versions.get(buildId) ?? []), identity].sort());
  return versions;
}
