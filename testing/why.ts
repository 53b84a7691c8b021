import { explain } from '../language/expression/explain.js';
import type { Expression } from '../language/expression/ast.js';
import type { Json, JsonObject } from '../language/json.js';
import { below, namesOf, pathOf } from '../language/paths.js';
import { isReference, referencesIn } from '../language/reference.js';
import { runFacts } from '../language/run-facts.js';
import type { StepSpec } from '../language/runbook.js';
import type { RunView, StepView } from '../common/view.js';
import type { RunbookTest } from './test-file.js';

/*
 * Why a run went where it went: conditions, with the values that they saw.
 */

/** Why the step was left out, or why it is not known whether it is due; empty: it says nothing. */
export function whyOf(test: RunbookTest, view: RunView, path: string): string[] {
  const spec = specOf(test, path);
  if (!spec) return [];
  const scope = scopeAt(view, path);
  return expressionsOf(spec).flatMap((expression) => explain(expression, scope));
}

/** What a step reads of steps, as paths of rows and the names of what is read of them. */
export function readBy(
  test: RunbookTest,
  view: RunView,
  path: string,
): { step: string; reference: string }[] {
  const spec = specOf(test, path);
  if (!spec) return [];
  const { steps: _inner, ...own } = spec;
  const rows = new Set(view.steps.map(({ id }) => id));
  return [...new Set(referencesIn(own as unknown as Json))].flatMap((reference) => {
    const [root, ...names] = reference.split('.');
    if (root !== 'steps') return [];
    const step = rowNamed(names, namesOf(path), rows);
    return step === undefined ? [] : [{ step, reference }];
  });
}

/** The declared step with this path, also inside of nested runbooks. */
export function specOf({ runbook, catalogue }: RunbookTest, path: string): StepSpec | undefined {
  let steps: readonly StepSpec[] = runbook.steps;
  let found: StepSpec | undefined;
  for (const name of namesOf(path)) {
    const next = steps.find(({ id }) => id === name);
    // Else it is the item of a loop.
    if (!next && found?.kind === 'forEach') continue;
    if (!next) return undefined;
    found = next;
    steps = next.steps ?? catalogue.find(({ id }) => id === next.runbook)?.steps ?? [];
  }
  return found;
}

function expressionsOf({ when, values = {}, cases = [] }: StepSpec): Expression[] {
  const given = Object.values(values).filter((each) => isReference(each) && each.ast);
  return [
    ...(when ? [when] : []),
    ...(given as unknown as Expression[]),
    ...cases.flatMap((each) => each.when ?? []),
  ];
}

/** From the innermost group outwards, the first row that the names lead to. */
function rowNamed(
  names: readonly string[],
  at: readonly string[],
  rows: ReadonlySet<string>,
): string | undefined {
  for (let depth = at.length - 1; depth >= 0; depth -= 1)
    for (let length = names.length; length > 0; length -= 1) {
      const path = pathOf([...at.slice(0, depth), ...names.slice(0, length)]);
      if (rows.has(path)) return path;
    }
  return undefined;
}

/** What expressions of a step can name: what came before it, in its groups and around them. */
function scopeAt(view: RunView, path: string): JsonObject {
  const names = namesOf(path);
  const steps: JsonObject = {};
  for (let depth = 0; depth < names.length; depth += 1)
    Object.assign(steps, outputsBelow(view.steps, names.slice(0, depth)));
  const { id, startedAt, requester, reason } = view;
  return { inputs: view.inputs, steps, run: runFacts({ id, startedAt, requester, reason }) };
}

/** Outputs of the steps directly in a group, those of groups as a tree. */
function outputsBelow(rows: readonly StepView[], group: readonly string[]): JsonObject {
  const prefix = group.length === 0 ? '' : below(pathOf(group));
  const outputs: JsonObject = {};
  for (const { id, output, state } of rows) {
    if (!id.startsWith(prefix) || state === 'pending') continue;
    const [name = '', ...deeper] = namesOf(id.slice(prefix.length));
    // What was not needed says why, and has no output.
    if (deeper.length === 0) outputs[name] = state === 'not-needed' ? null : output;
    else if (outputs[name] === undefined || outputs[name] === null)
      outputs[name] = outputsBelow(rows, [...group, name]);
  }
  return outputs;
}
