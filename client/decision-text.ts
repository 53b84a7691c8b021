import { decides } from '../common/decided.js';
import type { DecisionView } from '../common/view.js';

/** Who decided what, and the verdict, in one line. */
export function decisionText(decision: DecisionView): string {
  const verdict = decision.accepted ? 'accepted' : `refused: ${decision.message}`;
  const reason = decision.reason ? ` Reason given: ${decision.reason}` : '';
  return `${decision.by || 'somebody'} ${whatOf(decision)}: ${verdict}${verdict.endsWith('.') || !reason ? '' : '.'}${reason}`;
}

function whatOf({ verb, gate, code }: DecisionView): string {
  return code === 'malformed' ? 'sent something that is no decision' : decides(verb, gate);
}
