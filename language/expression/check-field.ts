import { nearest } from '../nearest.js';
import type { Range, Tree } from './ast.js';
import type { Checker } from './check.js';
import {
  aType,
  isList,
  isMapOf,
  isObject,
  isOptional,
  type ObjectType,
  type Type,
} from './types.js';

/** A name after a dot, or a text in brackets. */
type Selected = {
  at: Range;
  of: Tree;
  name: string;
  /** Where the name stands; by default at the end, before closing brackets. */
  nameAt?: Range;
  optional?: true;
};

/** The type of `of.name`. */
export function fieldType(checker: Checker, selected: Selected, found: Type): Type {
  const isChain = isOptional(found) || selected.optional === true;
  const type = declaredField(checker, selected, isOptional(found) ? found.optional : found);
  return isChain && !isOptional(type) ? { optional: type } : type;
}

function declaredField(checker: Checker, selected: Selected, of: Type): Type {
  const { name, optional } = selected;
  if (of === 'dyn') return 'dyn';
  if (isMapOf(of)) return of.map;
  if (isObject(of)) {
    if (of.mayLack?.includes(name)) checker.mayBeAbsent.add(selected);
    if (Object.hasOwn(of.fields, name)) return of.fields[name] ?? 'dyn';
    return of.isOpen ? 'dyn' : noField(checker, selected, of);
  }
  const owner = checker.text(selected.of);
  const isSize = name === 'length' || name === 'size';
  const instead =
    isSize && (isList(of) || of === 'text')
      ? `write size(${owner})`
      : isList(of)
        ? `write ${owner}[0].${name} for the first, or ${owner}.map(x, x.${name}) for all`
        : undefined;
  return checker.wrong(nameRange(checker, selected), `${aType(of)} has no field ${name}`, {
    ...(instead !== undefined && optional !== true && { instead }),
  });
}

function noField(checker: Checker, selected: Selected, of: ObjectType): Type {
  const { name } = selected;
  const owner = checker.text(selected.of);
  const message = {
    input: `there is no input "${name}"`,
    step: `there is no step "${name}" before this one`,
    output: `${owner} has no output "${name}"`,
    fact: `${owner} has no fact "${name}"`,
    field: `${owner} has no field "${name}"`,
  }[of.called ?? 'field'];
  const known = Object.keys(of.fields);
  const near = nearest(name, known);
  const [start, end] = nameRange(checker, selected);
  // `steps.from-app` is a subtraction.
  const rest = /^-[a-z][\w-]*/i.exec(checker.source.slice(end))?.[0];
  const instead =
    rest !== undefined
      ? 'a - between two names subtracts: write _ in its place, as in ' +
        `${name}${rest.replaceAll('-', '_')}`
      : near !== undefined
        ? `did you mean ${owner}.${near}?`
        : known.length > 0 && known.length <= 12
          ? `there ${known.length === 1 ? 'is' : 'are'}: ${known.join(', ')}`
          : undefined;
  checker.problems.push({
    at: [start, end],
    rule: of.called === 'step' ? 'unknown-step' : 'unknown-name',
    message,
    ...(instead !== undefined && { instead }),
  });
  return 'dyn';
}

function nameRange(checker: Checker, { at, name, nameAt }: Selected): Range {
  if (nameAt) return nameAt;
  const start = checker.source.lastIndexOf(name, at[1] - name.length);
  return [start, start + name.length];
}
