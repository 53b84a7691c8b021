import type { JsonObject } from '../json.js';
import type { InputSpec, RunbookSpec, StepSpec } from '../runbook.js';
import { withTrees } from '../with-trees.js';
import { expand } from './expand/document.js';
import type { Library } from './library.js';
import type { Problem } from './problem.js';
import type { Written } from './read.js';
import { group, isExpression, listIn, minutesOf, objectIn, textIn, textOf } from './spec/fields.js';
import { StepBuilder } from './spec/steps.js';

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
  const builder = new RunbookBuilder(places);
  const spec = builder.runbook(data);
  return builder.problems.length > 0 ? { problems: builder.problems } : { spec };
}

const fallbackTitle = 'Verify the result';

class RunbookBuilder extends StepBuilder {
  runbook(data: JsonObject): RunbookSpec {
    const inputs = objectIn(data, 'inputs');
    this.targets = new Set(
      Object.keys(inputs).filter((name) => objectIn(inputs, name)['type'] === 'target'),
    );
    for (const key of ['part', 'window', 'standingApproval', 'schedule', 'unattended'])
      if (Object.hasOwn(data, key)) this.notYet(data, key, `\`${key}\` of a runbook`);
    const verify = this.steps(listIn(data, 'verify'));
    const steps = [
      ...this.prerequisites(data),
      ...this.steps(listIn(data, 'steps')),
      ...(verify.length > 0 ? [group('verify', fallbackTitle, verify)] : []),
    ];
    const spec: RunbookSpec = {
      id: textIn(data, 'runbook'),
      version: textIn(data, 'version'),
      title: textIn(data, 'title'),
      summary: textIn(data, 'description') || textIn(data, 'title'),
      type: textIn(data, 'type') as RunbookSpec['type'],
      priority: textIn(data, 'priority') as RunbookSpec['priority'],
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
    };
    return withTrees(spec, (_place, why) => this.problems.push(this.at(data, 'steps', why)));
  }

  protected input(inputs: JsonObject, name: string): InputSpec {
    const { type, group: _group, ...input } = objectIn(inputs, name);
    const known: Readonly<Record<string, string>> = { time: 'instant' };
    const own = textOf(type);
    if (['list', 'object', 'runbook', 'secret'].includes(own))
      this.notYet(inputs, name, `an input of type ${own}`);
    if (Array.isArray(input['kind'])) this.notYet(inputs, name, 'a target of several kinds');
    if (isExpression(input['default'])) this.notYet(inputs, name, 'a default made of other inputs');
    return { ...input, type: known[own] ?? own } as unknown as InputSpec;
  }

  protected prerequisites(data: JsonObject): StepSpec[] {
    const steps = listIn(data, 'prerequisites').filter((each) => typeof each !== 'string');
    if (steps.length > 0) this.notYet(data, 'prerequisites', 'a prerequisite that is looked at');
    return [];
  }
}
