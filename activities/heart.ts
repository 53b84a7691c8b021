import { setTimeout as delay } from 'node:timers/promises';
import { CancelledFailure, type Context } from '@temporalio/activity';
import type { JsonObject } from '../language/json.js';

/**
 * Each beat also asks whether the step is to stop, so this is how long a cancellation takes to
 * arrive.
 */
const heartbeatMs = 800;

/** What the SDK says when the server has no such attempt any more. */
const unknownToServer = 'NOT_FOUND';
/** What it says when the worker is to stop. */
const shutDown = 'WORKER_SHUTDOWN';

/** What decides whether an attempt that the server no longer has is still this worker's. */
export interface Ownership {
  /** Neither given up nor taken over, and nobody else is to do the step. */
  isStillOurs(): Promise<boolean>;
  /** True once this worker is to stop. */
  isStopping(): boolean;
}

/**
 * Tells Temporal that the worker lives, and learns from Temporal when the step is to stop. A server
 * that no longer has the attempt may have been told by somebody else that it has ended: then what
 * was begun goes on without heartbeats, so that the record gets to know how it ended.
 */
export class Heart {
  private readonly controller = new AbortController();
  private readonly timer: NodeJS.Timeout;
  private readonly over = new AbortController();
  private details: JsonObject = {};
  private ownership: Ownership | undefined;

  constructor(temporal: Pick<Context, 'cancellationSignal' | 'heartbeat'>) {
    this.timer = setInterval(() => temporal.heartbeat(this.details), heartbeatMs);
    const { cancellationSignal: cancelled } = temporal;
    const told = (): void => {
      const reason = cancelled.reason as Error;
      this.told(reason).catch(() => this.controller.abort(reason));
    };
    if (cancelled.aborted) told();
    else cancelled.addEventListener('abort', told, { once: true });
  }

  /** Aborted when the step is to stop, or to be let go. */
  get signal(): AbortSignal {
    return this.controller.signal;
  }

  /** The attempt has begun: from now on it is gone on with for as long as it is this worker's. */
  begun(ownership: Ownership): void {
    this.ownership = ownership;
  }

  /** Goes with the next beat: a step that is shorter than that costs the server none. */
  progress(details: JsonObject): void {
    this.details = details;
  }

  stop(): void {
    clearInterval(this.timer);
    this.over.abort();
  }

  private async told(reason: Error): Promise<void> {
    clearInterval(this.timer);
    const { ownership } = this;
    if (reason.message !== unknownToServer || !ownership) return this.controller.abort(reason);
    while (!this.over.signal.aborted) {
      if (ownership.isStopping()) return this.controller.abort(new CancelledFailure(shutDown));
      // Whoever does not answer says nothing.
      if (!(await ownership.isStillOurs().catch(() => true))) return this.controller.abort(reason);
      await delay(heartbeatMs, undefined, { signal: this.over.signal }).catch(() => undefined);
    }
  }
}
