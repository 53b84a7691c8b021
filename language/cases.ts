import type { Expression } from './expression/ast.js';
import { withCut } from './cut.js';
import { changeIn, evaluate, wordsOf } from './expression/evaluate.js';
import { chainsIn } from './expression/names.js';
import type { JsonObject } from './json.js';
import { shown } from './kinds/words.js';
import { resolveKnown, type Scope } from './reference.js';
import type { Case, InputSpec, StepSpec } from './runbook.js';
import { judgeWhen } from './work.js';

/*
 * What groups and branches make of the steps inside them. The run and the worker share this code,
 * so that both take the same case.
 */

/** What is known of the cases of a branch. */
export interface Found {
  /** The first that is true; null: none is, or one reads what is not whole. */
  taken: string | null;
  /** What is missing, by the cases before it that are neither true nor false. */
  unknown: Readonly<Record<string, string>>;
}

/** The case that is taken: one that cannot be told is passed over, and remembered. */
export function findCase(cases: readonly Case[], scope: Scope): Found {
  const unknown: Record<string, string> = {};
  for (const { case: name, when } of cases) {
    const verdict = when ? judgeWhen(when, scope) : true;
    if (verdict === true) return { taken: name, unknown };
    if (verdict === false) continue;
    unknown[name] = wordsOf(verdict.unknown);
    // It was answered, and the answer is not whole: another case is no better guess.
    if (changeIn(verdict.unknown)) return { taken: null, unknown };
  }
  return { taken: null, unknown };
}

/** Cases for people: each with its condition. */
export function caseTexts(cases: readonly Case[]): JsonObject {
  return Object.fromEntries(
    cases.map(({ case: name, title, when }) => [name, when ? `${title}, when ${when.$}` : title]),
  );
}

/** The output of a `choice` step; null when people have to say it. */
export function choiceOf({ cases = [] }: StepSpec, scope: Scope): JsonObject | null {
  const { taken, unknown } = findCase(cases, scope);
  if (taken === null) return null;
  return { case: taken, ...(Object.keys(unknown).length > 0 ? { unknown } : {}) };
}

/**
 * The outputs that a group has beside those of its steps. One that reads `out` sees those that do
 * not, such as the case that was taken; in whatever order they stand.
 * @param scope with the steps inside
 */
export function outputsOf({ outputs = {} }: StepSpec, scope: Scope): JsonObject {
  const all = Object.entries(outputs);
  const [first, second] = [false, true].map((wanted) =>
    all.filter(([, expressions]) => expressions.some(readsOut) === wanted),
  ) as [typeof all, typeof all];
  const own = toldOf(first, scope, {});
  return toldOf(second, { ...scope, out: own }, own);
}

function toldOf(
  outputs: readonly (readonly [string, readonly Expression[]])[],
  scope: Scope,
  before: JsonObject,
): JsonObject {
  return outputs.reduce((told, [name, expressions]) => {
    for (const expression of expressions) {
      const outcome = evaluate(expression, scope);
      if ('value' in outcome) return { ...told, [name]: outcome.value };
      const change = changeIn(outcome.unknown);
      if (change) return withCut(told, [name], change === 'blanked' ? [name] : []);
    }
    return told;
  }, before);
}

function readsOut({ ast }: Expression): boolean {
  return chainsIn(ast).some(([root]) => root === 'out');
}

/** What `succeed` and `fail` tell. What is not known of it is shown as the runbook has it. */
export function messageOf({ message, title }: StepSpec, scope: Scope): string {
  return shown(resolveKnown(message ?? title, scope));
}

/** The answer of a `fail` step that ends a nested runbook. */
export function failureOf(spec: StepSpec, scope: Scope): JsonObject {
  const error = { type: 'RunbookFailed', message: messageOf(spec, scope) };
  return { ok: false, failed: true, state: 'failed', error };
}

/** What may be answered, for people. */
export function answerText(asked: InputSpec): string {
  const { type, description } = asked;
  const what = type === 'choice' ? `one of ${asked.options.join(', ')}` : type;
  return `${description} (${what}${asked.optional === true ? ', may be left out' : ''})`;
}
