/*
 * Reminders and deadlines, as pure arithmetic on milliseconds since 1970.
 */

/**
 * The run wakes at least this often while it waits, so that its timer and its reminder stay fresh.
 */
const reminderMs = 24 * 60 * 60 * 1000;

export interface WaitTimes {
  since: number;
  /** null: waits for ever. */
  deadline: number | null;
}

/** When the wait began and when it ends by itself. */
export function waitTimes(now: number, deadlineMs: number | undefined): WaitTimes {
  return { since: now, deadline: deadlineMs === undefined ? null : now + deadlineMs };
}

/** Milliseconds until the wait has to wake; 0 when its deadline has passed. */
export function nextWake(now: number, { since, deadline }: WaitTimes): number {
  const untilReminder = reminderMs - ((now - since) % reminderMs);
  return deadline === null ? untilReminder : Math.max(0, Math.min(untilReminder, deadline - now));
}
