import { CancellationScope, CancelledFailure, type ActivityOptions } from '@temporalio/workflow';
import { digestOf } from '../../language/digest.js';
import type { DecisionEnvelope } from '../../common/envelope.js';
import type { LeaseFacts } from '../../common/judgement.js';
import type { RunKey } from '../../common/keys.js';
import { heldText, leaseWaitId, type HeldTarget } from '../../common/lease.js';
import type { LeaseAnswer, LeaseRequest } from '../../activities/lease.js';
import { acquireLeases, leaseOptions } from './activities.js';
import type { Board } from './board.js';
import type { CarriedLease } from './carried.js';
import { TargetRefused } from './outcome.js';
import type { Turn } from './turn.js';

interface Question {
  id: string;
  attempt: number;
  digest: string;
  held: HeldTarget[];
  decision: DecisionEnvelope | null;
  waiting: boolean;
  /** Holds the tries to acquire the targets. */
  trying: CancellationScope;
}

interface LeaseHost {
  board: Board;
  key: RunKey;
  root: RunKey | undefined;
  targets: string[];
  command: string;
  heartbeatMs: number;
  refuses: boolean;
  save(): Promise<void>;
  turn: Turn;
}

/**
 * How long a change of the holder may go unreported: longer each time, so that a wait of days needs
 * few history events.
 */
const firstPatienceMs = 5_000;
const maxPatienceMs = 600_000;

/**
 * Where a run waits for targets that other runs hold, until they have ended or somebody takes the
 * targets over.
 */
export class Lease {
  private question: Question | null = null;
  private blocked: CarriedLease = { held: [], asked: 0 };

  /** For the next execution of the run. */
  carry(): CarriedLease {
    return this.blocked;
  }

  facts(): LeaseFacts | null {
    if (!this.question) return null;
    const { id, attempt, digest, waiting, held, decision } = this.question;
    return {
      id,
      attempt,
      digest,
      state: waiting && decision === null ? 'waiting' : 'decided',
      held: held.map(heldText).join('; '),
      decidedBy: decision?.by ?? null,
    };
  }

  /** Takes a decision that was judged good. */
  decide(decision: DecisionEnvelope): void {
    if (!this.question?.waiting || this.question.decision) return;
    this.question.decision = decision;
    this.question.trying.cancel();
  }

  /**
   * Returns when the run holds its targets.
   * @param before who held them at admission, or when the previous execution ended
   * @throws TargetRefused when the run is not to wait, or can never have them
   */
  async acquire(before: CarriedLease, host: LeaseHost): Promise<void> {
    this.blocked = before;
    if (before.held.length === 0) return;
    if (host.refuses) {
      throw new TargetRefused({
        type: 'Refused',
        message: `${before.held.map(heldText).join('; ')}, and the start said not to wait; nothing was done`,
        next: 'Start it again when that run has ended, or let it wait with: --if-held wait',
      });
    }
    while (this.blocked.held.length > 0) {
      await host.turn.waitToBegin();
      const { held, asked } = this.blocked;
      const question = this.ask(asked + 1, held, host);
      try {
        // First: a decision must find the question in the record.
        await host.save();
        const { held: now, problem } = await host.turn.trackInFlight(() =>
          this.tryUntilAnswered(question, host),
        );
        if (problem) throw new TargetRefused(problem);
        this.blocked = { held: now, asked: question.attempt };
      } finally {
        question.waiting = false;
        host.board.closeWait(question.id);
      }
    }
  }

  private ask(attempt: number, held: HeldTarget[], { board, command, key }: LeaseHost): Question {
    const id = leaseWaitId(held[0]?.target);
    const digest = digestOf({
      run: key.run,
      wait: id,
      attempt,
      held: held.map(({ target, run, fence }) => [target, run, fence]),
    });
    const names = [...new Set(held.map(({ target }) => target))].join(', ');
    const runs = [...new Set(held.map(({ run }) => run))].join(' and ');
    this.question = {
      id,
      attempt,
      digest,
      held,
      decision: null,
      waiting: true,
      trying: new CancellationScope(),
    };
    board.openWait({
      kind: 'lease',
      id,
      title: `another run has ${names}`,
      since: new Date().toISOString(),
      deadline: null,
      who: `${runs} to end`,
      attempt,
      digest,
      evidence: {
        'who has it': held.map(heldText).join('; '),
        'take over':
          'the other run then changes nothing more there, and cannot take back what it has changed',
      },
      command: `${command} take-over ${key.run} --reason '…'`,
    });
    return this.question;
  }

  private async tryUntilAnswered(
    question: Question,
    { key, root, targets, heartbeatMs }: LeaseHost,
  ): Promise<LeaseAnswer> {
    const patienceMs = Math.min(firstPatienceMs * 2 ** (question.attempt - 1), maxPatienceMs);
    const request = { version: 1, key, root, targets, known: question.held, patienceMs } as const;
    try {
      return await question.trying.run(() =>
        tryToAcquire(request, leaseOptions(question.held.map(heldText).join('; '), heartbeatMs)),
      );
    } catch (error) {
      // The take-over cancelled the try: that is the only failure to expect here.
      const { decision } = question;
      if (!decision) throw error;
      const from = Object.fromEntries(question.held.map(({ target, fence }) => [target, fence]));
      const takeOver = { by: decision.by, reason: decision.reason, decision: decision.id, from };
      return tryToAcquire(
        { ...request, takeOver },
        leaseOptions(`${decision.by} takes over: ${decision.reason}`, heartbeatMs),
      );
    }
  }
}

/**
 * @throws CancelledFailure also when the last try failed while the cancellation was on its way:
 *   then Temporal reports that failure instead
 */
async function tryToAcquire(request: LeaseRequest, options: ActivityOptions): Promise<LeaseAnswer> {
  try {
    return await acquireLeases(request, options);
  } catch (error) {
    if (CancellationScope.current().consideredCancelled) {
      throw new CancelledFailure('cancelled while it waited for a target');
    }
    throw error;
  }
}
