import type { VerdictCode } from '../common/envelope.js';
import {
  letsGoOn,
  type JudgeAnswer,
  type JudgeRequest,
  type QuestionFacts,
} from '../common/judgement.js';
import { heldText } from '../common/lease.js';
import { goesOnAfter, rulesOfQuestion, type DecisionVerb } from '../common/questions.js';
import type { LostTargets } from '../store/index.js';
import { lossesText } from './lease.js';

/*
 * Some answers let a run go on changing its targets. One that another run has taken over is claimed
 * again by such an answer: once the question has said so, and once that run has ended.
 */

/** Whether one of the decisions may let the run go on. */
export function mayGoOn({ decisions, questions }: JudgeRequest): boolean {
  return decisions.some(({ received }) => letsGoOn(received, questions));
}

/** Whether one of the decisions that were accepted lets the run go on. */
export function goesOn({ decisions, questions }: JudgeRequest, { verdicts }: JudgeAnswer): boolean {
  return decisions.some(
    ({ received }, at) => letsGoOn(received, questions) && verdicts[at]?.accepted,
  );
}

/**
 * Why the run cannot go on now that other runs have taken targets over.
 * @param lost null: nothing was taken over
 * @returns null when it can
 */
export function whyLost(
  verb: DecisionVerb,
  { kind, id, lost: told }: QuestionFacts,
  lost: LostTargets | null,
): [VerdictCode, string] | null {
  if (!lost || !goesOnAfter(kind, verb)) return null;
  const text = lossesText(lost);
  const isGate = rulesOfQuestion(kind).about === 'gate';
  const refused = isGate
    ? `Gate ${id} cannot be approved`
    : `Step ${id} cannot be answered with ${verb}`;
  if (told !== text)
    return [
      'not-possible',
      `${refused} as it stands: ${text}. It asks again and shows that: look again.`,
    ];
  if (lost.held.length === 0) return null;
  return [
    'not-possible',
    `${refused}: ${lost.held.map(heldText).join('; ')}. Wait until it has ended and look at ` +
      `what it changed, or ${isGate ? 'reject' : 'abort'}.`,
  ];
}

/** What an answer that was accepted does about lost targets, as a further sentence. */
export function claimsAgain(
  verb: DecisionVerb,
  { kind }: QuestionFacts,
  lost: LostTargets | null,
): string {
  return lost && goesOnAfter(kind, verb) ? ' The run claims again what it had lost.' : '';
}
