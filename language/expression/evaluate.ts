import type { Json } from '../json.js';
import { type Expression, textAt } from './ast.js';
import { Evaluation, ExpressionError, type Reason, type Scope, Unknown } from './evaluation.js';
import { leave } from './leave.js';
import { Meter, OutOfSteps } from './meter.js';
import { kindNames, kindOf, type Value, Wrong } from './values.js';

/** The value of an expression; or that it is unknown, and what was missing. */
export type Outcome = { value: Json } | { unknown: readonly Reason[] };

/** Reasons in one sentence, without a full stop. */
export function wordsOf(reasons: readonly Reason[]): string {
  return reasons.map(({ text }) => text).join('; ');
}

/** Whether a value was changed for people: then it was answered, but nobody may act on it. */
export function changeIn(reasons: readonly Reason[]): 'blanked' | 'cut' | undefined {
  return (['blanked', 'cut'] as const).find((change) =>
    reasons.some(({ kind }) => kind === change),
  );
}

/** Whether a condition holds; `unknown` is neither. */
export type Verdict = boolean | { unknown: readonly Reason[] };

/**
 * Evaluates an expression. The same tree and scope give the same outcome, here and in a workflow:
 * no clock, no locale, nothing but own properties.
 * @throws ExpressionError when the tree is none that `parse` makes; nothing else
 */
export function evaluate(expression: Expression, scope: Scope, meter = new Meter()): Outcome {
  const value = valueOf(expression, scope, meter);
  if (value instanceof Unknown) return { unknown: value.reasons(expression.$) };
  const left = leave(value);
  return left instanceof Wrong
    ? { unknown: [reason(expression, left.why, left.kind)] }
    : { value: left };
}

/**
 * Evaluates a condition: only true is true, and what is neither true nor false is unknown.
 * @throws ExpressionError as `evaluate`
 */
export function holds(expression: Expression, scope: Scope, meter = new Meter()): Verdict {
  const value = valueOf(expression, scope, meter);
  if (value instanceof Unknown) return { unknown: value.reasons(expression.$) };
  if (typeof value === 'boolean') return value;
  const text = textAt(expression.$, expression.ast.at);
  const what = kindNames[kindOf(value)];
  return { unknown: [reason(expression, `${text} is ${what}, neither true nor false`)] };
}

function valueOf(expression: Expression, scope: Scope, meter: Meter): Value | Unknown {
  try {
    return new Evaluation(scope, meter).whole(expression.ast, undefined);
  } catch (error) {
    if (!(error instanceof OutOfSteps)) throw notOurs(error);
    return new Unknown([{ tree: expression.ast, kind: 'limit', say: () => error.message }]);
  }
}

/** Only a tree that no parser made gets an evaluation to throw. */
function notOurs(error: unknown): ExpressionError {
  if (error instanceof ExpressionError) return error;
  const why = error instanceof Error ? error.message : String(error);
  return new ExpressionError(`the tree of the expression is damaged: ${why}`);
}

function reason({ ast }: Expression, text: string, kind: Wrong['kind'] = 'error'): Reason {
  return { at: ast.at, kind, text };
}
