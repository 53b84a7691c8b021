import { setTimeout as delay } from 'node:timers/promises';
import type { Release } from './release.js';

const leakedAtOnce = 64 * 1024;
/** A leak must show, and must not take the machine down. */
const leakLimit = 512 * 1024 * 1024;

/** What a bad release does to its requests; a good one does nothing here. */
export class Flawed {
  private requests = 0;
  private readonly leaked: Buffer[] = [];

  constructor(private readonly release: Release) {}

  /** @returns true when this request is to fail */
  before(): boolean {
    this.requests += 1;
    if (this.release.flaw === 'leaks' && this.leaked.length * leakedAtOnce < leakLimit)
      this.leaked.push(Buffer.alloc(leakedAtOnce, 1));
    return this.release.flaw === 'fails' && this.requests % 10 === 0;
  }

  /** @param tookMs milliseconds that the request took so far */
  async after(tookMs: number): Promise<void> {
    if (this.release.flaw === 'slow') await delay(Math.max(6 * tookMs, 30));
  }
}
