import type { Json } from '../../language/json.js';
import type { DecisionEnvelope, Verdict } from '../../common/envelope.js';
import type { JudgeRequest } from '../../common/judgement.js';
import type { CarriedInbox, Received } from './carried.js';

/** Larger decisions are not carried further: what is judged goes into history once more. */
const maxDecisionCharacters = 8_192;
/** Decisions judged by one activity; a flood costs one activity per batch, not per signal. */
const batchSize = 50;
/** Answers that one execution hands to the next; older ones are in the record. */
const verdictsCarried = 500;
/** Signals that may be handed over unjudged. More are judged first, however due the border is. */
const queueCarried = 20;

export interface InboxOwner {
  /** True when the run is about to continue as new: what has arrived can wait for that. */
  leaving(): boolean;
  until(met: () => boolean): Promise<void>;
  /** Everything but the decisions themselves. */
  facts(): Omit<JudgeRequest, 'version' | 'decisions'>;
  judge(request: JudgeRequest): Promise<Verdict[]>;
  apply(decision: DecisionEnvelope, verdict: Verdict, at: string): void;
  refused(received: Json, verdict: Verdict, at: string): void;
}

/**
 * Every signal goes through here, one batch after the other, so that two decisions can never both win. Receiving never
 * throws: an exception in a signal handler would wedge the run for good.
 */
export class Inbox {
  private readonly queue: Received[] = [];
  private readonly known = new Set<string>();
  private readonly verdicts = new Map<string, Verdict>();
  private count = 0;
  private signals = 0;
  private judging = false;
  private closed = false;

  /** What has not been judged yet, and the newest answers. */
  carry(): CarriedInbox {
    return { queue: this.queue, verdicts: [...this.verdicts.values()].slice(-verdictsCarried), count: this.count };
  }

  restore({ queue, verdicts, count }: CarriedInbox): void {
    this.count += count;
    for (const verdict of verdicts) {
      this.verdicts.set(verdict.decision, verdict);
      this.known.add(verdict.decision);
    }
    for (const item of queue) this.known.add(item.id);
    this.queue.unshift(...queue);
  }

  /** Signals that this execution has received. */
  get received(): number {
    return this.signals;
  }

  /** True while nothing is being judged and what waits can be handed over. */
  get idle(): boolean {
    return !this.judging && this.queue.length <= queueCarried;
  }

  receive(signal: string, payload: unknown): void {
    this.count += 1;
    this.signals += 1;
    const received = bounded(payload);
    const id = idOf(received) ?? `unnamed-${this.count}`;
    // The same id again is the same decision: it has its answer, or will have it.
    if (this.known.has(id)) return;
    this.known.add(id);
    this.queue.push({ id, received, signal, at: new Date().toISOString() });
  }

  verdict(decision: string): Verdict | null {
    return this.verdicts.get(decision) ?? null;
  }

  /** True while a decision has arrived that is not judged yet; deadlines wait for it. */
  get busy(): boolean {
    return this.judging || this.queue.length > 0;
  }

  /** Judges until the run has ended and nothing is left to answer. */
  async pump(owner: InboxOwner): Promise<void> {
    for (;;) {
      await owner.until(() => (this.queue.length > 0 && !(owner.leaving() && this.idle)) || this.closed);
      const batch = this.queue.splice(0, batchSize);
      if (batch.length === 0) return;
      this.judging = true;
      const verdicts = await owner.judge({ version: 1, ...owner.facts(), decisions: batch });
      batch.forEach((item, index) => this.answer(item, verdicts[index], owner));
      this.judging = false;
    }
  }

  close(): void {
    this.closed = true;
  }

  private answer(item: Received, verdict: Verdict | undefined, owner: InboxOwner): void {
    if (verdict === undefined) return;
    this.verdicts.set(item.id, verdict);
    // Accepted means that judge has checked the shape.
    if (verdict.accepted) owner.apply(item.received as unknown as DecisionEnvelope, verdict, item.at);
    else owner.refused(item.received, verdict, item.at);
  }
}

/** The payload as plain JSON, or its beginning as text when it is too large or no JSON at all. */
function bounded(payload: unknown): Json {
  try {
    const text = JSON.stringify(payload) ?? 'null';
    return text.length <= maxDecisionCharacters ? (JSON.parse(text) as Json) : text.slice(0, maxDecisionCharacters / 8);
  } catch {
    return String(payload).slice(0, maxDecisionCharacters / 8);
  }
}

function idOf(received: Json): string | undefined {
  const id = received !== null && typeof received === 'object' && !Array.isArray(received) ? received['id'] : undefined;
  return typeof id === 'string' && id.length > 0 && id.length <= 200 ? id : undefined;
}
