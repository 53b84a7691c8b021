import type { RunbookSpec } from '../../language/runbook.js';
import { withTrees } from '../../language/with-trees.js';

/*
 * Plans that tests write by hand. A text may stand where a plan keeps a condition as a tree.
 */

/**
 * A runbook that is data, as a worker has it after it has read a file.
 * @throws Error with the place of a text that is no expression
 */
export function runbookOf(data: object): RunbookSpec {
  const spec = withTrees(long(data), (place, why) => {
    throw new Error(`${place.join('.')} is no expression: ${why}`);
  });
  return { ...(spec as RunbookSpec), data: true };
}

/** What a text stands for, by its key and by a key beside it that tells whose it is. */
const texts: Record<string, { beside?: string; as: '$' | 'cel' }> = {
  when: { as: '$' },
  stopWhen: { as: '$' },
  key: { beside: 'items', as: '$' },
  until: { beside: 'probe', as: 'cel' },
  failWhen: { beside: 'probe', as: 'cel' },
  inconclusiveWhen: { beside: 'probe', as: 'cel' },
  condition: { beside: 'otherwise', as: 'cel' },
};

function long(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(long);
  if (value === null || typeof value !== 'object') return value;
  const holder = value;
  return mapped(holder, (inner, key) => {
    if (key === 'outputs') return longOutputs(inner, holder);
    const rule = typeof inner === 'string' ? texts[key] : undefined;
    return rule && (!rule.beside || rule.beside in holder) ? { [rule.as]: inner } : long(inner);
  });
}

/** Of an action each is a condition, of a group a list of them; those of a runbook are values. */
function longOutputs(outputs: unknown, holder: object): unknown {
  const stands = (each: unknown, as: '$' | 'cel'): unknown =>
    typeof each === 'string' ? { [as]: each } : each;
  if ('action' in holder) return mapped(outputs, (each) => stands(each, 'cel'));
  if (!('kind' in holder)) return outputs;
  return mapped(outputs, (all) => (all as unknown[]).map((each) => stands(each, '$')));
}

/** Without what is undefined, as in a file. */
function mapped(of: unknown, change: (value: unknown, key: string) => unknown): object {
  const given = Object.entries(of as object).filter(([, value]) => value !== undefined);
  return Object.fromEntries(given.map(([key, value]) => [key, change(value, key)]));
}
