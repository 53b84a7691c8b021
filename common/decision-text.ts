import { oneAccountNote } from './one-account.js';
import { decides } from './questions.js';
import { statedName } from './sender.js';
import type { DecisionView } from './view.js';

/**
 * Who decided what, and the verdict, in one line.
 * @param who how the person is called; unless given, with where it was sent from
 */
export function decisionText(
  decision: DecisionView,
  who = statedName(decision.by, decision.sender),
): string {
  const note = oneAccountNote(decision);
  const verdict = decision.accepted
    ? `accepted${note && ` (${note})`}`
    : `refused: ${decision.message}`;
  const reason = decision.reason ? ` Reason given: ${decision.reason}` : '';
  return (
    `${who} ${whatOf(decision)}: ` +
    `${verdict}${verdict.endsWith('.') || !reason ? '' : '.'}${reason}`
  );
}

function whatOf({ verb, about, code }: DecisionView): string {
  return code === 'malformed' ? 'sent something that is no decision' : decides(verb, about);
}
