import type pg from 'pg';
import { jsonText } from './clean.js';
import { leftBySteps } from './left-steps.js';
import { ownRuns, type RunsOf, type UntoldCall } from './messages.js';

/*
 * The ends of runs that left something changed, or that people were called about: they are told
 * once.
 */

/** Writes down that the run has ended, where people are to be told of it. */
export async function noteEnd(client: pg.PoolClient, no: string): Promise<void> {
  await client.query({
    name: 'ends-note',
    text: `INSERT INTO runbook.ends (run_no, number, at)
           SELECT r.no, 1 + coalesce((SELECT max(e.number) FROM runbook.ends e
             WHERE e.run_no = r.no), 0), r.ended_at
           FROM runbook.runs r
           WHERE r.no = $1 AND r.ended_at IS NOT NULL
             AND (EXISTS (SELECT FROM runbook.steps s WHERE ${leftBySteps})
               OR EXISTS (SELECT FROM runbook.messages m WHERE m.run_no = r.no
                 AND m.what = 'asked' AND (m.sent_at IS NOT NULL OR m.may_have_arrived)))
           ON CONFLICT DO NOTHING`,
    values: [no],
  });
}

/** The run goes on after all: its end is none, and nobody is told of it any more. */
export async function endIsOver(client: pg.PoolClient, no: string): Promise<void> {
  await client.query({
    name: 'ends-over',
    text: `WITH over AS (
             UPDATE runbook.ends SET over_at = clock_timestamp()
             WHERE run_no = $1 AND over_at IS NULL RETURNING run_no, number
           )
           UPDATE runbook.messages m SET dropped_at = clock_timestamp() FROM over o
           WHERE m.run_no = o.run_no AND m.what = 'left' AND m.attempt = o.number
             AND m.sent_at IS NULL AND m.dropped_at IS NULL`,
    values: [no],
  });
}

/** Ends that nobody was told of yet, once it is settled what is told of the run's questions. */
export async function untoldEnds(pool: pg.Pool, of: RunsOf): Promise<UntoldCall[]> {
  const { rows } = await pool.query<UntoldCall>({
    name: 'ends-untold',
    text: `SELECT r.no, c.call, c.attempt, r.runbook, r.targets, r.envelope->'notify' AS notify
           FROM runbook.ends e JOIN runbook.runs r ON r.no = e.run_no
           JOIN runbook.calls c ON c.run_no = e.run_no AND c.kind = 'left'
             AND c.attempt = e.number
           WHERE e.told_at IS NULL AND e.over_at IS NULL AND ${ownRuns}
             AND NOT EXISTS (SELECT FROM runbook.messages m WHERE m.run_no = e.run_no
               AND m.what = 'asked' AND m.settled_at IS NULL)
           ORDER BY e.at`,
    values: [of.taskQueue, of.namespaceId],
  });
  return rows;
}

/**
 * Adds the messages about ends, each of which then counts as told of. Another worker may have done
 * so meanwhile.
 * @param ends each with the channels that are told, perhaps none
 */
export async function addEndMessages(
  pool: pg.Pool,
  ends: readonly (Pick<UntoldCall, 'no' | 'call' | 'attempt'> & { channels: string[] })[],
): Promise<void> {
  if (ends.length === 0) return;
  await pool.query({
    name: 'ends-add-messages',
    text: `WITH told AS (
             UPDATE runbook.ends e SET told_at = clock_timestamp()
             FROM json_to_recordset($1::json) AS t (no bigint, call text, attempt integer,
               channels json)
             WHERE e.run_no = t.no AND e.number = t.attempt AND e.told_at IS NULL
             RETURNING t.*
           )
           INSERT INTO runbook.messages (run_no, call, attempt, channel, what, number)
           SELECT t.no, t.call, t.attempt, channel, 'left', 1
           FROM told t CROSS JOIN LATERAL json_array_elements_text(t.channels) AS channel
           ON CONFLICT DO NOTHING`,
    values: [jsonText(ends)],
  });
}
