import type { Answers } from '../common/answers.js';
import type { Json } from '../language/json.js';
import type { AnswerName } from '../language/kinds/command.js';

/**
 * The answer of a program, as the worker has read and checked it; null when it gave none, or a
 * person did the step.
 */
export function readAnswer<Name extends AnswerName>(
  output: unknown,
  _name: Name,
): Answers[Name] | null {
  const { answer = null } = (output ?? {}) as { answer?: Json };
  return answer as Answers[Name] | null;
}
