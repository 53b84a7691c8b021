import type { Condition } from './condition.js';
import { chainsIn, namesIn } from './expression/names.js';
import { factNames } from './facts.js';
import type { Json, JsonObject } from './json.js';
import { outputNames, type Action } from './kinds/index.js';
import { referencesIn } from './reference.js';
import { runNames } from './run-facts.js';
import type { RunbookSpec, StepSpec } from './runbook.js';

/*
 * Finds names in references and conditions of a runbook that do not exist, when the runbook is read
 * instead of in the middle of a run.
 */

/** The names that a step may use. */
interface Known {
  inputs: ReadonlySet<string>;
  /** Steps before it, in its own sequence and in those around it. */
  steps: ReadonlyMap<string, StepSpec>;
  /** The names of the items of the loops around. */
  items: ReadonlySet<string>;
}

/** Every name that does not exist, with its place. */
export function unknownNames(spec: RunbookSpec): string[] {
  const unknown = new Set<string>();
  const inputs = new Set(Object.keys(spec.inputs));
  const all = visit(spec.steps, { inputs, steps: new Map(), items: new Set() });
  for (const name of referencesIn(spec.outputs ?? {})) look(name, 'the outputs', all);
  return [...unknown];

  /** @returns what is known behind the steps */
  function visit(steps: readonly StepSpec[], around: Known): Known {
    const known = { ...around, steps: new Map(around.steps) };
    for (const each of steps) {
      const { steps: inner = [], when, outputs, key, stopWhen, ...own } = each;
      for (const name of referencesIn(own as unknown as Json)) look(name, `step ${each.id}`, known);
      for (const name of when ? namesIn(when.ast) : []) look(name, `step ${each.id}`, known);
      for (const name of unknownInConditions(each)) unknown.add(name);
      const named = each.kind === 'forEach' ? ['item', ...(each.as ? [each.as] : [])] : [];
      const within = { ...known, items: new Set([...known.items, ...named]) };
      for (const name of key ? namesIn(key.ast) : []) look(name, `the key of ${each.id}`, within);
      const behind = each.kind === 'parallel' ? apart(inner, within) : visit(inner, within);
      for (const name of referencesIn((outputs ?? null) as Json))
        look(name, `the outputs of step ${each.id}`, behind);
      for (const name of stopWhen ? namesIn(stopWhen.ast) : [])
        look(name, `stopWhen of step ${each.id}`, behind);
      known.steps.set(each.id, each);
    }
    return known;
  }

  /** The same for branches, which do not see each other. */
  function apart(branches: readonly StepSpec[], around: Known): Known {
    const behind = branches.flatMap((branch) => [...visit([branch], around).steps]);
    return { ...around, steps: new Map([...around.steps, ...behind]) };
  }

  function look(name: string, where: string, known: Known): void {
    const why = whyUnknown(name, known);
    if (why !== null) unknown.add(`${name}${why} ${where}`);
  }
}

/** Where the unknown name is missing; null when it exists, or may exist. */
function whyUnknown(name: string, { inputs, steps, items }: Known): string | null {
  const [root, key, field] = name.split('.');
  switch (root) {
    case 'inputs':
      return key === undefined || inputs.has(key) ? null : ' in';
    case 'steps': {
      if (key === undefined) return ', without the id of a step, in';
      const step = steps.get(key);
      if (!step) return ' before';
      return field === undefined || mayAnswer(step, field) ? null : ' among what is known in';
    }
    case 'run':
      return key === undefined || runNames.includes(key) ? null : ' in';
    default:
      return items.has(root ?? '') ? null : ' in';
  }
}

/** Whoever does a step by hand may answer what it declares. */
function mayAnswer(
  { work, answers = [], steps, kind, values, cases, outputs = {} }: StepSpec,
  field: string,
): boolean {
  if (factNames.includes(field)) return true;
  if (cases) return field === 'case' || field === 'unknown';
  if (values) return Object.hasOwn(values, field) || answers.includes(field);
  if (steps && (kind === 'parallel' || kind === 'group'))
    return steps.some(({ id }) => id === field) || Object.hasOwn(outputs, field);
  const names = work?.outputs
    ? Object.keys(work.outputs)
    : work && outputNames(work.action as unknown as Action);
  return !names || names.includes(field) || answers.includes(field);
}

/** In conditions on outputs of the step itself. */
function unknownInConditions({ id, work }: StepSpec): string[] {
  if (!work) return [];
  const { action, expect = [], outputs = {}, verify, check } = work;
  const asked = [action, verify, check].filter((each) => each?.['kind'] === 'check');
  const told: [Json, Condition[]][] = [
    [action, [...expect.map(({ condition }) => condition), ...Object.values(outputs)]],
    ...asked.map((each): [Json, Condition[]] => [
      (each as JsonObject)['probe'] ?? null,
      [each?.['until'], each?.['failWhen'], each?.['inconclusiveWhen']].filter(
        (c) => c !== undefined,
      ) as never as Condition[],
    ]),
  ];
  return told.flatMap(([from, conditions]) => {
    const names = outputNames(from as unknown as Action);
    if (!names) return [];
    return conditions
      .flatMap(({ ast }) => (ast ? chainsIn(ast) : []))
      .filter(([root, name]) => root === 'out' && name !== undefined)
      .filter(([, name]) => !names.includes(String(name)))
      .map((chain) => `${chain.join('.')} in what step ${id} answers`);
  });
}
