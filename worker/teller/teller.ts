import type pg from 'pg';
import { StepFailure } from '../../activities/failure.js';
import type { AttemptSecrets, Secrets } from '../../activities/secrets.js';
import type { Targets } from '../../activities/targets.js';
import { asksPeople } from '../../common/message.js';
import type { RunbookSpec } from '../../language/runbook.js';
import type { TargetDeclaration } from '../../language/targets-file.js';
import {
  addEndMessages,
  addFirstMessages,
  addFollowingMessages,
  callFacts,
  claimMessages,
  messageDropped,
  messageFailed,
  messageSent,
  untoldCalls,
  untoldEnds,
  type DueMessage,
  type RunsOf,
  type UntoldCall,
} from '../../store/index.js';
import { Recurring, sayOnce } from '../recurring.js';
import { channelsFor } from './channels.js';
import { contentOf, type TellingSettings } from './content.js';
import { deliver } from './deliver.js';
import { NotSent } from './not-sent.js';

/** Messages that a worker sends at once, and to one channel. */
const atOnce = 16;
const atOnceToOne = 4;
/** A message is tried again after so many looks at least, and this many milliseconds at most. */
const firstWaitLooks = 5;
const longestWaitMs = 300_000;
/** How many times longer than one try a claim holds. */
const claimFactor = 3;

export interface TellerDeps extends TellingSettings {
  pool: pg.Pool;
  targets: Targets;
  secrets: Secrets;
  catalogue: readonly RunbookSpec[];
  /** Identity of this worker. */
  worker: string;
  /** The runs that it tells of. */
  runs: RunsOf;
  /** Channels of runs for which nothing else names any. */
  notify: readonly string[];
  /** Milliseconds between two looks. */
  everyMs: number;
  /** Milliseconds that a channel gets to take a message. */
  timeoutMs: number;
  /** Milliseconds between two reminders. */
  remindEveryMs: number;
  /** Called with each trouble, one line each. */
  say: (line: string) => void;
}

/**
 * Tells people what runs wait for, beside the steps of a worker. The record says what is to be
 * told, so nothing can be lost, and no run waits for a message: workers look, claim, send, and
 * write down that it was sent. What a dead worker had claimed is claimed again when its time is up.
 */
export class Teller {
  private readonly under = new Map<string, number>();
  private readonly sending = new Set<Promise<void>>();
  private readonly looks: Recurring;
  private readonly warnOnce: (trouble: string) => void;
  private closed = false;

  constructor(private readonly deps: TellerDeps) {
    this.warnOnce = sayOnce(deps.say);
    this.looks = new Recurring(deps.everyMs, () =>
      this.look().then(
        () => this.warnOnce(''),
        (error: unknown) => this.warnOnce(`people cannot be told now: ${(error as Error).message}`),
      ),
    );
  }

  start(): void {
    this.looks.start();
  }

  /** Begins nothing new, and waits for what is being sent. */
  async close(): Promise<void> {
    this.closed = true;
    await this.looks.stop();
    await Promise.all(this.sending);
  }

  /** Adds the messages that are due, and begins to send them. @throws Error of the record */
  private async look(): Promise<void> {
    const { pool, runs, worker, timeoutMs, remindEveryMs } = this.deps;
    // What is over is told before what is asked since: the last word on a channel is what is so.
    await addFollowingMessages(pool, remindEveryMs);
    const untold = await untoldCalls(pool, runs);
    await addFirstMessages(
      pool,
      untold.flatMap((call) =>
        this.channelsOf(call).map((channel) => ({
          no: call.no,
          call: call.call,
          attempt: call.attempt,
          channel,
        })),
      ),
    );
    const ends = await untoldEnds(pool, runs);
    await addEndMessages(
      pool,
      ends.map((end) => ({ ...end, channels: this.channelsOf(end) })),
    );
    const limit = atOnce - this.sending.size;
    if (limit <= 0 || this.closed) return;
    const busy = [...this.under].filter(([, count]) => count >= atOnceToOne).map(([name]) => name);
    const claimMs = claimFactor * timeoutMs;
    const due = await claimMessages(pool, runs, {
      worker,
      claimMs,
      busy,
      limit: Math.min(limit, atOnceToOne),
    });
    for (const message of due) this.begin(message);
  }

  private channelsOf({ runbook, targets, notify }: UntoldCall): string[] {
    const { catalogue } = this.deps;
    return channelsFor({
      run: notify,
      runbook: catalogue.find(({ id }) => id === runbook)?.notify,
      targets: targets.map((name) => this.deps.targets.find(name)?.notify),
      worker: this.deps.notify,
    });
  }

  private begin(message: DueMessage): void {
    const { channel } = message;
    this.under.set(channel, (this.under.get(channel) ?? 0) + 1);
    const sending = this.send(message)
      .catch((error: unknown) =>
        this.warnOnce(`what was told cannot be recorded: ${(error as Error).message}`),
      )
      .finally(() => {
        this.sending.delete(sending);
        this.under.set(channel, (this.under.get(channel) ?? 1) - 1);
      });
    this.sending.add(sending);
  }

  private async send(due: DueMessage): Promise<void> {
    const { pool, worker, secrets, timeoutMs, everyMs } = this.deps;
    const attempt = secrets.forAttempt();
    try {
      const facts = await callFacts(pool, due);
      // Answered since it was claimed, or gone on: nobody is to be called for nothing.
      if (!facts || (asksPeople(due.what) && facts.call.closedAt !== null))
        return await messageDropped(pool, due.id);
      const message = await attempt.outgoing(contentOf(due, facts, this.deps));
      await deliver({ channel: this.channel(due), message, secrets: attempt, timeoutMs });
    } catch (error) {
      return messageFailed(
        pool,
        worker,
        due.id,
        failureOf(error, firstWaitLooks * everyMs, attempt),
      );
    }
    await messageSent(pool, due.id);
  }

  private channel({ channel }: DueMessage): TargetDeclaration {
    const declared = this.deps.targets.find(channel);
    if (declared) return declared;
    throw new NotSent(`targets.yaml of this worker declares no channel ${channel}`, false);
  }
}

/** Why a try failed, redacted, and when the next one is. */
function failureOf(
  error: unknown,
  leastMs: number,
  { exit }: AttemptSecrets,
): Parameters<typeof messageFailed>[3] {
  const known = error instanceof NotSent || error instanceof StepFailure;
  const asked = error instanceof NotSent ? (error.afterMs ?? 0) : 0;
  return {
    error: known ? exit.quote(error.message) : exit.problem(error).message,
    leastMs: Math.max(leastMs, asked),
    mostMs: longestWaitMs,
    mayHaveArrived: error instanceof NotSent ? error.mayHaveArrived : !known,
  };
}
