import type { DecisionEnvelope, Verdict } from './envelope.js';
import { aboutIn } from './questions.js';
import { senderIn } from './sender.js';
import type { DecisionView } from './view.js';

/** Characters that are shown of a field. */
const fieldLength = 500;

/**
 * A decision as people see it, with the verdict.
 * @param received what arrived: a decision, or whatever else somebody sent
 * @param at ISO time at which it arrived
 */
export function decisionView(received: unknown, verdict: Verdict, at: string): DecisionView {
  const decision = (received ?? {}) as Partial<DecisionEnvelope>;
  const text = (value: unknown): string =>
    typeof value === 'string' ? value.slice(0, fieldLength) : '';
  const sender = senderIn(decision.sender);
  return {
    id: verdict.decision,
    verb: text(decision.verb),
    about: aboutIn(decision.about, fieldLength),
    by: text(decision.by),
    ...(sender ? { sender } : {}),
    reason: text(decision.reason),
    at,
    accepted: verdict.accepted,
    code: verdict.code,
    message: verdict.message,
  };
}
