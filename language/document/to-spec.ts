import type { Json, JsonObject } from '../json.js';
import { field, isObject } from '../objects.js';
import type { InputSpec, RunbookSpec, StepSpec } from '../runbook.js';
import { withTrees } from '../with-trees.js';
import { expand } from './expand/document.js';
import type { Library } from './library.js';
import { lintWritten } from './lint.js';
import { inOneLine } from './show-problems.js';
import { inOrder, type Problem } from './problem.js';
import type { Written } from './read.js';
import { Types } from './rules/types.js';
import { ActionInliner } from './spec/inline-actions.js';
import { isAction, kindOf } from './kinds.js';
import { textIn } from './expand/draft.js';
import { group, listIn, minutesOf, objectIn, rootsIn, textOf, typeOfInput } from './spec/fields.js';
import { prerequisiteAt, sections } from './spec/made-ids.js';
import { StepBuilder } from './spec/steps.js';
import { treesOf } from './trees.js';

/*
 * From the long form to what the engine runs. What it does not do yet is a problem at its place:
 * such a file is sound, and cannot be started.
 */

/** The runbook for the engine, with the trees of its expressions. */
export function toSpec(
  written: Written,
  library: Library,
): { spec: RunbookSpec } | { problems: Problem[] } {
  const { data, places } = expand(written, library);
  const trees = treesOf(data, places, library);
  const builder = new RunbookBuilder(places, trees);
  const tell = builder.mistake.bind(builder);
  const inliner = new ActionInliner(places, trees, new Types(library), tell);
  const spec = builder.runbook(inliner.inside(data));
  const uses = usesIn(data);
  const mistakes = mistakesIn(new Set(uses.map(({ id }) => id)), library);
  for (const { step, id } of uses) {
    const wrong = mistakes.get(id);
    if (wrong !== undefined) builder.mistake(step, 'use', wrong);
  }
  return builder.problems.length > 0 ? { problems: inOrder(builder.problems) } : { spec };
}

/** Ids of the named actions that a document uses, as it is written. */
export function usedActions(value: Json): string[] {
  if (Array.isArray(value)) return value.flatMap(usedActions);
  if (!isObject(value)) return [];
  const id = field(value, 'use');
  return [...(typeof id === 'string' ? [id] : []), ...Object.values(value).flatMap(usedActions)];
}

/** Everything that uses a named action. */
function usesIn(value: Json): { step: JsonObject; id: string }[] {
  if (Array.isArray(value)) return value.flatMap(usesIn);
  if (!isObject(value)) return [];
  const id = field(value, 'use');
  const own = typeof id === 'string' && Object.hasOwn(value, 'action');
  return [...(own ? [{ step: value, id }] : []), ...Object.values(value).flatMap(usesIn)];
}

/** The first error in the file of each named action that has one, by its id. */
function mistakesIn(ids: ReadonlySet<string>, library: Library): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  for (const id of ids) {
    const written = library.action(id);
    const problems = written ? lintWritten(written, library) : [];
    const wrong = problems.find(({ severity }) => severity === 'error');
    if (wrong) found.set(id, `the action ${id} has a mistake: ${inOneLine(wrong)}`);
  }
  return found;
}

const fallbackTitle = 'Verify the result';

class RunbookBuilder extends StepBuilder {
  runbook(data: JsonObject): RunbookSpec {
    const inputs = objectIn(data, 'inputs');
    for (const key of ['window', 'standingApproval', 'schedule', 'unattended'])
      if (Object.hasOwn(data, key)) this.notYet(data, key, `\`${key}\` of a runbook`);
    const verify = this.steps(listIn(data, 'verify'));
    const steps = [
      ...this.prerequisites(data),
      ...this.steps(listIn(data, 'steps')),
      ...(verify.length > 0 ? [group(sections.verify, fallbackTitle, verify)] : []),
    ];
    const spec: RunbookSpec = {
      id: textIn(data, 'runbook') || textIn(data, 'part'),
      version: textIn(data, 'version'),
      title: textIn(data, 'title'),
      summary: textIn(data, 'description') || textIn(data, 'title'),
      // A part need not say them: those of the runbook around it count.
      type: (textIn(data, 'type') || 'MAINTENANCE') as RunbookSpec['type'],
      priority: (textIn(data, 'priority') || 'MEDIUM') as RunbookSpec['priority'],
      tags: listIn(data, 'tags').map(String),
      owners: [textIn(data, 'owner')],
      expectedMinutes: minutesOf(data['expectedDuration']),
      inputs: Object.fromEntries(
        Object.keys(inputs).map((name) => [name, this.input(inputs, name)]),
      ),
      prerequisites: listIn(data, 'prerequisites').filter((each) => typeof each === 'string'),
      steps,
      verification: verify.length > 0 ? fallbackTitle : 'Each step verifies itself.',
      rollback: textIn(data, 'rollback') || 'The undos of the steps, the last one first.',
      ...(Object.hasOwn(data, 'outputs') ? { outputs: objectIn(data, 'outputs') } : {}),
      data: true,
      ...(Object.hasOwn(data, 'part') ? { part: true } : {}),
    };
    return withTrees(
      spec,
      (_place, why) => this.problems.push(this.at(data, 'steps', why)),
      (holder) => this.read(holder, this.places.self(holder)),
    );
  }

  protected input(inputs: JsonObject, name: string): InputSpec {
    const { type, group: _group, ...input } = objectIn(inputs, name);
    const own = textOf(type);
    if (['runbook', 'secret'].includes(own)) this.notYet(inputs, name, `an input of type ${own}`);
    const { default: given, ...others } = input;
    const spec = { ...others, type: typeOfInput(own) };
    if (given === undefined) return spec as unknown as InputSpec;
    const made =
      rootsIn({ given }).length > 0 ? { computed: this.byName(given) } : { default: given };
    return { ...spec, ...made } as unknown as InputSpec;
  }

  /** Those that are looked at are steps before all others. */
  protected prerequisites(data: JsonObject): StepSpec[] {
    const looked = listIn(data, 'prerequisites').filter((each) => isObject(each));
    const steps = looked.flatMap((each, at) => {
      if (!isAction(kindOf(each)))
        this.notYet(each, Object.keys(each)[0] ?? '', 'a prerequisite that is no action');
      return this.named(each, prerequisiteAt(at));
    });
    const { prerequisites: id } = sections;
    return steps.length > 0 ? [group(id, 'Look before it begins', steps)] : [];
  }

  private named(step: JsonObject, id: string): StepSpec[] {
    return this.step(this.places.copy(step, { id, ...step }));
  }
}
