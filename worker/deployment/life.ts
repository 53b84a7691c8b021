import { setTimeout as delay } from 'node:timers/promises';
import type { Deployment, Sign, Signs } from './server.js';

/**
 * Tells which workers live, from looks at the server one after the other. A worker lives as long as
 * something new is heard of it; that is timed by our own clock, because those of the hosts may
 * differ.
 */
export class Life {
  private readonly heard = new Map<string, { at: number; since: number }>();

  /** @param silenceMs after which a worker that nothing new is heard of counts as dead */
  constructor(private readonly silenceMs: number) {}

  /**
   * @param now in milliseconds, of a clock that is never set back
   * @returns build id → identities of its living workers, in order
   */
  look({ workers, sparseMs }: Signs, now: number): Map<string, string[]> {
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
 * Milliseconds of silence that a single look takes for life, whatever the clocks of the hosts say.
 */
const certainMs = 10_000;
/** Milliseconds in which every worker that lives sends a heartbeat. */
const beatMs = 3_500;

/**
 * Which versions have workers that live, for somebody who looks once: it takes some seconds where
 * that is in doubt. A worker that died a moment ago still counts.
 * @param needed build ids that should have one: a worker that just started is heard of only after
 *   its first heartbeat
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
