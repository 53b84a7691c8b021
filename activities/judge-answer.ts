import type { Condition } from '../language/condition.js';
import { holds, parse } from '../language/expression/index.js';
import type { Expression } from '../language/expression/ast.js';
import { evaluate, wordsOf } from '../language/expression/evaluate.js';
import type { Json, JsonObject } from '../language/json.js';

/** `holds` is null where it cannot be told; `why` says what is missing, else it is empty. */
export interface Judged {
  holds: boolean | null;
  why: string;
}

/** Texts of conditions that were read; the code of procedures has few. */
const read = new Map<string, Expression>();
const remembered = 500;

/**
 * Judges a condition on what a step answered.
 * @param now what `now` is, in milliseconds since 1970
 * @throws TypeError when the condition of a procedure's code is no expression
 */
export function judgeAnswer(condition: Condition, answer: Json, now = Date.now()): Judged {
  const verdict = holds(expressionOf(condition), scopeOf(condition, answer, now));
  return typeof verdict === 'boolean'
    ? { holds: verdict, why: '' }
    : { holds: null, why: wordsOf(verdict.unknown) };
}

/** The value of an expression on what a step answered; or why it has none. */
export function evaluateAnswer(
  expression: Condition,
  answer: Json,
  now = Date.now(),
): { value: Json } | { why: string } {
  const outcome = evaluate(expressionOf(expression), scopeOf(expression, answer, now));
  return 'value' in outcome ? outcome : { why: wordsOf(outcome.unknown) };
}

function scopeOf({ given }: Condition, out: Json, now: number): JsonObject {
  return { ...given, out, now: new Date(now).toISOString() };
}

function expressionOf({ cel, ast }: Condition): Expression {
  if (ast) return { $: cel, ast };
  const known = read.get(cel);
  if (known) return known;
  const parsed = parse(cel);
  if ('problem' in parsed) throw new TypeError(`${cel}: ${parsed.problem.message}`);
  if (read.size >= remembered) read.clear();
  read.set(cel, parsed.expression);
  return parsed.expression;
}
