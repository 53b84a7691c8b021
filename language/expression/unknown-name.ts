import { nearest } from '../nearest.js';
import type { Tree } from './ast.js';
import type { Checker, Local } from './check.js';
import type { Problem } from './problem.js';
import { isObject } from './types.js';

/** Words of other languages. */
const words: Readonly<Record<string, string>> = {
  True: 'true',
  False: 'false',
  TRUE: 'true',
  FALSE: 'false',
  None: 'null',
  nil: 'null',
  undefined: 'null',
};

/** Tells of a name that there is not. */
export function unknownName(checker: Checker, tree: Tree & { is: 'name' }, local: Local): void {
  const problem = problemOf(checker, tree, local);
  // In `steps.from-app.ok` it is told where `from` stands.
  const isTold = checker.problems.some(
    ({ at }) => at[1] === tree.at[0] - 1 && isSubtracted(checker, tree),
  );
  if (!isTold) checker.problems.push(problem);
}

function problemOf(checker: Checker, tree: Tree & { is: 'name' }, local: Local): Problem {
  const { names } = checker;
  const { name, at } = tree;
  const tell = (message: string, more: Partial<Problem> = {}): Problem => ({
    at,
    rule: 'unknown-name',
    message,
    ...more,
  });
  if (Object.hasOwn(words, name)) {
    const word = words[name] ?? '';
    return tell(`there is no ${name}`, { instead: `write ${word}`, fix: { at, text: word } });
  }
  // `steps.from-app` is a subtraction.
  if (isSubtracted(checker, tree))
    return tell(`there is no ${name}; a - between two names subtracts`, {
      instead: 'write _ in the place of - in names of steps and inputs',
    });
  for (const owner of ['inputs', 'steps']) {
    const type = names[owner];
    if (type !== undefined && isObject(type) && Object.hasOwn(type.fields, name))
      return tell(`there is no ${name}`, { instead: `write ${owner}.${name}` });
  }
  const known = Object.keys(names);
  for (let each = local; each; each = each.outer) known.unshift(each.name);
  const near = nearest(name, known);
  const listed = `there ${known.length === 1 ? 'is' : 'are'} ${known.join(', ')}`;
  return tell(`there is no ${name}`, {
    instead:
      near === undefined
        ? `${listed}; a text stands in quotes: "${name}"`
        : `did you mean ${near}?`,
  });
}

function isSubtracted(checker: Checker, { at }: Tree): boolean {
  return /[\w)]-$/.test(checker.source.slice(0, at[0]));
}
