import { isEnough, mayFail, outputOfRounds, withItem, type Item } from '../../language/items.js';
import type { JsonObject } from '../../language/json.js';
import { usualConcurrency } from '../../language/loop-words.js';
import { below, partOf } from '../../language/paths.js';
import type { Scope } from '../../language/reference.js';
import type { StepSpec } from '../../language/runbook.js';
import { StepFailed } from '../engine/outcome.js';
import { inParallel } from '../engine/parallel.js';
import type { Steps } from '../engine/steps.js';

/**
 * Does the steps of a `forEach` for each item. As many items may fail as the loop allows. Once
 * `stopWhen` holds, the remaining items are left out.
 * @param round does the steps for one item, and adds their answers to the scope
 */
export async function inRounds(
  engine: Steps,
  spec: StepSpec,
  { path, scope, items }: { path: string; scope: Scope; items: readonly Item[] },
  round: (prefix: string, scope: Scope) => Promise<JsonObject>,
): Promise<JsonObject> {
  const budget = engine.budgets.begin(path, mayFail(spec, items.length));
  let last: Scope | undefined;
  const one = async ({ key, value }: Item) => {
    const prefix = below(partOf(path, key));
    if (isEnough(spec, last)) return leaveOut(engine, spec, prefix);
    const within = withItem(spec, { ...scope, steps: { ...scope.steps } }, value);
    try {
      const outputs = await round(prefix, within);
      last = within;
      return { key, outputs };
    } catch (error) {
      if (error instanceof StepFailed && budget.has(error.path)) return { key };
      throw error;
    }
  };
  const rounds = await inParallel(
    items.map((item) => () => one(item)),
    spec.concurrency ?? usualConcurrency,
  );
  return outputOfRounds(
    spec,
    rounds.filter((each) => each !== null),
  );
}

function leaveOut(engine: Steps, { steps = [], stopWhen }: StepSpec, prefix: string): null {
  for (const step of steps)
    engine.markNotNeeded(`${prefix}${step.id}`, step, `it was enough: ${stopWhen?.$ ?? ''}`);
  return null;
}
