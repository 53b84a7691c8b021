import type { Json } from '../../language/json.js';
import type { DecisionEnvelope, Verdict } from '../../common/envelope.js';
import type { JudgeRequest, SignalNote } from '../../common/judgement.js';
import { isDeeperThan } from '../../common/shapes.js';
import type { CarriedInbox } from './carried.js';

interface Received {
  id: string;
  received: Json;
  signal: string;
  at: string;
}

/** Larger decisions are cut before they are judged: judging puts them into history once more. */
const maxDecisionCharacters = 8_192;
/** A decision is nested three deep, and what it answers a little more. */
const maxDepth = 50;
/** Decisions judged by one activity; a flood costs one activity per batch, not per signal. */
const batchSize = 50;
/** Answers that one execution hands to the next; older ones are in the record. */
const verdictsCarried = 500;

/** Notes kept for the next save; the rest of a flood adds nothing. */
const notesKept = 50;

export interface InboxOwner {
  until(met: () => boolean): Promise<void>;
  /** The judge's request, without the decisions themselves. */
  facts(): Omit<JudgeRequest, 'version' | 'decisions'>;
  judge(request: JudgeRequest): Promise<Verdict[]>;
  apply(decision: DecisionEnvelope, verdict: Verdict, at: string): void;
  refused(received: Json, verdict: Verdict, at: string): void;
}

/**
 * Every signal goes through here, one batch after the other, so that two decisions can never both
 * win. Receiving never throws: an exception in a signal handler would wedge the run for good.
 */
export class Inbox {
  private readonly queue: Received[] = [];
  /** The last content received under an id; empty for one of an earlier execution. */
  private readonly known = new Map<string, string>();
  private readonly verdicts = new Map<string, Verdict>();
  private readonly noted: SignalNote[] = [];
  private count = 0;
  private signals = 0;
  private lastAt = 0;
  private judging = false;
  private closed = false;

  /** The newest verdicts, for the next execution; nothing waits to be judged at a border. */
  carry(): CarriedInbox {
    const verdicts = [...this.verdicts.values()].slice(-verdictsCarried);
    return { verdicts, count: this.count, noted: [...this.noted] };
  }

  restore({ verdicts, count, noted }: CarriedInbox): void {
    this.noted.push(...noted);
    this.count += count;
    for (const verdict of verdicts) {
      this.verdicts.set(verdict.decision, verdict);
      this.known.set(verdict.decision, '');
    }
  }

  /** Signals that this execution has received. */
  get received(): number {
    return this.signals;
  }

  /** When the newest signal came, in milliseconds since 1970. */
  get lastSignalAt(): number {
    return this.lastAt;
  }

  receive(signal: string, payload: unknown): void {
    this.count += 1;
    this.signals += 1;
    this.lastAt = Date.now();
    const received = bounded(payload);
    const id = idOf(received) ?? `unnamed-${this.count}`;
    // The same content is the same decision, sent again: it has its verdict or will get it. A
    // refused decision does not use up its id.
    const content = JSON.stringify(received);
    if (this.known.get(id) === content || this.verdicts.get(id)?.accepted) return;
    this.known.set(id, content);
    this.verdicts.delete(id);
    this.queue.push({ id, received, signal, at: new Date().toISOString() });
  }

  /**
   * Notes a signal that needs no verdict: the next save records it.
   */
  note(signal: string): void {
    this.count += 1;
    if (this.noted.length >= notesKept) return;
    const at = new Date().toISOString();
    this.noted.push({ id: `${signal}-${this.count}`, signal, at });
  }

  /** Takes the notes to save now; they count as saved from here on. */
  takeNotes(): SignalNote[] {
    return this.noted.splice(0);
  }

  verdict(decision: string): Verdict | null {
    return this.verdicts.get(decision) ?? null;
  }

  /** True while a decision is not judged yet; deadlines wait for it. */
  get busy(): boolean {
    return this.judging || this.queue.length > 0;
  }

  /** Judges decisions until the run has ended and none is left. */
  async pump(owner: InboxOwner): Promise<void> {
    for (;;) {
      await owner.until(() => this.queue.length > 0 || this.closed);
      const batch = this.queue.splice(0, batchSize);
      if (batch.length === 0) return;
      this.judging = true;
      const verdicts = await owner.judge({ version: 1, ...owner.facts(), decisions: batch });
      batch.forEach((item, index) => this.answer(item, verdicts[index] as Verdict, owner));
      this.judging = false;
    }
  }

  close(): void {
    this.closed = true;
  }

  private answer(item: Received, verdict: Verdict, owner: InboxOwner): void {
    if (!this.verdicts.get(item.id)?.accepted) this.verdicts.set(item.id, verdict);
    // Accepted means that judge has checked the shape.
    if (verdict.accepted)
      owner.apply(item.received as unknown as DecisionEnvelope, verdict, item.at);
    else owner.refused(item.received, verdict, item.at);
  }
}

/**
 * The payload as plain JSON; its beginning as text when it is too large; a note when it is nested
 * too deep.
 */
function bounded(payload: unknown): Json {
  if (isDeeperThan(maxDepth, payload)) return `something nested more than ${maxDepth} deep`;
  const text = JSON.stringify(payload) ?? 'null';
  return text.length <= maxDecisionCharacters
    ? (JSON.parse(text) as Json)
    : text.slice(0, maxDecisionCharacters / 8);
}

function idOf(received: Json): string | undefined {
  const id = (received as { id?: Json } | null)?.id;
  return typeof id === 'string' && id.length > 0 && id.length <= 200 ? id : undefined;
}
