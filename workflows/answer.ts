import type { Answers } from '../common/answers.js';
import { parseJson, type Json } from '../language/json.js';
import type { AnswerName } from '../language/runbook.js';

/** What a command's output says of an answer. */
interface Answered {
  answer?: Json;
  /** An excerpt: whole only when `truncated` is false. */
  stdout?: string;
  truncated?: boolean;
}

/**
 * The answer of a program, as the worker has read and checked it; null when it gave none, or a
 * person did the step. A worker of an older release leaves it in what was printed, where it counts
 * only when nothing was left out.
 */
export function readAnswer<Name extends AnswerName>(
  output: unknown,
  _name: Name,
): Answers[Name] | null {
  const { answer, stdout = '', truncated } = (output ?? {}) as Answered;
  if (answer !== undefined) return answer as Answers[Name] | null;
  if (truncated !== false) return null;
  try {
    const found = parseJson(stdout.trim().split('\n').at(-1) ?? '');
    return found !== null && typeof found === 'object' ? (found as unknown as Answers[Name]) : null;
  } catch {
    return null;
  }
}
