import type pg from 'pg';
import type { RunKey } from '../common/keys.js';
import { lastAck } from './acks.js';
import type { Sender } from '../common/sender.js';
import { findRun } from './find-run.js';

/** Who was told, on one channel, of one thing that a run waits for now. */
export interface ToldCall {
  /** The gate, the step's path, or `pause:` and a path. */
  call: string;
  title: string;
  /** Null: nobody is told. */
  channel: string | null;
  /** ISO time of the last message that the channel took; null: none yet. */
  toldAt: string | null;
  reminders: number;
  /** Since when the channel takes no message, and why; null: it does. */
  failingSince: string | null;
  error: string | null;
  taken: { by: string; sender?: Sender; at: string } | null;
}

/** What people were told of the things that a run waits for now. */
export async function toldOf(pool: pg.Pool, run: RunKey): Promise<ToldCall[]> {
  const no = await findRun(pool, run);
  if (no === null) return [];
  const { rows } = await pool.query<ToldRow>({
    name: 'told-of',
    text: `SELECT c.call, c.title, m.channel, max(m.sent_at) AS told_at,
                  count(*) FILTER (WHERE m.what = 'reminder' AND m.sent_at IS NOT NULL)::integer
                    AS reminders,
                  min(m.failing_since) FILTER (WHERE m.dropped_at IS NULL) AS failing_since,
                  max(m.last_error) FILTER (WHERE m.dropped_at IS NULL) AS error, k.taken_by,
                    k.sender::text AS sender, k.at AS taken_at
           FROM runbook.calls c
           LEFT JOIN runbook.messages m ON m.run_no = c.run_no AND m.call = c.call
             AND m.attempt = c.attempt
           LEFT JOIN LATERAL (${lastAck('k.taken_by, k.sender, k.at', 'c')}) k ON true
           WHERE c.run_no = $1 AND c.closed_at IS NULL
           GROUP BY c.call, c.title, c.since, m.channel, k.taken_by, k.sender::text, k.at
           ORDER BY c.since, c.call, m.channel`,
    values: [no],
  });
  return rows.map((row) => ({
    call: row.call,
    title: row.title,
    channel: row.channel,
    toldAt: row.told_at?.toISOString() ?? null,
    reminders: row.reminders,
    failingSince: row.failing_since?.toISOString() ?? null,
    error: row.error,
    taken: takenBy(row),
  }));
}

/** A channel that takes no message. */
export interface FailingChannel {
  channel: string;
  /** Messages that it did not take. */
  messages: number;
  /** ISO time. */
  since: string;
  error: string;
}

/** Channels that take no message now. */
export async function failingChannels(pool: pg.Pool): Promise<FailingChannel[]> {
  const { rows } = await pool.query<Omit<FailingChannel, 'since'> & { since: Date }>({
    name: 'told-failing',
    text: `SELECT channel, count(*)::integer AS messages, min(failing_since) AS since,
                  (array_agg(last_error ORDER BY due_at DESC))[1] AS error
           FROM runbook.messages WHERE sent_at IS NULL AND dropped_at IS NULL
             AND failing_since IS NOT NULL
           GROUP BY channel ORDER BY min(failing_since), channel`,
  });
  return rows.map((row) => ({ ...row, since: row.since.toISOString() }));
}

/**
 * Live runs that wait and of which nobody is told, because nothing names a channel, or no worker
 * tells.
 * @param longerThanMs only those that wait so long already
 */
export async function untoldRuns(pool: pg.Pool, longerThanMs: number): Promise<string[]> {
  const { rows } = await pool.query<{ run: string }>({
    name: 'told-untold',
    text: `SELECT r.run FROM runbook.calls c JOIN runbook.runs r ON r.no = c.run_no
           WHERE c.closed_at IS NULL AND r.ended_at IS NULL
             AND c.since < clock_timestamp() - $1 * interval '1 ms'
             AND NOT EXISTS (SELECT FROM runbook.messages m WHERE m.run_no = c.run_no
               AND m.call = c.call AND m.attempt = c.attempt)
           GROUP BY r.run ORDER BY min(c.since)`,
    values: [longerThanMs],
  });
  return rows.map(({ run }) => run);
}

interface ToldRow {
  call: string;
  title: string;
  channel: string | null;
  told_at: Date | null;
  reminders: number;
  failing_since: Date | null;
  error: string | null;
  taken_by: string | null;
  sender: string | null;
  taken_at: Date | null;
}

function takenBy({ taken_by: by, sender, taken_at: at }: ToldRow): ToldCall['taken'] {
  if (by === null || at === null) return null;
  return {
    by,
    ...(sender === null ? {} : { sender: JSON.parse(sender) as Sender }),
    at: at.toISOString(),
  };
}
