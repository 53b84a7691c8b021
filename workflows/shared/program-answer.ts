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

/** Reads one answer of a program. @throws ProcedureStopped when there is none */
export type ReadAnswer = <Name extends AnswerName>(
  output: unknown,
  name: Name,
  /** What it was asked for, as the end of a sentence. */
  what: string,
) => Answers[Name];

/** Reads the answers of one program. */
export function answersOf(program: CalledProgram): ReadAnswer {
  return (output, name, what) => {
    const answer = readAnswer(output, name);
    if (answer !== null) return answer;
    throw new ProcedureStopped(
      `${program.name} did not say ${what}`,
      `It has to answer with one line of JSON: see ${program.docs}.`,
    );
  };
}
