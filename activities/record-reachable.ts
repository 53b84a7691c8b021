import { setTimeout as delay } from 'node:timers/promises';
import { ApplicationFailure } from '@temporalio/activity';
import { isConnectionCode } from '../common/network.js';

/**
 * PostgreSQL error classes that a retry can cure: connection (08), shutdown (57P), resources (53),
 * read-only standby (25006), a transaction that was idle too long (25P03).
 */
const passing = /^(08|57P|53|25006|25P03)/;
/** Is the record unreachable for now, as opposed to refusing the query? */
export function recordIsAway(error: unknown): boolean {
  const { code, message = '' } = (error ?? {}) as { code?: string; message?: string };
  if (code !== undefined) return passing.test(code) || isConnectionCode(code);
  // The last one is pg's own error for a server that vanished in the middle of a statement.
  return /connection terminated|timeout exceeded when trying to connect|connection timeout|client has encountered a connection error|query read timeout/i.test(
    message,
  );
}

/** Is this the failure of an attempt that gave up waiting for the record? */
export function isRecordAway(failure: unknown): failure is ApplicationFailure {
  return failure instanceof ApplicationFailure && failure.type === 'RecordUnavailable';
}

/**
 * The failure of an attempt that cannot go on without the record.
 * @param then what happens to the step
 */
export function recordAway(then: string): ApplicationFailure {
  return ApplicationFailure.create({
    type: 'RecordUnavailable',
    message: `PostgreSQL, which keeps the record, cannot be reached; ${then}`,
    nextRetryDelay: '1s',
  });
}

/** How long one attempt waits for the record before it frees its worker slot, in milliseconds. */
const patienceMs = 15_000;

/**
 * Retries `write` until the record takes it. While the record is unreachable no effect may begin,
 * and no effect may be lost: a caller that has not acted yet is cancellable and gives up after a
 * while (Temporal retries it); one that has acted sets `cancellable: false` and keeps trying.
 * @throws ApplicationFailure RecordUnavailable, retryable
 */
export async function untilRecorded<T>(
  signal: AbortSignal,
  write: () => Promise<T>,
  options = { cancellable: true },
): Promise<T> {
  const since = Date.now();
  for (let waitMs = 100; ; waitMs = Math.min(waitMs * 2, 2_000)) {
    try {
      return await write();
    } catch (error) {
      if (!recordIsAway(error)) throw error;
    }
    if (options.cancellable && signal.aborted) throw signal.reason;
    if (options.cancellable && Date.now() - since > patienceMs) {
      throw recordAway('the step has not begun and is tried again');
    }
    await delay(waitMs);
  }
}
