import type { Expectation } from '../common/attempt.js';
import { describeCondition, judge } from '../language/condition.js';
import type { Json } from '../language/json.js';
import { StepFailure } from './failure.js';

/**
 * Checks a step's expectations on its output. A missing value meets none.
 * @throws StepFailure VerifyFailed
 */
export function assertExpected(expect: readonly Expectation[], output: Json): void {
  for (const { condition, otherwise, next } of expect) {
    const judged = judge(condition, output);
    if (judged.holds) continue;
    const why = 'why' in judged ? `; ${judged.why}` : '';
    throw new StepFailure(
      'VerifyFailed',
      `${otherwise} (expected: ${describeCondition(condition)}${why})`,
      next === undefined ? {} : { next },
    );
  }
}
