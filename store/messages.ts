import type pg from 'pg';
import type { MessageKind } from '../common/message.js';
import { cleanText, jsonText } from './clean.js';

/*
 * The messages to people about what runs wait for. The record has every wait before its run waits,
 * so nothing has to be handed over: workers look for what is not told yet. All times are of the
 * database's clock.
 */

/** The runs that a worker tells of: those whose targets and channels it knows. */
export interface RunsOf {
  taskQueue: string;
  /** Id of the Temporal namespace. */
  namespaceId: string;
}

/** A call that nobody was told of yet. */
export interface UntoldCall {
  no: string;
  call: string;
  attempt: number;
  runbook: string;
  targets: string[];
  /** Channels that the start of the run named. */
  notify: string[] | null;
}

/** Whether a run, as `r`, is one of `RunsOf`, given as the first two parameters. */
export const ownRuns = `(r.task_queue IS NULL OR r.task_queue = $1)
             AND (r.namespace_id IS NULL OR r.namespace_id = $2)`;

/** Open calls without a first message. */
export async function untoldCalls(pool: pg.Pool, of: RunsOf): Promise<UntoldCall[]> {
  const { rows } = await pool.query<UntoldCall>({
    name: 'messages-untold',
    text: `SELECT r.no, c.call, c.attempt, r.runbook, r.targets, r.envelope->'notify' AS notify
           FROM runbook.calls c JOIN runbook.runs r ON r.no = c.run_no
           WHERE c.closed_at IS NULL AND r.ended_at IS NULL AND ${ownRuns}
             AND NOT EXISTS (SELECT FROM runbook.messages m WHERE m.run_no = c.run_no
               AND m.call = c.call AND m.attempt = c.attempt
                                AND m.what = 'asked' AND m.settled_at IS NULL)
           ORDER BY c.since`,
    values: [of.taskQueue, of.namespaceId],
  });
  return rows;
}

/** Adds the first messages about calls. Another worker may have added them meanwhile. */
export async function addFirstMessages(
  pool: pg.Pool,
  calls: readonly (Pick<UntoldCall, 'no' | 'call' | 'attempt'> & { channel: string })[],
): Promise<void> {
  if (calls.length === 0) return;
  await pool.query({
    name: 'messages-first',
    // A call that was over and goes on after a reset is asked again, under the next number.
    text: `INSERT INTO runbook.messages (run_no, call, attempt, channel, what, number)
           SELECT t.no, t.call, t.attempt, t.channel, 'asked', 1 + coalesce(max(m.number), 0)
           FROM json_to_recordset($1::json) AS t (no bigint, call text, attempt integer,
             channel text)
           LEFT JOIN runbook.messages m ON m.run_no = t.no AND m.call = t.call
             AND m.attempt = t.attempt AND m.channel = t.channel AND m.what = 'asked'
           GROUP BY t.no, t.call, t.attempt, t.channel
           HAVING count(m.id) FILTER (WHERE m.settled_at IS NULL) = 0
           ON CONFLICT DO NOTHING`,
    values: [jsonText(calls)],
  });
}

/** About the same call on the same channel. */
const same = `m.run_no = a.run_no AND m.call = a.call AND m.attempt = a.attempt
             AND m.channel = a.channel`;

/**
 * Adds the messages that follow a first one: reminders, until somebody has taken the call; that the
 * deadline is near; and that the call is over, where people may know of it. What was not sent by
 * then is dropped.
 * @param remindEveryMs milliseconds between two reminders
 */
export async function addFollowingMessages(pool: pg.Pool, remindEveryMs: number): Promise<void> {
  await pool.query({
    name: 'messages-following',
    text: `INSERT INTO runbook.messages (run_no, call, attempt, channel, what, number)
           SELECT a.run_no, a.call, a.attempt, a.channel, next.what, next.number
           FROM runbook.messages a
           JOIN runbook.calls c ON c.run_no = a.run_no AND c.call = a.call AND c.attempt = a.attempt
             AND c.closed_at IS NULL
           CROSS JOIN LATERAL (
             SELECT 'reminder' AS what,
                    1 + count(*) FILTER (WHERE m.what = 'reminder')::integer AS number
             FROM runbook.messages m WHERE ${same}
             HAVING count(*) FILTER (WHERE m.sent_at IS NULL AND m.dropped_at IS NULL) = 0
               AND max(m.sent_at) < clock_timestamp() - $1 * interval '1 ms'
                AND NOT EXISTS (SELECT FROM runbook.acks k WHERE k.run_no = a.run_no
                  AND k.call = a.call AND k.attempt = a.attempt)
             UNION ALL
             SELECT 'deadline', a.number WHERE a.sent_at < ${nearDeadline}
               AND ${nearDeadline} <= clock_timestamp()
           ) AS next
           WHERE a.what = 'asked' AND a.settled_at IS NULL
           ON CONFLICT DO NOTHING`,
    values: [remindEveryMs],
  });
  await pool.query({
    name: 'messages-over',
    text: `WITH over AS (
             UPDATE runbook.messages a SET settled_at = clock_timestamp(),
               dropped_at = CASE WHEN a.sent_at IS NULL THEN clock_timestamp() END
             FROM runbook.calls c
             WHERE a.what = 'asked' AND a.settled_at IS NULL AND c.run_no = a.run_no
               AND c.call = a.call AND c.attempt = a.attempt AND c.closed_at IS NOT NULL
               AND (a.sent_at IS NOT NULL OR a.claimed_until IS NULL
                 OR a.claimed_until <= clock_timestamp())
               AND NOT EXISTS (SELECT FROM runbook.messages m WHERE ${same} AND m.sent_at IS NULL
                 AND m.claimed_until > clock_timestamp())
             RETURNING a.*
           ), dropped AS (
             UPDATE runbook.messages m SET dropped_at = clock_timestamp()
             FROM over a WHERE ${same} AND m.what IN ('reminder', 'deadline') AND m.sent_at IS NULL
               AND m.dropped_at IS NULL
           )
           INSERT INTO runbook.messages (run_no, call, attempt, channel, what, number)
           SELECT a.run_no, a.call, a.attempt, a.channel, 'over', a.number FROM over a
           WHERE a.sent_at IS NOT NULL OR a.may_have_arrived OR a.claimed_until IS NOT NULL
           ON CONFLICT DO NOTHING`,
  });
}

/** When a quarter of its time is left, but at most an hour before it. */
const nearDeadline = `c.deadline - least((c.deadline - c.since) / 4, interval '1 hour')`;

/** A message that is to be sent now. */
export interface DueMessage {
  id: string;
  no: string;
  call: string;
  attempt: number;
  channel: string;
  what: MessageKind;
  number: number;
  /** An earlier try may have arrived. */
  again: boolean;
  /** Id of the first message about the call. */
  first: string;
}

/**
 * Claims messages for a worker. A claim of a worker that has died expires, and the message is
 * claimed again. None is claimed whose call is over, but for those that say so. What is asked next,
 * and the end of a run, are told after what was asked is over.
 * @param busy channels that get no more for now
 */
export async function claimMessages(
  pool: pg.Pool,
  of: RunsOf,
  {
    worker,
    claimMs,
    limit,
    busy,
  }: { worker: string; claimMs: number; limit: number; busy: readonly string[] },
): Promise<DueMessage[]> {
  const { rows } = await pool.query<DueMessage>({
    name: 'messages-claim',
    text: `UPDATE runbook.messages m
           SET claimed_by = $3, claimed_until = clock_timestamp() + $4 * interval '1 ms',
             tries = m.tries + 1,
               may_have_arrived = m.may_have_arrived OR m.claimed_until IS NOT NULL
           FROM (SELECT m.id
                 FROM runbook.messages m
                 JOIN runbook.runs r ON r.no = m.run_no
                 JOIN runbook.calls c ON c.run_no = m.run_no AND c.call = m.call
                   AND c.attempt = m.attempt
                 WHERE m.sent_at IS NULL AND m.dropped_at IS NULL AND m.due_at <= clock_timestamp()
                   AND (m.claimed_until IS NULL OR m.claimed_until <= clock_timestamp())
                   AND (m.what IN ('over', 'left') OR c.closed_at IS NULL)
                   AND m.channel <> ALL ($6) AND ${ownRuns}
                   AND (m.what NOT IN ('asked', 'left') OR NOT EXISTS (
                     SELECT FROM runbook.messages o
                     WHERE o.run_no = m.run_no AND o.channel = m.channel AND o.what = 'over'
                       AND o.sent_at IS NULL AND o.dropped_at IS NULL
                       AND (m.what = 'left' OR o.failing_since IS NULL)))
                 ORDER BY m.due_at LIMIT $5
                 FOR UPDATE OF m SKIP LOCKED) due
           WHERE m.id = due.id
           RETURNING m.id, m.run_no AS no, m.call, m.attempt, m.channel, m.what, m.number,
             m.may_have_arrived AS again,
             (SELECT f.id FROM runbook.messages f
               WHERE f.run_no = m.run_no AND f.call = m.call AND f.attempt = m.attempt
                 AND f.channel = m.channel AND f.what IN ('asked', 'left')
               ORDER BY f.number DESC LIMIT 1) AS first`,
    values: [of.taskQueue, of.namespaceId, worker, claimMs, limit, busy],
  });
  return rows;
}

/** The channel took it. */
export async function messageSent(pool: pg.Pool, id: string): Promise<void> {
  await pool.query({
    name: 'messages-sent',
    text: `UPDATE runbook.messages SET sent_at = clock_timestamp(), claimed_by = NULL,
                  claimed_until = NULL, failing_since = NULL, last_error = NULL
           WHERE id = $1 AND sent_at IS NULL`,
    values: [id],
  });
}

/** The call was over before it was sent. */
export async function messageDropped(pool: pg.Pool, id: string): Promise<void> {
  await pool.query({
    name: 'messages-dropped',
    text: `UPDATE runbook.messages SET dropped_at = clock_timestamp(), claimed_by = NULL,
                  claimed_until = NULL
           WHERE id = $1 AND sent_at IS NULL`,
    values: [id],
  });
}

/**
 * The channel did not take it, as far as is known: it is tried again, each time after as long as it
 * has failed already. Workers that died over it do not count.
 * @param leastMs milliseconds until then at least; `mostMs`: at most, when that is more
 * @param mayHaveArrived nobody knows whether it did
 */
export async function messageFailed(
  pool: pg.Pool,
  worker: string,
  id: string,
  {
    error,
    leastMs,
    mostMs,
    mayHaveArrived,
  }: { error: string; leastMs: number; mostMs: number; mayHaveArrived: boolean },
): Promise<void> {
  await pool.query({
    name: 'messages-failed',
    text: `UPDATE runbook.messages
           SET claimed_by = NULL, claimed_until = NULL, last_error = $4,
               due_at = clock_timestamp() + greatest($3 * interval '1 ms',
                 least($6 * interval '1 ms',
                       clock_timestamp() - coalesce(failing_since, clock_timestamp()))),
               failing_since = coalesce(failing_since, clock_timestamp()),
               may_have_arrived = may_have_arrived OR $5
           WHERE id = $1 AND claimed_by = $2 AND sent_at IS NULL`,
    values: [id, worker, leastMs, cleanText(error), mayHaveArrived, mostMs],
  });
}
