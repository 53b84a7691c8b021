import { CancellationScope, CancelledFailure, type ActivityOptions } from '@temporalio/workflow';
import { digestOf } from '../../language/digest.js';
import type { RunKey } from '../../common/keys.js';
import { heldText, leaseWaitId, type HeldTarget } from '../../common/lease.js';
import { verbsFor } from '../../common/questions.js';
import type { LeaseAnswer, LeaseRequest } from '../../activities/lease.js';
import { acquireLeases, leaseOptions } from './activities.js';
import { TargetRefused } from './outcome.js';
import type { Question, Questions, Shown } from './questions.js';
import type { Turn } from './turn.js';

/** Who holds the targets that the run waits for, and how often it has asked. */
export interface CarriedLease {
  held: HeldTarget[];
  asked: number;
}

interface LeaseDeps {
  key: RunKey;
  /** The outermost run, whose targets a nested one shares. */
  root: RunKey | undefined;
  /** Those that the run changes. */
  targets: string[];
  /** The run was started not to wait for them. */
  refuses: boolean;
  heartbeatMs: number;
  questions: Questions;
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
  private blocked: CarriedLease = { held: [], asked: 0 };

  constructor(private readonly deps: LeaseDeps) {}

  /** For the next execution of the run. */
  carry(): CarriedLease {
    return this.blocked;
  }

  /**
   * Returns when the run holds its targets.
   * @param before who held them at admission, or when the previous execution ended
   * @throws TargetRefused when the run is not to wait, or can never have them
   */
  async acquire(before: CarriedLease): Promise<void> {
    const { refuses, turn, questions } = this.deps;
    this.blocked = before;
    if (before.held.length === 0) return;
    if (refuses) {
      throw new TargetRefused({
        type: 'Refused',
        message:
          `${before.held.map(heldText).join('; ')}, and ` +
          'the start said not to wait; nothing was done',
        next: 'Start it again when that run has ended, or let it wait with: --if-held wait',
      });
    }
    while (this.blocked.held.length > 0) {
      await turn.waitToBegin();
      const { held, asked } = this.blocked;
      const trying = new CancellationScope();
      const question = this.questionAbout(held, asked + 1);
      questions.add(question, () => trying.cancel());
      try {
        // First: a decision must find the question in the record.
        await questions.open(question, shownOf(held), true);
        const { held: now, problem } = await turn.trackInFlight(() =>
          this.tryUntilAnswered(question, held, trying),
        );
        if (problem) throw new TargetRefused(problem);
        this.blocked = { held: now, asked: question.attempt };
      } finally {
        questions.close(question);
      }
    }
  }

  private questionAbout(held: readonly HeldTarget[], attempt: number): Question {
    const { run } = this.deps.key;
    const id = leaseWaitId(held[0]?.target);
    const digest = digestOf({
      ...{ run, wait: id, attempt },
      held: held.map(({ target, run: holder, fence }) => [target, holder, fence]),
    });
    return {
      ...{ kind: 'lease', id, attempt, digest, state: 'waiting' },
      verbs: verbsFor('lease'),
      deciders: 'anyone',
      held: held.map(heldText).join('; '),
      since: new Date().toISOString(),
      decision: null,
    };
  }

  private async tryUntilAnswered(
    question: Question,
    held: HeldTarget[],
    trying: CancellationScope,
  ): Promise<LeaseAnswer> {
    const { key, root, targets, heartbeatMs } = this.deps;
    const patienceMs = Math.min(firstPatienceMs * 2 ** (question.attempt - 1), maxPatienceMs);
    const request = { version: 1, key, root, targets, known: held, patienceMs } as const;
    try {
      return await trying.run(() =>
        tryToAcquire(request, leaseOptions(held.map(heldText).join('; '), heartbeatMs)),
      );
    } catch (error) {
      // The take-over cancelled the try: that is the only failure to expect here.
      const { decision } = question;
      if (!decision) throw error;
      const from = Object.fromEntries(held.map(({ target, fence }) => [target, fence]));
      const takeOver = { by: decision.by, reason: decision.reason, decision: decision.id, from };
      return tryToAcquire(
        { ...request, takeOver },
        leaseOptions(`${decision.by} takes over: ${decision.reason}`, heartbeatMs),
      );
    }
  }
}

function shownOf(held: readonly HeldTarget[]): Shown {
  const names = [...new Set(held.map(({ target }) => target))].join(', ');
  const runs = [...new Set(held.map(({ run }) => run))].join(' and ');
  return {
    title: `another run has ${names}`,
    who: `${runs} to end`,
    evidence: {
      'who has it': held.map(heldText).join('; '),
      'take over':
        'the other run then changes nothing more there, and cannot undo what it has changed',
    },
  };
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
