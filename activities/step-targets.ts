import { changesTarget } from '../common/lease.js';
import type { Problem } from '../common/view.js';
import type { Json, JsonObject } from '../language/json.js';
import { isObject } from '../language/objects.js';
import { isReference, referencesIn, resolveKnown, type Scope } from '../language/reference.js';
import type { StepSpec } from '../language/runbook.js';
import { withItem } from '../language/items.js';
import { below } from '../language/paths.js';

/** Names of the targets that steps act on. */
export interface StepTargets {
  /** Those that a step or an undo changes. */
  changed: string[];
  /** Those that are only read. */
  observed: string[];
}

/** What is known before a run starts. */
interface Known extends JsonObject {
  inputs: JsonObject;
}

/**
 * The targets of every action in steps that are data, with nested runbooks expanded: work, undo,
 * verification and check. A plan names all that its run touches, so each must be known and declared
 * before the run starts.
 * @param declared names of the declared targets
 * @param facts what expressions know of them
 */
export function targetsOfSteps(
  steps: readonly StepSpec[],
  inputs: JsonObject,
  declared: ReadonlySet<string>,
  facts: JsonObject,
): StepTargets | { problems: Problem[] } {
  const changed = new Set<string>();
  const observed = new Set<string>();
  // A step with many items is reported once.
  const problems = new Map<string, Problem>();
  for (const step of steps) visit(step, { inputs, ...facts }, '');
  return problems.size > 0
    ? { problems: [...problems.values()] }
    : { changed: [...changed], observed: [...observed].filter((name) => !changed.has(name)) };

  function visit(step: StepSpec, known: Known, around: string): void {
    const path = `${around}${step.id}`;
    const { action, undo, verify, check } = step.work ?? {};
    for (const acting of [action, undo]) collect(acting, changesTarget(step) ? changed : observed);
    for (const looking of [verify, check]) collect(looking, observed);
    for (const scope of scopesIn(step, known))
      for (const part of step.steps ?? []) visit(part, scope, below(path));

    function collect(acting: Json | undefined, names: Set<string>): void {
      if (acting === undefined || !isObject(acting)) return;
      collect(acting['probe'], names);
      const host = resolveKnown(acting['runsOn'] ?? 'any', known);
      if (isHostless(host)) problems.set(`${path} ${JSON.stringify(host)}`, noHost(path, host));
      if (acting['target'] === undefined) return;
      const name = resolveKnown(acting['target'], known);
      if (typeof name === 'string' && declared.has(name)) names.add(name);
      else problems.set(`${path} ${JSON.stringify(name)}`, refusal(path, name));
    }
  }
}

/** The scopes inside the step: one for each item of a `forEach` whose items are known. */
function scopesIn(step: StepSpec, known: Known): Known[] {
  if (step.kind === 'runbook' && step.inputs)
    return [{ ...known, inputs: resolveKnown(step.inputs, known) as JsonObject }];
  if (step.kind !== 'forEach') return [known];
  const items = resolveKnown(step.items ?? [], known);
  const { item: _outer, [step.as ?? 'item']: _other, ...others } = known;
  if (!Array.isArray(items)) return [others as Known];
  return items.map((item) => withItem(step, known as Scope, item));
}

/** A host that only a later step decides is one; what the inputs decide is known now. */
function isHostless(host: Json): boolean {
  if (!isReference(host)) return typeof host !== 'string' || !hostPattern.test(host);
  return referencesIn(host).every((name) => name.startsWith('inputs.'));
}

/** It becomes part of the name of a queue. */
const hostPattern = /^[A-Za-z0-9][A-Za-z0-9._-]{0,252}$/;

function noHost(path: string, host: Json): Problem {
  const what = isReference(host)
    ? `that ${host.$} names, but the target has no fact \`host\``
    : `${JSON.stringify(host)}, which is not a host name`;
  return {
    type: 'Refused',
    message: `step ${path} runs on the host ${what}`,
    next: 'Correct the fact `host` of the target in the targets.yaml of every worker.',
  };
}

function refusal(path: string, name: Json): Problem {
  if (isReference(name)) {
    return {
      type: 'Refused',
      message:
        `step ${path} acts on the target that ${name.$} ` +
        'names, which is not known before the run starts',
      next: 'Name the target in the step, or take it from an input of the runbook.',
    };
  }
  return {
    type: 'Refused',
    message: `step ${path} acts on target ${JSON.stringify(name)}, which is not declared`,
    next: 'Declare it in the targets.yaml of every worker, or correct its name in the runbook.',
  };
}
