import type { Range } from './ast.js';

/** A mistake in an expression, for people. */
export interface Problem {
  /** Offsets in the text of the expression. */
  at: Range;
  rule: ProblemRule;
  /** What is wrong, without a full stop. */
  message: string;
  /** What to do instead, in words; where there is something to say. */
  instead?: string;
  /** What to write in the place of a range; only where there is one answer. */
  fix?: { at: Range; text: string };
}

type ProblemRule =
  | 'expression-syntax'
  | 'expression-limit'
  | 'expression-pattern'
  | 'expression-type'
  | 'unknown-function'
  | 'unknown-name'
  | 'unknown-step';
