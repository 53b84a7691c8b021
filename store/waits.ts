import type pg from 'pg';
import type { RunKey } from '../common/keys.js';
import type { FollowingStep, WaitView } from '../common/view.js';
import { jsonText } from './clean.js';
import type { Connection } from './transaction.js';

/**
 * Adds openings of questions that the record does not have yet, and reopens those that the end of a
 * revived run had closed.
 */
export async function saveWaits(
  client: pg.PoolClient,
  no: string,
  waits: readonly WaitView[],
): Promise<void> {
  if (waits.length === 0) return;
  await client.query({
    name: 'waits-save',
    text: `INSERT INTO runbook.waits AS waits (run_no, about_id, attempt, kind, title, since, deadline,
                  who, deciders, verbs, digest, evidence, follows, command)
           SELECT $1, w.id, w.attempt, w.kind, w.title, w.since, w.deadline, w.who, w.deciders,
             w.verbs, w.digest, coalesce(w.evidence, '{}'), w.follows, w.command
           FROM json_to_recordset($2::json)
             AS w (id text, attempt integer, kind text, title text, since timestamptz,
                   deadline timestamptz, who text, deciders text, verbs text[], digest text,
                   evidence json, follows json, command text)
           ON CONFLICT (run_no, about_id, attempt)
             DO UPDATE SET closed_at = NULL, reopens = false WHERE waits.reopens`,
    values: [no, jsonText(waits)],
  });
}

/**
 * Closes waits that are not in this state of the run. A wait that began after all waits in this
 * state is left open: the state is older than the wait. One that is asked anew is closed when that
 * was; another one when its step has ended since.
 * @param isNewest nothing can have been asked since: closes all that are not in it
 */
export async function closeWaits(
  client: pg.PoolClient,
  no: string,
  waits: readonly WaitView[],
  isNewest: boolean,
): Promise<void> {
  if (!isNewest && waits.length === 0) return;
  await client.query({
    name: 'waits-close',
    text: `UPDATE runbook.waits w
           SET closed_at = coalesce(
                 (SELECT again.since
                  FROM json_to_recordset($2::json)
                    AS again (id text, attempt integer, since timestamptz)
                  WHERE again.id = w.about_id AND again.attempt > w.attempt),
                 (SELECT s.ended_at FROM runbook.steps s
                  WHERE s.run_no = w.run_no AND s.path = w.about_id AND s.ended_at > w.since),
                 now())
           WHERE w.run_no = $1 AND w.closed_at IS NULL
             AND ($3 OR w.since < $4::timestamptz)
             AND NOT EXISTS (
               SELECT FROM json_to_recordset($2::json) AS open (id text, attempt integer)
               WHERE open.id = w.about_id AND open.attempt = w.attempt)`,
    values: [
      no,
      jsonText(waits),
      isNewest,
      waits
        .map((wait) => wait.since)
        .sort()
        .at(-1) ?? null,
    ],
  });
}

/**
 * Closes waits that an accepted decision has answered; a run without open waits is running again.
 */
export async function settleWaits(client: pg.PoolClient, no: string): Promise<void> {
  await client.query({
    name: 'waits-settle',
    text: `UPDATE runbook.waits w SET closed_at = d.judged_at
           FROM runbook.decisions d
           WHERE w.run_no = $1 AND w.closed_at IS NULL
             AND d.run_no = w.run_no AND d.accepted AND d.about_id = w.about_id
             AND d.attempt = w.attempt`,
    values: [no],
  });
  await client.query({
    name: 'waits-settle-run',
    text: `UPDATE runbook.runs r SET state = 'running'
           WHERE r.no = $1 AND r.state IN ('waiting', 'needs-operator')
             AND EXISTS (SELECT FROM runbook.waits w WHERE w.run_no = r.no)
             AND NOT EXISTS (SELECT FROM runbook.waits w WHERE w.run_no = r.no AND w.closed_at IS NULL)`,
    values: [no],
  });
}

/**
 * Closes what the procedure of a run asked that these decisions have ended, with its steps. Undos
 * go on asking.
 * @param decisions ids of accepted decisions about the run as a whole
 */
export async function closeAsked(
  client: pg.PoolClient,
  no: string,
  decisions: readonly string[],
): Promise<void> {
  await client.query({
    name: 'waits-close-asked',
    text: `WITH closed AS (
             UPDATE runbook.waits w SET closed_at = greatest(d.judged_at, w.since)
             FROM runbook.decisions d
             WHERE w.run_no = $1 AND w.closed_at IS NULL AND w.kind <> 'undo'
               AND d.run_no = w.run_no AND d.decision = ANY ($2) AND d.accepted
             RETURNING w.about_id, w.closed_at
           )
           UPDATE runbook.steps s SET ended_at = closed.closed_at,
             state = CASE s.state WHEN 'waiting' THEN 'skipped' ELSE 'failed' END
           FROM closed
           WHERE s.run_no = $1 AND s.path = closed.about_id
             AND s.state IN ('waiting', 'needs-operator')`,
    values: [no, decisions],
  });
}

/** Closes the wait for leases: the run holds them now. */
export async function closeLeaseWaits(client: pg.PoolClient, no: string): Promise<void> {
  const { rowCount } = await client.query({
    name: 'waits-close-leases',
    text:
      'UPDATE runbook.waits SET closed_at = clock_timestamp() WHERE run_no = $1 ' +
      "AND kind = 'lease' AND closed_at IS NULL",
    values: [no],
  });
  if (rowCount) await settleWaits(client, no);
}

export type RecordedWait = WaitView & { closedAt: string | null };

/** Every opening of a question, in order. */
export async function readWaits(pool: Connection, no: string): Promise<RecordedWait[]> {
  const { rows } = await pool.query<WaitRow>({
    name: 'waits-read',
    text: `SELECT about_id, attempt, kind, title, since, deadline, who, deciders, verbs, digest,
                  evidence, follows, command, closed_at
           FROM runbook.waits WHERE run_no = $1 ORDER BY since, about_id, attempt`,
    values: [no],
  });
  return rows.map((row) => ({
    kind: row.kind,
    id: row.about_id,
    title: row.title,
    since: row.since.toISOString(),
    deadline: row.deadline?.toISOString() ?? null,
    who: row.who,
    deciders: row.deciders,
    verbs: row.verbs,
    attempt: row.attempt,
    digest: row.digest,
    evidence: row.evidence,
    ...(row.follows === null ? {} : { follows: row.follows }),
    command: row.command,
    closedAt: row.closed_at?.toISOString() ?? null,
  }));
}

/** The digests of all that a run has asked under an id: a gate, a step or a wait for targets. */
export async function askedDigests(pool: pg.Pool, run: RunKey, id: string): Promise<string[]> {
  const { rows } = await pool.query<{ digest: string }>({
    name: 'waits-digests',
    text: `SELECT w.digest FROM runbook.waits w JOIN runbook.runs r ON r.no = w.run_no
           WHERE r.run = $1 AND r.first_run_id = $2 AND w.about_id = $3`,
    values: [run.run, run.firstRunId, id],
  });
  return rows.map(({ digest }) => digest);
}

/** What the run waits for now, as far as the record knows. */
export async function readOpenWaits(pool: Connection, no: string): Promise<WaitView[]> {
  const waits = await readWaits(pool, no);
  return waits.filter((wait) => wait.closedAt === null).map(({ closedAt: _, ...wait }) => wait);
}

type WaitRow = Pick<
  WaitView,
  'attempt' | 'kind' | 'title' | 'who' | 'deciders' | 'verbs' | 'digest' | 'evidence' | 'command'
> & {
  about_id: string;
  follows: FollowingStep[] | null;
  since: Date;
  deadline: Date | null;
  closed_at: Date | null;
};
