import type { Json, JsonObject } from '../../json.js';
import type { Case, StepSpec } from '../../runbook.js';
import { textIn } from '../expand/draft.js';
import { group, inWords } from './fields.js';
import { answering, caseGroup, choosing } from './made-ids.js';

/*
 * A branch is a group: a step that takes a case, and a group for each case that is due when it was
 * taken. What the branch answers is what the case taken has answered.
 */

/** A case, read. */
export interface ReadCase {
  data: JsonObject;
  when?: NonNullable<StepSpec['when']>;
  /** What is done; nothing in a case that only decides. */
  steps: readonly StepSpec[];
  /** What it answers beside them. */
  outputs: Branch['outputs'];
  /** The cases inside decide, too. */
  inner?: Branch;
}

/** What a branch is made of. */
export interface Branch {
  steps: readonly StepSpec[];
  outputs: NonNullable<StepSpec['outputs']>;
}

/** @param title of the branch: the question that it answers */
export function branchOf(
  title: string,
  cases: readonly ReadCase[],
  more: Partial<StepSpec> = {},
): Branch {
  const choice: StepSpec = {
    ...{ id: choosing, title: `Which case: ${title}`, kind: 'choice', effect: 'read' },
    cases: cases.map(declared),
    answers: [choosing],
    asked: {
      [choosing]: {
        ...{ type: 'choice', description: 'The case that it is' },
        options: cases.map(({ data }) => textIn(data, 'case')),
      },
    },
    ...more,
  };
  return {
    steps: [choice, ...cases.filter(isMore).map(groupOf)],
    outputs: outputsOf(cases),
  };
}

/** Some cases only decide. */
function isMore({ steps, outputs }: ReadCase): boolean {
  return steps.length > 0 || Object.keys(outputs).length > 0;
}

function declared({ data, when }: ReadCase): Case {
  const name = textIn(data, 'case');
  return {
    case: name,
    title: textIn(data, 'title') || inWords(idOf(data)),
    ...(when ? { when } : {}),
  };
}

function groupOf({ data, steps, outputs, inner }: ReadCase): StepSpec {
  const id = idOf(data);
  const made = { ...inner?.outputs, ...outputs };
  const title = textIn(data, 'title') || inWords(id);
  return group(id, title, steps.length > 0 ? steps : [valuesOf(title, outputs)], {
    when: expression(`steps.${choosing}.case == ${JSON.stringify(textIn(data, 'case'))}`),
    ...(Object.keys(made).length > 0 ? { outputs: made } : {}),
  });
}

/** A case that does nothing has values all the same. */
function valuesOf(title: string, outputs: ReadCase['outputs']): StepSpec {
  const values = Object.fromEntries(
    Object.entries(outputs).map(([name, [value]]) => [name, value as unknown as Json]),
  );
  return { id: answering, title: `Values: ${title}`, kind: 'set', effect: 'read', values };
}

function idOf(data: JsonObject): string {
  return caseGroup(textIn(data, 'case'));
}

/** Which case was taken, the innermost one; and what the steps inside it have answered. */
function outputsOf(cases: readonly ReadCase[]): Branch['outputs'] {
  const all = cases.flatMap((each) => namesIn(each).map((name) => ({ each, name })));
  const names = new Set([choosing, ...all.map(({ name }) => name)]);
  const named = (wanted: string): NonNullable<StepSpec['when']>[] => {
    const having = all.filter(({ name }) => name === wanted).map(({ each }) => each);
    const own = wanted === choosing ? [expression(`steps.${choosing}.case`)] : [];
    return [...having.map(({ data }) => expression(`steps.${idOf(data)}.${wanted}`)), ...own];
  };
  return Object.fromEntries([...names].map((name) => [name, named(name)]));
}

function namesIn({ steps, outputs, inner }: ReadCase): string[] {
  const own = steps.filter(({ kind }) => kind !== 'approval').map(({ id }) => id);
  return [...(inner ? Object.keys(inner.outputs) : own), ...Object.keys(outputs)];
}

function expression(source: string): NonNullable<StepSpec['when']> {
  return { $: source } as NonNullable<StepSpec['when']>;
}
