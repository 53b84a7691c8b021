import { setTimeout as delay } from 'node:timers/promises';
import { CancelledFailure, type Context } from '@temporalio/activity';
import type { JsonObject } from '../language/json.js';

/** A cancellation arrives with the answer to a heartbeat, so this is its longest delay. */
const heartbeatMs = 800;

/** Sends heartbeats while the work is under way, so that its worker's death is noticed soon. */
export async function withHeartbeats<T>(
  temporal: Pick<Context, 'heartbeat'>,
  work: () => Promise<T>,
): Promise<T> {
  const timer = setInterval(() => temporal.heartbeat(), heartbeatMs);
  try {
    return await work();
  } finally {
    clearInterval(timer);
  }
}

/** What the SDK says when the server has no such attempt any more. */
const unknownToServer = 'NOT_FOUND';
/** What it says when the worker shuts down. */
const shutDown = 'WORKER_SHUTDOWN';

/** Decides whether this worker still owns an attempt that the server no longer knows. */
export interface Ownership {
  /** The attempt was neither given up nor taken over, and no other worker is to do the step. */
  isStillOurs(): Promise<boolean>;
  /** True once this worker shuts down. */
  isStopping(): boolean;
}

/**
 * Sends heartbeats to Temporal, and receives cancellations. When the server no longer knows the
 * attempt, somebody else may have completed it: then the work goes on without heartbeats, so that
 * the record learns how it ended.
 */
export class Heartbeat {
  private readonly controller = new AbortController();
  private readonly timer: NodeJS.Timeout;
  private readonly over = new AbortController();
  private details: JsonObject = {};
  private ownership: Ownership | undefined;

  constructor(temporal: Pick<Context, 'cancellationSignal' | 'heartbeat'>) {
    this.timer = setInterval(() => temporal.heartbeat(this.details), heartbeatMs);
    const { cancellationSignal: cancelled } = temporal;
    const onAbort = (): void => {
      const reason = cancelled.reason as Error;
      this.cancel(reason).catch(() => this.controller.abort(reason));
    };
    if (cancelled.aborted) onAbort();
    else cancelled.addEventListener('abort', onAbort, { once: true });
  }

  /** Aborted when the step is to stop, or to be handed over. */
  get signal(): AbortSignal {
    return this.controller.signal;
  }

  /** The attempt has begun: from now on it continues for as long as this worker owns it. */
  attemptStarted(ownership: Ownership): void {
    this.ownership = ownership;
  }

  /** Sent with the next heartbeat: a step that is shorter than the interval sends none. */
  progress(details: JsonObject): void {
    this.details = details;
  }

  stop(): void {
    clearInterval(this.timer);
    this.over.abort();
  }

  private async cancel(reason: Error): Promise<void> {
    clearInterval(this.timer);
    const { ownership } = this;
    if (reason.message !== unknownToServer || !ownership) return this.controller.abort(reason);
    while (!this.over.signal.aborted) {
      if (ownership.isStopping()) return this.controller.abort(new CancelledFailure(shutDown));
      // No answer does not mean that the attempt is lost.
      if (!(await ownership.isStillOurs().catch(() => true))) return this.controller.abort(reason);
      await delay(heartbeatMs, undefined, { signal: this.over.signal }).catch(() => undefined);
    }
  }
}
