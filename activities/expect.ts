import type { Expectation } from '../common/attempt.js';
import { describeCondition } from '../language/condition.js';
import type { Json } from '../language/json.js';
import { StepFailure } from './failure.js';
import { judgeAnswer } from './judge-answer.js';

/**
 * Checks a step's expectations on its output. A missing value meets none.
 * @throws StepFailure VerifyFailed
 */
export function assertExpected(
  expect: readonly Expectation[],
  output: Json,
  now = Date.now(),
): void {
  for (const { condition, otherwise, next } of expect) {
    const judged = judgeAnswer(condition, output, now);
    if (judged.holds) continue;
    const why = judged.why === '' ? '' : `; ${judged.why}`;
    throw new StepFailure(
      'VerifyFailed',
      `${otherwise} (expected: ${describeCondition(condition)}${why})`,
      { answer: output, ...(next === undefined ? {} : { next }) },
    );
  }
}
