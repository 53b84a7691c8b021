/** Milliseconds between two heartbeats, and for one answer. */
const everyMs = 60_000;
const patienceMs = 10_000;

/**
 * Asks an address while all is well. Who listens there calls people when it was not asked for some
 * time: a dead worker tells nobody.
 */
export class HeartbeatUrl {
  private next = 0;

  /** @param url may be a secret: errors do not name it. Null: nobody listens */
  constructor(private readonly url: string | null) {}

  /**
   * All is well: asks, when the last time is a minute ago.
   * @throws Error when it does not answer as it should; the next call tries again
   */
  async well(now = Date.now()): Promise<void> {
    if (this.url === null || now < this.next) return;
    const { status, body } = await fetch(this.url, {
      method: 'POST',
      signal: AbortSignal.timeout(patienceMs),
      redirect: 'manual',
    }).catch((error: unknown) => {
      const { name, cause } = error as Error & { cause?: { code?: string } };
      throw new Error(`it does not answer (${cause?.code ?? name})`);
    });
    await body?.cancel();
    if (status >= 300) throw new Error(`it answered ${status}`);
    this.next = now + everyMs;
  }
}
