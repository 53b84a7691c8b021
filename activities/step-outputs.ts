import { describeCondition, type Condition } from '../language/condition.js';
import type { Json, JsonObject } from '../language/json.js';
import { assertExpected } from './expect.js';
import { StepFailure } from './failure.js';
import type { AttemptContext } from './handler.js';
import { evaluateAnswer } from './judge-answer.js';

/** What became of what a step did when its outputs have no value, in a sentence. */
const became = {
  stands: 'What the step did stands.',
  undone: 'Its transaction was rolled back, and nothing was changed.',
} as const;

/**
 * What a step with this answer hands on, for kinds that can still take it back.
 * @throws StepFailure VerifyFailed, AnswerUnusable
 */
export function settled(
  { expect = [], outputs, secrets }: AttemptContext,
  answer: Json,
  effect: keyof typeof became,
): Json {
  const clean = secrets.exit.answer(answer);
  assertExpected(expect, clean);
  return outputs ? stepOutputs(outputs, clean, { effect }) : clean;
}

/**
 * The outputs that a step declares, from its whole answer; nothing else of it is kept.
 * @throws StepFailure AnswerUnusable that names each output without a value
 */
export function stepOutputs(
  outputs: Readonly<Record<string, Condition>>,
  answer: Json,
  { effect = 'stands', now = Date.now() }: { effect?: keyof typeof became; now?: number } = {},
): JsonObject {
  const missing: string[] = [];
  const values = Object.entries(outputs).map(([name, expression]): [string, Json] => {
    const outcome = evaluateAnswer(expression, answer, now);
    if ('value' in outcome) return [name, outcome.value];
    missing.push(`${name} = ${describeCondition(expression)}: ${outcome.why}`);
    return [name, null];
  });
  if (missing.length === 0) return Object.fromEntries(values);
  throw new StepFailure('AnswerUnusable', `outputs without a value: ${missing.join('; ')}`, {
    next: `${became[effect]} Correct the outputs in the runbook, or what answers them.`,
  });
}
