import type { VerdictCode } from '../common/envelope.js';
import {
  isApproval,
  type JudgeAnswer,
  type JudgeRequest,
  type QuestionFacts,
} from '../common/judgement.js';
import { heldText } from '../common/lease.js';
import type { DecisionVerb } from '../common/questions.js';
import type { LostTargets } from '../store/index.js';
import { lossesText } from './lease.js';

/*
 * An approval lets a run change its targets. One that another run has taken over is claimed again
 * by an approval whose gate has said so, once that run has ended.
 */

/** Whether one of the decisions may be an approval. */
export function mayApprove({ decisions }: JudgeRequest): boolean {
  return decisions.some(({ received }) => isApproval(received));
}

/** Whether one of the approvals was accepted. */
export function approvesAny({ decisions }: JudgeRequest, { verdicts }: JudgeAnswer): boolean {
  return decisions.some(({ received }, at) => isApproval(received) && verdicts[at]?.accepted);
}

/**
 * Why a gate cannot be approved now that other runs have taken targets over.
 * @param lost null: nothing was taken over
 * @returns null when it can
 */
export function whyLost(
  verb: DecisionVerb,
  { id, lost: told }: QuestionFacts,
  lost: LostTargets | null,
): [VerdictCode, string] | null {
  if (verb !== 'approve' || !lost) return null;
  const text = lossesText(lost);
  if (told !== text)
    return [
      'not-possible',
      `Gate ${id} cannot be approved as it stands: ${text}. It asks again and shows that: look again.`,
    ];
  if (lost.held.length === 0) return null;
  return [
    'not-possible',
    `Gate ${id} cannot be approved: ${lost.held.map(heldText).join('; ')}. Wait until it has ended and look at what it changed, or reject.`,
  ];
}
