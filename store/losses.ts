import type pg from 'pg';
import type { RunKey } from '../common/keys.js';
import type { HeldTarget } from '../common/lease.js';
import { nextHolder } from './lease-queue.js';
import type { LeaseLoss } from './lease-rows.js';
import { lockLiveRun, proveLeases, readHolders, RunClosed } from './leases.js';
import { inTransaction } from './transaction.js';

/** The targets that a run has lost, and the other runs that hold them now. */
export interface LostTargets {
  losses: LeaseLoss[];
  held: HeldTarget[];
}

/** What a run that goes on has lost to others since it claimed its targets; null: nothing. */
export async function lostTargets(pool: pg.Pool, key: RunKey): Promise<LostTargets | null> {
  const { rows } = await pool.query<ClaimRow>({
    name: 'losses-read',
    text: `SELECT c.target, c.fence, c.root_run, c.root_first_run_id
           FROM runbook.runs r
           CROSS JOIN LATERAL (
             SELECT DISTINCT ON (target) target, fence, root_run, root_first_run_id
             FROM runbook.lease_claims WHERE run_no = r.no ORDER BY target, fence DESC
           ) c
           JOIN runbook.leases l ON l.target = c.target AND l.fence <> c.fence
           WHERE r.run = $1 AND r.first_run_id = $2 AND r.ended_at IS NULL ORDER BY c.target`,
    values: [key.run, key.firstRunId],
  });
  const [first] = rows;
  if (!first) return null;
  const losses: LeaseLoss[] = [];
  for (const { target, fence } of rows)
    losses.push({ target, closed: false, by: await nextHolder(pool, target, fence) });
  const root = { run: first.root_run, firstRunId: first.root_first_run_id };
  const names = rows.map(({ target }) => target);
  return { losses, held: await readHolders(pool, names, root) };
}

/**
 * Claims lost targets again that are free by now, because a person decided so.
 * @returns whether the run holds all of its targets
 */
export async function retakeTargets(pool: pg.Pool, key: RunKey): Promise<boolean> {
  try {
    return await inTransaction(pool, async (client) => {
      const no = await lockLiveRun(client, key);
      return (await proveLeases(client, no, true)) === null;
    });
  } catch (error) {
    if (error instanceof RunClosed) return false;
    throw error;
  }
}

/** The runs that go on and that have lost a target by a take-over. @param decision its id */
export async function losersBy(pool: pg.Pool, key: RunKey, decision: string): Promise<RunKey[]> {
  const { rows } = await pool.query<{ run: string; first_run_id: string }>({
    name: 'losses-losers',
    text: `SELECT DISTINCT loser.run, loser.first_run_id
           FROM runbook.runs r
           JOIN runbook.lease_claims mine ON mine.run_no = r.no AND mine.decision = $3
           JOIN runbook.lease_claims before
             ON before.target = mine.target AND before.fence = mine.fence - 1
           JOIN runbook.runs loser ON loser.no = before.run_no AND loser.ended_at IS NULL
           WHERE r.run = $1 AND r.first_run_id = $2`,
    values: [key.run, key.firstRunId, decision],
  });
  return rows.map(({ run, first_run_id: firstRunId }) => ({ run, firstRunId }));
}

interface ClaimRow {
  target: string;
  fence: number;
  root_run: string;
  root_first_run_id: string;
}
