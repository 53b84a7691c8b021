import { messageNames } from '../common/defaults.js';
import type { DecisionEnvelope, Verdict } from '../common/envelope.js';
import { isAnswerVerb, rulesOfQuestion, type AnswerVerb } from '../common/questions.js';
import type { RunView, WaitView } from '../common/view.js';
import type { JsonObject } from '../language/json.js';
import type { Run } from './driver/run.js';
import type { Answer } from './test-file.js';
import { people } from './world.js';

/** What is sent for an answer; null: nobody answers. */
export interface Sent {
  verb: AnswerVerb;
  reason: string;
  outputs?: JsonObject;
  inputs?: JsonObject;
}

/** Nobody answers; time passes instead. */
const nobody = 'nobody';

/**
 * An answer of the test as a decision.
 * @returns null when nobody answers @throws TypeError when it is none that can be given
 */
export function sentFor(answer: Answer): Sent | null {
  const [verb = '', what] =
    typeof answer === 'string' ? [answer] : (Object.entries(answer)[0] ?? []);
  if (verb === nobody) return null;
  if (!isAnswerVerb(verb)) throw new TypeError(`${verb} answers no question`);
  return {
    verb,
    reason: typeof what === 'string' ? what : 'the test says so',
    ...(verb === 'done' && typeof what === 'object' ? { outputs: what } : {}),
    ...(verb === 'retry' && typeof what === 'object' ? { inputs: what } : {}),
  };
}

export const viewOf = (run: Run): Promise<RunView> => run.query<RunView>(messageNames.status);

let sent = 0;

/** A decision that fits what is asked; `change` bends it. */
export function decisionFor(
  run: Run,
  wait: WaitView,
  answer: Sent,
  change: Partial<DecisionEnvelope> = {},
): DecisionEnvelope {
  sent += 1;
  return {
    ...{ version: 1, id: `test-${sent}`, run: run.workflowId, by: people.operator },
    about: { kind: rulesOfQuestion(wait.kind).about, id: wait.id },
    ...{ attempt: wait.attempt, digest: wait.digest },
    ...(wait.confirm === undefined ? {} : { confirm: wait.confirm }),
    ...answer,
    ...change,
  };
}

/** Sends a decision. @returns the verdict; null when the run has ended without one */
export async function decide(run: Run, decision: DecisionEnvelope): Promise<Verdict | null> {
  run.signal(messageNames.decide, decision);
  await run.settle();
  return run.query<Verdict | null>(messageNames.verdict, decision.id);
}
