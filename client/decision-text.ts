import type { DecisionView } from '../common/view.js';

/** Who decided what, and what became of it, in one line. */
export function decisionText(decision: DecisionView): string {
  const verdict = decision.accepted ? 'accepted' : `refused: ${decision.message}`;
  const reason = decision.reason ? ` Reason given: ${decision.reason}` : '';
  return `${decision.by || 'somebody'} ${whatOf(decision)}: ${verdict}${verdict.endsWith('.') || !reason ? '' : '.'}${reason}`;
}

const atDesk: Readonly<Record<string, string>> = {
  retry: 'has tried again',
  skip: 'skips',
  done: 'did by hand',
  rollback: 'takes the run back because of',
  abort: 'ends the run because of',
};

function whatOf({ verb, gate, code }: DecisionView): string {
  if (code === 'malformed') return 'sent something that is no decision';
  if (verb === 'cancel') return 'cancels the run';
  if (verb === 'take-over') return `takes over ${(gate ?? '').replace(':', ' ')}`.trim();
  const step = atDesk[verb];
  if (step) return `${step} step ${gate ?? ''}`.trim();
  return `${verb === 'approve' ? 'approves' : verb === 'reject' ? 'rejects' : verb} gate ${gate ?? ''}`.trim();
}
