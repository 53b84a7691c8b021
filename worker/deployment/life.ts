import type { Signs } from './server.js';

/**
 * Tells which workers live, from looks at the server one after the other. A worker lives as long as something new is heard
 * of it; that is timed by our own clock, because those of the hosts may differ.
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
      if (now - heard.since < silence) living.set(buildId, [...(living.get(buildId) ?? []), identity].sort());
    }
    for (const key of this.heard.keys()) if (!workers.some((worker) => worker.key === key)) this.heard.delete(key);
    return living;
  }
}
