import { describeCondition, type Condition } from '../language/condition.js';
import type { Json, JsonObject } from '../language/json.js';
import { StepFailure } from './failure.js';
import { evaluateAnswer } from './judge-answer.js';

/**
 * The outputs that a step declares, from its whole answer; nothing else of it is kept.
 * @throws StepFailure AnswerUnusable that names each output without a value
 */
export function stepOutputs(
  outputs: Readonly<Record<string, Condition>>,
  answer: Json,
): JsonObject {
  const missing: string[] = [];
  const values = Object.entries(outputs).map(([name, expression]): [string, Json] => {
    const outcome = evaluateAnswer(expression, answer);
    if ('value' in outcome) return [name, outcome.value];
    missing.push(`${name} = ${describeCondition(expression)}: ${outcome.why}`);
    return [name, null];
  });
  if (missing.length === 0) return Object.fromEntries(values);
  throw new StepFailure('AnswerUnusable', `outputs without a value: ${missing.join('; ')}`, {
    next: 'What the step did stands. Correct the outputs in the runbook, or what answers them.',
  });
}
