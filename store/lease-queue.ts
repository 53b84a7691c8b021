import type pg from 'pg';
import type { RunKey } from '../common/keys.js';
import type { HolderRow, LeaseLoss } from './lease-rows.js';

/** Seconds without a new request after which a waiting run loses its place in the queue. */
const queueSeconds = 10;

export interface LeaseClaim {
  key: RunKey;
  /**
   * The top-level run: nested runs of one root share its leases. The run's own key when it is not
   * nested.
   */
  root: RunKey;
  /** Sorted. */
  targets: readonly string[];
}

/**
 * Runs earlier in the queue that still ask and could get all of their targets now: later runs must
 * not take these.
 */
export async function earlierInQueue(
  client: pg.PoolClient,
  no: string,
  root: RunKey,
  targets: readonly string[],
): Promise<HolderRow[]> {
  const { rows } = await client.query<HolderRow>({
    name: 'lease-waits-earlier',
    text: `SELECT l.target, l.fence, '' AS root_run, '' AS root_first_run_id, w.since, r.run, r.runbook, r.requester, true AS in_line
           FROM runbook.lease_waits w
           JOIN runbook.runs r ON r.no = w.run_no AND r.ended_at IS NULL
           JOIN runbook.leases l ON l.target = ANY (w.targets) AND l.target = ANY ($2)
           WHERE w.run_no <> $1 AND w.targets && $2::text[]
             AND w.asked_at > clock_timestamp() - make_interval(secs => $3)
             AND (w.since, w.run_no) < (coalesce((SELECT since FROM runbook.lease_waits WHERE run_no = $1), clock_timestamp()), $1::bigint)
             AND NOT EXISTS (SELECT FROM runbook.leases held
                             JOIN runbook.lease_claims c ON c.target = held.target AND c.fence = held.fence
                             JOIN runbook.runs holder ON holder.no = c.run_no AND holder.ended_at IS NULL
                             WHERE held.target = ANY (w.targets))
             AND NOT EXISTS (SELECT FROM runbook.lease_claims c
                             JOIN runbook.leases mine ON mine.target = c.target AND mine.fence = c.fence
                             JOIN runbook.runs holder ON holder.no = c.run_no AND holder.ended_at IS NULL
                             WHERE c.root_run = $4 AND c.root_first_run_id = $5 AND c.target = l.target)
           ORDER BY l.target, w.since`,
    values: [no, targets, queueSeconds, root.run, root.firstRunId],
  });
  return rows;
}

export async function joinQueue(
  client: pg.PoolClient,
  no: string,
  targets: readonly string[],
): Promise<void> {
  await client.query({
    name: 'lease-waits-stay',
    text: `INSERT INTO runbook.lease_waits (run_no, targets) VALUES ($1, $2)
           ON CONFLICT (run_no) DO UPDATE SET asked_at = clock_timestamp(), targets = excluded.targets`,
    values: [no, targets],
  });
}

/** The holder of the target right after the one with this fence. */
export async function nextHolder(
  client: pg.Pool | pg.PoolClient,
  target: string,
  fence: number,
): Promise<LeaseLoss['by']> {
  const { rows } = await client.query<{
    run: string;
    requester: string;
    since: Date;
    taken_by: string | null;
    taken_because: string | null;
    ended: boolean;
  }>({
    name: 'leases-next-holder',
    text: `SELECT r.run, r.requester, c.since, c.taken_by, c.taken_because, r.ended_at IS NOT NULL AS ended
           FROM runbook.lease_claims c JOIN runbook.runs r ON r.no = c.run_no
           WHERE c.target = $1 AND c.fence > $2 ORDER BY c.fence, c.since, c.run_no LIMIT 1`,
    values: [target, fence],
  });
  const row = rows[0];
  if (!row) return null;
  const { run, requester, since, taken_by: takenBy, taken_because: reason, ended } = row;
  return { run, requester, at: since.toISOString(), takenBy, reason, ended };
}

export function sharesRoot(holder: HolderRow, root: RunKey): boolean {
  return holder.root_run === root.run && holder.root_first_run_id === root.firstRunId;
}

export interface ClaimRow {
  taken_by: string | null;
  taken_because: string | null;
  taken_from: string | null;
}
