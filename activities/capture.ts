import type { AttemptRequest } from '../common/attempt.js';
import { evaluateAnswer } from './judge-answer.js';
import type { FailureType } from '../common/failures.js';
import type { Problem } from '../common/view.js';
import type { Json, JsonObject } from '../language/json.js';
import type { Exit } from './exit.js';
import { StepFailure } from './failure.js';

/*
 * `onFailure: capture`: the failure of a probe is its answer, which later steps look at. The record
 * and the run get it as they get any answer.
 */

/** Failures that are no answer: people decide what they mean. */
const never: ReadonlySet<FailureType> = new Set([
  ...(['OutcomeUnknown', 'Inconclusive', 'WorkerLost', 'LeaseLost', 'Configuration'] as const),
  ...(['Error', 'ProgramChanged', 'NotAsPlanned', 'CommandInvalid'] as const),
]);

/**
 * The answer of a step that failed; undefined when its failure is none.
 * @param problem the failure, without secrets
 * @param exit takes secrets out of the answer
 */
export function capturedFailure(
  { capture, outputs }: AttemptRequest,
  failure: unknown,
  problem: Problem,
  exit: Pick<Exit, 'answer'>,
): JsonObject | undefined {
  if (capture !== true || never.has(problem.type)) return undefined;
  const answered = failure instanceof StepFailure ? (failure.extra.answer ?? null) : null;
  const answer = exit.answer(answered);
  const { type, message } = problem;
  return {
    ...(outputs ? known(outputs, answer) : fieldsOf(answer)),
    ...{ ok: false, failed: true, state: 'failed', error: { type, message } },
  };
}

/** The outputs that the answer has, whatever the others are. */
function known(outputs: NonNullable<AttemptRequest['outputs']>, answer: Json): JsonObject {
  return Object.fromEntries(
    Object.entries(outputs).flatMap(([name, expression]) => {
      const outcome = evaluateAnswer(expression, answer);
      return 'value' in outcome ? [[name, outcome.value]] : [];
    }),
  );
}

function fieldsOf(answer: Json): JsonObject {
  return answer !== null && typeof answer === 'object' && !Array.isArray(answer) ? answer : {};
}
