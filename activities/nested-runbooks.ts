import {
  isOfTargets,
  resolveInputs,
  targetsChosen,
  type TargetChoice,
} from '../language/inputs.js';
import type { JsonObject } from '../language/json.js';
import { isReference, referencesIn, resolveKnown } from '../language/reference.js';
import type { InputSpec, RunbookSpec, StepSpec } from '../language/runbook.js';
import type { Problem } from '../common/view.js';

/** A runbook's steps with nested runbooks expanded, and the targets that those act on. */
export interface Expanded {
  steps: readonly StepSpec[];
  targets: string[];
}

interface Known {
  catalogue: readonly RunbookSpec[];
  targets: { list(): readonly TargetChoice[]; facts(): JsonObject };
}

/**
 * Expands nested runbooks, so that the plan shows, and an approval covers, everything that will be
 * done. Their inputs are checked now, except those that only an output decides.
 */
export function expand(
  spec: RunbookSpec,
  inputs: JsonObject,
  known: Known,
  around: readonly string[] = [],
): Expanded | { problems: Problem[] } {
  const targets: string[] = [];
  const problems: Problem[] = [];
  const steps = spec.steps.map(expandStep);
  return problems.length > 0 ? { problems } : { steps, targets };

  function expandStep(step: StepSpec): StepSpec {
    // A part of a code-first runbook is declared in place.
    const isInPlace = step.kind !== 'runbook' || (!spec.data && step.runbook === undefined);
    if (isInPlace) return step.steps ? { ...step, steps: step.steps.map(expandStep) } : step;
    const nested = known.catalogue.find((candidate) => candidate.id === step.runbook);
    const chain = [...around, spec.id];
    if (!nested?.data)
      return refuse(
        step,
        nested
          ? 'is code, and only runbooks that are data can be nested'
          : 'is not in the catalogue',
      );
    if (chain.includes(nested.id))
      return refuse(step, `contains itself (${[...chain, nested.id].join(' in ')})`);
    const given = resolveKnown(step.inputs ?? {}, {
      inputs,
      ...known.targets.facts(),
    }) as JsonObject;
    const resolved = inputsNow(nested, given, known.targets);
    if ('problems' in resolved) {
      problems.push(
        ...resolved.problems.map((each) => ({
          ...each,
          message: `step ${step.id}: ${each.message}`,
        })),
      );
      return step;
    }
    targets.push(...targetsOf(nested, resolved.inputs));
    const inside = expand(nested, resolved.inputs, known, chain);
    if ('problems' in inside) {
      problems.push(...inside.problems);
      return step;
    }
    targets.push(...inside.targets);
    return {
      ...step,
      inputs: resolved.inputs,
      steps: step.onFailure === 'capture' ? inside.steps.map(ending) : inside.steps,
      ...outputsOf(nested),
    };
  }

  function refuse(step: StepSpec, why: string): StepSpec {
    const runbook = JSON.stringify(step.runbook ?? '');
    problems.push({
      type: 'Refused',
      message: `step ${step.id} of ${spec.id}: runbook ${runbook} ${why}`,
      next: 'List the runbooks',
      command: 'list',
    });
    return step;
  }
}

/** What it answers beside its steps. */
function outputsOf({ outputs = {} }: RunbookSpec): Pick<StepSpec, 'outputs'> {
  const named = Object.entries(outputs).filter(([, value]) => isReference(value));
  if (named.length === 0) return {};
  return { outputs: Object.fromEntries(named.map(([name, value]) => [name, [value as never]])) };
}

/** The step of a nested runbook whose failure is its answer: the first failure ends it. */
function ending(step: StepSpec): StepSpec {
  const isOwn = step.onFailure !== undefined && step.onFailure !== 'ask';
  const inner = step.steps ? { steps: step.steps.map(ending) } : {};
  const mayFail = step.work !== undefined || ['fail', 'runbook'].includes(step.kind);
  return { ...step, ...inner, ...(mayFail && !isOwn ? { onFailure: 'end' } : {}) };
}

/** Names of the targets that the inputs choose. */
export function targetsOf(spec: RunbookSpec, inputs: JsonObject): string[] {
  return Object.entries(spec.inputs).flatMap(([name, input]) => targetsChosen(input, inputs[name]));
}

/** Checks the inputs that are known. A target must be known: the plan names its targets. */
function inputsNow(
  nested: RunbookSpec,
  given: JsonObject,
  targets: Known['targets'],
): { inputs: JsonObject } | { problems: Problem[] } {
  const later = Object.entries(given).filter(([, value]) => referencesIn(value).length > 0);
  const open = later.find(
    ([name]) => name in nested.inputs && isOfTargets(nested.inputs[name] as InputSpec),
  );
  if (open) {
    const message = `input ${open[0]} is a target, which has to be known before the run starts`;
    return {
      problems: [{ type: 'Refused', message, next: 'Give it from an input of the runbook.' }],
    };
  }
  const names = new Set(later.map(([name]) => name));
  const spec = Object.fromEntries(
    Object.entries(nested.inputs).filter(([name]) => !names.has(name)),
  );
  const now = Object.fromEntries(Object.entries(given).filter(([name]) => !names.has(name)));
  const unknown = [...names].filter((name) => !Object.hasOwn(nested.inputs, name));
  const resolved = resolveInputs(
    spec,
    { ...now, ...Object.fromEntries(unknown.map((name) => [name, null])) },
    targets.list(),
    targets.facts(),
  );
  return resolved.ok
    ? { inputs: { ...resolved.inputs, ...Object.fromEntries(later) } }
    : { problems: resolved.problems };
}
