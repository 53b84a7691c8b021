import type pg from 'pg';
import type { HeldTarget } from '../common/lease.js';
import type { HolderRow } from './lease-rows.js';
import { asHeld, currentHoldersSql, takenFrom } from './leases.js';
import type { ClaimRow } from './lease-queue.js';

export interface LeaseView extends HeldTarget {
  /** Set when it was taken over from a run that had not ended. */
  takenBy: string | null;
  takenFrom: string | null;
  reason: string | null;
  /** The queue of runs that wait for it, in order. */
  waiting: { run: string; requester: string; since: string }[];
}

/** All leases that are held now. */
export async function listLeases(pool: pg.Pool): Promise<LeaseView[]> {
  const { rows } = await pool.query<HolderRow & ClaimRow & { waiting: LeaseView['waiting'] }>({
    name: 'leases-list',
    text: `SELECT held.*, ${takenFrom('held')} AS taken_from,
                  (SELECT coalesce(json_agg(json_build_object('run', r.run, 'requester', r.requester, 'since', w.since)
                                            ORDER BY w.since, w.run_no), '[]')
                     FROM runbook.lease_waits w JOIN runbook.runs r ON r.no = w.run_no AND r.ended_at IS NULL
                    WHERE held.target = ANY (w.targets)) AS waiting
           FROM (${currentHoldersSql('')}) held ORDER BY held.target`,
  });
  return rows.map((row) => ({
    ...asHeld(row),
    takenBy: row.taken_by,
    takenFrom: row.taken_from,
    reason: row.taken_because,
    waiting: row.waiting.map((wait) => ({ ...wait, since: new Date(wait.since).toISOString() })),
  }));
}

/** The time for which one run held a target. */
export interface LeaseTerm {
  target: string;
  run: string;
  requester: string;
  since: string;
  /** Null while it is held. */
  until: string | null;
  takenBy: string | null;
  takenFrom: string | null;
  reason: string | null;
}

/** The holders of a target, newest first. @param limit terms at most */
export async function leaseHistory(
  pool: pg.Pool,
  target: string,
  limit = 50,
): Promise<LeaseTerm[]> {
  const { rows } = await pool.query<
    ClaimRow & { target: string; run: string; requester: string; since: Date; until: Date | null }
  >({
    name: 'leases-history',
    text: `SELECT c.target, r.run, r.requester, c.since, c.taken_by, c.taken_because, ${takenFrom('c')} AS taken_from,
                  least(r.ended_at, (SELECT min(later.since) FROM runbook.lease_claims later
                                     WHERE later.target = c.target AND later.fence > c.fence)) AS until
           FROM runbook.lease_claims c JOIN runbook.runs r ON r.no = c.run_no
           WHERE c.target = $1 ORDER BY c.fence DESC, c.since DESC, c.run_no DESC LIMIT $2`,
    values: [target, limit],
  });
  return rows.map((row) => ({
    target: row.target,
    run: row.run,
    requester: row.requester,
    since: row.since.toISOString(),
    until: row.until?.toISOString() ?? null,
    takenBy: row.taken_by,
    takenFrom: row.taken_from,
    reason: row.taken_because,
  }));
}
