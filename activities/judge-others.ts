import { describeCondition } from '../language/condition.js';
import type { Json } from '../language/json.js';
import type { CheckAction } from '../language/kinds/check.js';
import { StepFailure } from './failure.js';
import { judgeAnswer, type Judged } from './judge-answer.js';

/**
 * The conditions that end a check otherwise.
 * @param now what `now` is, in milliseconds since 1970
 * @throws StepFailure CheckFailed, Inconclusive
 */
export function judgeOthers(
  { failWhen, inconclusiveWhen }: CheckAction,
  answer: Json,
  now = Date.now(),
): Judged[] {
  const lost = failWhen && judgeAnswer(failWhen, answer, now);
  if (failWhen && lost?.holds)
    throw new StepFailure(
      'CheckFailed',
      `the condition can no longer be met: ${describeCondition(failWhen)}`,
    );
  const open = inconclusiveWhen && judgeAnswer(inconclusiveWhen, answer, now);
  if (inconclusiveWhen && open?.holds)
    throw new StepFailure(
      'Inconclusive',
      `it cannot be told: ${describeCondition(inconclusiveWhen)}`,
      { next: 'Look at what was asked: then try again, go on without it, or end the run.' },
    );
  return [lost, open].filter((each) => each !== undefined);
}
