import type { Answers } from '../../common/answers.js';
import type { AnswerName } from '../../language/kinds/command.js';
import { readAnswer } from '../answer.js';
import { ProcedureStopped } from '../engine/outcome.js';

/** A program of the user's own that a procedure calls. */
export interface CalledProgram {
  /** As it is named in a sentence, such as `the deployer`. */
  name: string;
  /** Where its verbs and answers are described. */
  docs: string;
}

/**
 * The answer of a program.
 * @param what it was asked for, as the end of a sentence
 * @throws ProcedureStopped when there is no answer
 */
export function programAnswer<Name extends AnswerName>(
  program: CalledProgram,
  output: unknown,
  name: Name,
  what: string,
): Answers[Name] {
  const answer = readAnswer(output, name);
  if (answer !== null) return answer;
  throw new ProcedureStopped(
    `${program.name} did not say ${what}`,
    `It has to answer with one line of JSON: see ${program.docs}.`,
  );
}
