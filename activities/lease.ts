import { ApplicationFailure, Context } from '@temporalio/activity';
import { ApplicationFailureCategory } from '@temporalio/common';
import type pg from 'pg';
import type { RunKey } from '../common/keys.js';
import { heldText, leasedTargets, type HeldTarget } from '../common/lease.js';
import { utc } from '../common/times.js';
import { beginningOf } from '../common/visible.js';
import type { Problem } from '../common/view.js';
import type { Plan } from '../language/plan.js';
import {
  acquireLeases,
  losersBy,
  readHolders,
  RunClosed,
  type LeaseLoss,
  type LostTargets,
  type TakeOver,
} from '../store/index.js';
import { StepFailure } from './failure.js';
import { recordIsAway } from './record-reachable.js';

export interface LeaseRequest {
  version: 1;
  key: RunKey;
  /** The top-level run of a nested run, whose leases it shares. */
  root?: RunKey | undefined;
  targets: string[];
  /** The holders that the run knows of. */
  known: HeldTarget[];
  /** Milliseconds after which the run wants to be told of holders that it does not know. */
  patienceMs: number;
  takeOver?: TakeOver;
}

export interface LeaseAnswer {
  /** Holders of the targets that are not free; empty when the run holds all of them. */
  held: HeldTarget[];
  /** Why the run can never get them. */
  problem?: Problem;
}

/** Tells a run that goes on that it may have lost a target. */
export type TellLoss = (run: RunKey) => Promise<void>;

/**
 * One try to acquire a run's leases. While others hold them it fails and Temporal retries it: that
 * adds nothing to the history, and a waiting run takes no worker slot from the run that it waits
 * for.
 * @throws ApplicationFailure TargetHeld, retryable; its message says who has them
 */
export async function acquire(
  request: LeaseRequest,
  pool: pg.Pool,
  tellLoss: TellLoss,
): Promise<LeaseAnswer> {
  const { key, root = key, targets, known, takeOver } = request;
  try {
    const held = await acquireLeases(pool, { key, root, targets }, takeOver ? { takeOver } : {});
    // Also when an earlier try has taken them, and its worker died before it had told.
    for (const loser of takeOver ? await losersBy(pool, key, takeOver.decision) : [])
      await tellLoss(loser);
    const waited = Date.now() - Context.current().info.scheduledTimestampMs;
    if (held.length === 0 || takeOver || (waited > request.patienceMs && !isKnown(held, known)))
      return { held };
    throw ApplicationFailure.create({
      type: 'TargetHeld',
      message: held.map(heldText).join('; '),
      category: ApplicationFailureCategory.BENIGN,
    });
  } catch (error) {
    if (!(error instanceof RunClosed)) throw error;
    return {
      held: [],
      problem: {
        type: 'Refused',
        message: error.message.replace(/\.$/, ''),
        next: 'Start a new run.',
      },
    };
  }
}

function isKnown(held: readonly HeldTarget[], known: readonly HeldTarget[]): boolean {
  const text = (targets: readonly HeldTarget[]): string =>
    JSON.stringify(targets.map(({ target, run }) => [target, run]));
  return text(held) === text(known);
}

/** The first try, at admission. A run that will not wait does not queue. */
export function tryLeases(
  pool: pg.Pool,
  key: RunKey,
  root: RunKey,
  plan: Plan,
  queue: boolean,
): Promise<HeldTarget[]> {
  return acquireLeases(pool, { key, root, targets: leasedTargets(plan) }, { queue });
}

/**
 * Who holds the targets of a plan now. Also empty when the record is unreachable: a plan can still
 * be shown.
 */
export async function currentHolders(pool: pg.Pool, plan: Plan): Promise<HeldTarget[]> {
  try {
    return await readHolders(pool, leasedTargets(plan));
  } catch (error) {
    if (recordIsAway(error)) return [];
    throw error;
  }
}

/**
 * Why a step may not change its target any more.
 * @param resumed true when an earlier worker had begun the attempt
 */
export function lostLease({ target, closed, by }: LeaseLoss, resumed: boolean): StepFailure {
  const mayHaveActed = resumed
    ? '; the previous worker died while it did this step, so the step may have acted'
    : '';
  if (closed) {
    return new StepFailure(
      'LeaseLost',
      'the record says that this run has ended, so it ' +
        `no longer holds target ${target}${mayHaveActed}`,
      { next: 'Abort this run and start a new one.' },
    );
  }
  const next = !by
    ? 'Look at the target; then retry, which claims it again, or abort.'
    : by.ended
      ? `Look at what ${by.run} changed; then retry, which claims the target again, or abort.`
      : `Retry is refused as long as ${by.run} goes on. Wait ` +
        'until it has ended and look at what it changed, or abort.';
  return new StepFailure('LeaseLost', `${lossText({ target, by })}${mayHaveActed}`, { next });
}

/** Who has had the target since, as a sentence without its full stop. */
function lossText({ target, by }: Pick<LeaseLoss, 'target' | 'by'>): string {
  if (!by) return `another run has had target ${target} since`;
  const how = by.takenBy === null ? 'has had' : 'took';
  const who = by.takenBy === null ? '' : ` over (${by.takenBy}: ${by.reason ?? ''})`;
  const since = `${who} at ${utc(by.at)}`;
  return `run ${by.run}, started by ${by.requester}, ${how} target ${target}${since}`;
}

/** Characters of what a question says of lost targets. */
const maxLossText = 2_000;

/** What a question says of lost targets; the same as long as nothing else is lost. */
export function lossesText({ losses }: Pick<LostTargets, 'losses'>): string {
  return beginningOf(losses.map(lossText).join('; '), maxLossText);
}
