import type pg from 'pg';
import type { RunKey } from '../common/keys.js';
import type { HeldTarget } from '../common/lease.js';
import { cleanText } from './clean.js';
import { NotInRecord } from './find-run.js';
import { inTransaction } from './transaction.js';
import { closeLeaseWaits } from './waits.js';
import {
  earlierInQueue,
  joinQueue,
  type LeaseClaim,
  nextHolder,
  sharesRoot,
} from './lease-queue.js';
import type { HolderRow, LeaseLoss } from './lease-rows.js';

/** Takes the targets from runs that have not ended. */
export interface TakeOver {
  by: string;
  reason: string;
  /** Id of the decision. */
  decision: string;
  /**
   * Target → fence of the holder that the person saw; the lease is not taken from another holder.
   */
  from: Readonly<Record<string, number>>;
}

/** A run holds nothing once the record says that it has ended. */
export class RunClosed extends Error {
  constructor(run: string) {
    super(`The record says that run ${run} has ended, so it can hold no target any more.`);
    this.name = 'RunClosed';
  }
}

/**
 * Acquires all leases of a run, or none. Idempotent, also after a reset or continue-as-new: the key
 * is the same. First come, first served, as long as the first keeps asking.
 * @param options.queue false: a run that will not wait does not queue
 * @returns holders of the targets that are not free; empty when the run holds all of them
 * @throws NotInRecord, RunClosed
 */
export function acquireLeases(
  pool: pg.Pool,
  claim: LeaseClaim,
  options: { queue?: boolean; takeOver?: TakeOver } = {},
): Promise<HeldTarget[]> {
  if (claim.targets.length === 0) return Promise.resolve([]);
  return inTransaction(pool, async (client) => {
    const no = await lockLiveRun(client, claim.key);
    return acquire(client, no, claim, options);
  });
}

async function acquire(
  client: pg.PoolClient,
  no: string,
  { root, targets }: Omit<LeaseClaim, 'key'>,
  { queue = true, takeOver }: { queue?: boolean; takeOver?: TakeOver },
): Promise<HeldTarget[]> {
  await client.query({
    name: 'leases-add',
    text:
      'INSERT INTO runbook.leases (target) SELECT unnest($1::text[]) ' +
      'ON CONFLICT (target) DO NOTHING',
    values: [targets],
  });
  // All runs lock in the order of the names, so there is no deadlock.
  await client.query({
    name: 'leases-lock',
    text: 'SELECT FROM runbook.leases WHERE target = ANY ($1) ORDER BY target FOR UPDATE',
    values: [targets],
  });
  const others = (await holders(client, targets)).filter((holder) => !sharesRoot(holder, root));
  const taken = takeOver
    ? others.filter(({ target, fence }) => takeOver.from[target] === fence)
    : [];
  const blocked =
    others.length > taken.length
      ? others
      : takeOver
        ? []
        : await earlierInQueue(client, no, root, targets);
  if (blocked.length > 0) {
    if (queue) await joinQueue(client, no, targets);
    return blocked.map(asHeld);
  }
  await client.query({
    name: 'leases-claim',
    text: `WITH mine AS (
             SELECT DISTINCT c.target FROM runbook.lease_claims c
             JOIN runbook.leases l ON l.target = c.target AND l.fence = c.fence
             JOIN runbook.runs r ON r.no = c.run_no AND r.ended_at IS NULL
             WHERE c.target = ANY ($2) AND c.root_run = $3 AND c.root_first_run_id = $4
           ), raised AS (
             UPDATE runbook.leases l SET fence = l.fence + 1
             WHERE l.target = ANY ($2) AND NOT EXISTS (SELECT FROM mine WHERE mine.target = l.target)
             RETURNING l.target, l.fence
           ), held AS (
             SELECT target, fence FROM raised
             UNION ALL SELECT l.target, l.fence FROM runbook.leases l JOIN mine ON mine.target = l.target
           )
           INSERT INTO runbook.lease_claims (run_no, target, fence, root_run, root_first_run_id, taken_by, taken_because, decision)
           SELECT $1, target, fence, $3, $4, CASE WHEN target = ANY ($5) THEN $6 END, CASE WHEN target = ANY ($5) THEN $7 END,
                  CASE WHEN target = ANY ($5) THEN $8 END
           FROM held ON CONFLICT (run_no, target, fence) DO NOTHING`,
    values: [
      no,
      targets,
      root.run,
      root.firstRunId,
      taken.map(({ target }) => target),
      cleanText(takeOver?.by ?? ''),
      cleanText(takeOver?.reason ?? ''),
      cleanText(takeOver?.decision ?? ''),
    ],
  });
  await client.query({
    name: 'lease-waits-leave',
    text: 'DELETE FROM runbook.lease_waits WHERE run_no = $1',
    values: [no],
  });
  await closeLeaseWaits(client, no);
  return [];
}

/**
 * Proves that a run still holds its leases, and locks them until the transaction ends. A run that
 * never claimed one (it only reads) has nothing to prove.
 * @param retake claims lost leases again that are free by now, because a person decided so
 */
export async function proveLeases(
  client: pg.PoolClient,
  no: string,
  retake: boolean,
): Promise<LeaseLoss | null> {
  const { rows } = await client.query<ProofRow>({
    name: retake ? 'leases-prove-or-retake' : 'leases-prove',
    text: `SELECT l.target, l.fence = c.fence AS mine, c.fence, c.root_run, c.root_first_run_id, r.ended_at IS NOT NULL AS ended
           FROM runbook.leases l
           JOIN (SELECT DISTINCT ON (target) run_no, target, fence, root_run, root_first_run_id FROM runbook.lease_claims
                 WHERE run_no = $1 ORDER BY target, fence DESC) c ON c.target = l.target
           JOIN runbook.runs r ON r.no = c.run_no
           ORDER BY l.target FOR ${retake ? 'UPDATE' : 'SHARE'} OF l`,
    values: [no],
  });
  const lost = rows.find(({ mine, ended }) => ended || !mine);
  if (!lost) return null;
  if (lost.ended) return { target: lost.target, closed: true, by: null };
  if (retake) {
    const root = { run: lost.root_run, firstRunId: lost.root_first_run_id };
    const targets = rows.map(({ target }) => target);
    if ((await acquire(client, no, { root, targets }, { queue: false })).length === 0) return null;
  }
  return {
    target: lost.target,
    closed: false,
    by: await nextHolder(client, lost.target, lost.fence),
  };
}

/** Reads who holds these targets now, without acquiring them. */
export async function readHolders(
  pool: pg.Pool,
  targets: readonly string[],
  root?: RunKey,
): Promise<HeldTarget[]> {
  if (targets.length === 0) return [];
  const found = await holders(pool, targets);
  return found.filter((holder) => !root || !sharesRoot(holder, root)).map(asHeld);
}

export async function lockLiveRun(client: pg.PoolClient, key: RunKey): Promise<string> {
  const { rows } = await client.query<{ no: string; ended: boolean }>({
    name: 'runs-lock-live',
    text:
      'SELECT no, ended_at IS NOT NULL AS ended FROM runbook.runs WHERE run = $1 ' +
      'AND first_run_id = $2 FOR NO KEY UPDATE',
    values: [key.run, key.firstRunId],
  });
  if (!rows[0]) throw new NotInRecord(key.run);
  if (rows[0].ended) throw new RunClosed(key.run);
  return rows[0].no;
}

async function holders(
  db: pg.Pool | pg.PoolClient,
  targets: readonly string[],
): Promise<HolderRow[]> {
  const { rows } = await db.query<HolderRow>({
    name: 'leases-holders',
    text: currentHoldersSql('WHERE l.target = ANY ($1)'),
    values: [targets],
  });
  return rows;
}

/** When nested runs share a lease, names the run that took it. */
export function currentHoldersSql(where: string): string {
  return `SELECT DISTINCT ON (l.target) l.target, l.fence, c.root_run, c.root_first_run_id, c.since, c.taken_by, c.taken_because,
                 r.run, r.runbook, r.requester, false AS in_line
          FROM runbook.leases l
          JOIN runbook.lease_claims c ON c.target = l.target AND c.fence = l.fence
          JOIN runbook.runs r ON r.no = c.run_no AND r.ended_at IS NULL
          ${where} ORDER BY l.target, c.since, c.run_no`;
}

export function takenFrom(claim: string): string {
  return `CASE WHEN ${claim}.taken_by IS NOT NULL THEN
            (SELECT r.run FROM runbook.lease_claims before JOIN runbook.runs r ON r.no = before.run_no
             WHERE before.target = ${claim}.target AND before.fence = ${claim}.fence - 1 ORDER BY before.since, before.run_no LIMIT 1)
          END`;
}

export function asHeld({
  target,
  run,
  runbook,
  requester,
  since,
  fence,
  in_line: inLine,
}: HolderRow): HeldTarget {
  return { target, run, runbook, requester, since: since.toISOString(), fence, inLine };
}

interface ProofRow {
  target: string;
  mine: boolean;
  fence: number;
  root_run: string;
  root_first_run_id: string;
  ended: boolean;
}
