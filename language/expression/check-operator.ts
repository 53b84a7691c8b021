import { nearest } from '../nearest.js';
import type { Tree } from './ast.js';
import type { Checker } from './check.js';
import type { Problem } from './problem.js';
import { readDuration, readTimestamp } from './times.js';
import {
  areComparable,
  aType,
  either,
  fits,
  isChoice,
  isList,
  isMapOf,
  isNumber,
  isObject,
  isText,
  type Type,
  typeName,
} from './types.js';
import { Wrong } from './values.js';

type Operation = Tree & { is: 'binary' };

/** The type of `left sign right`. */
export function binaryType(checker: Checker, tree: Operation, left: Type, right: Type): Type {
  switch (tree.sign) {
    case '==':
    case '!=':
      compared(checker, tree, left, right);
      if (left === 'null') absent(checker, tree, tree.right);
      if (right === 'null') absent(checker, tree, tree.left);
      return 'boolean';
    case '<':
    case '<=':
    case '>':
    case '>=':
      if (compared(checker, tree, left, right)) inOrder(checker, tree, left, right);
      return 'boolean';
    case 'in':
      within(checker, tree, left, right);
      return 'boolean';
    default:
      return calculated(checker, tree, tree.sign, left, right);
  }
}

/** Tells what cannot be compared, and what can never be equal. */
function compared(checker: Checker, tree: Operation, left: Type, right: Type): boolean {
  if (!areComparable(left, right)) {
    const kinds = `(${typeName(left)} ${tree.sign} ${typeName(right)})`;
    checker.wrong(
      tree.at,
      `cannot compare ${aType(left)} with ${aType(right)} ${kinds}`,
      asTheOther(checker, tree, left, right) ?? asTheOther(checker, tree, right, left, true) ?? {},
    );
    return false;
  }
  option(checker, tree.right, left);
  option(checker, tree.left, right);
  return true;
}

/** What to write in the place of a part that has the wrong type, where the other one tells. */
function asTheOther(
  checker: Checker,
  tree: Operation,
  wanted: Type,
  given: Type,
  isLeft = false,
): Partial<Problem> | undefined {
  const [part, other] = isLeft ? [tree.left, tree.right] : [tree.right, tree.left];
  const text = converted(checker, part, wanted, given, other);
  if (text === undefined) return undefined;
  const sides = [checker.text(tree.left), checker.text(tree.right)];
  sides[isLeft ? 0 : 1] = text;
  return {
    instead: `write ${sides.join(` ${tree.sign} `)}`,
    // Only a literal has one answer.
    ...(part.is === 'literal' && { fix: { at: part.at, text } }),
  };
}

function converted(
  checker: Checker,
  part: Tree,
  wanted: Type,
  given: Type,
  other: Tree,
): string | undefined {
  const text = checker.text(part);
  if (isObject(given) && given.target && isText(wanted)) return `${text}.name`;
  if (wanted === 'duration' && isNumber(given) && part.is === 'literal')
    return `duration("${text}s")`;
  if (!isText(given)) return undefined;
  if (part.is === 'literal' && typeof part.value === 'string') {
    const { value } = part;
    if (isNumber(wanted)) return /^-?\d+(\.\d+)?$/.test(value) ? value : undefined;
    if (wanted === 'boolean') return value === 'true' || value === 'false' ? value : undefined;
    if (wanted === 'duration')
      return readDuration(value) instanceof Wrong ? undefined : `duration(${text})`;
    if (wanted === 'timestamp')
      return readTimestamp(value) instanceof Wrong ? undefined : `timestamp(${text})`;
    return undefined;
  }
  // A text beside a number that is written there: it is meant as a number.
  if (isNumber(wanted) && other.is === 'literal')
    return wanted === 'integer' ? `int(${text})` : `double(${text})`;
  return undefined;
}

/** A text that is none of the options of what it is compared with. */
function option(checker: Checker, part: Tree, other: Type): void {
  if (!isChoice(other) || part.is !== 'literal' || typeof part.value !== 'string') return;
  if (other.choice.includes(part.value)) return;
  const near = nearest(part.value, other.choice);
  const options = `the options are ${other.choice.join(', ')}`;
  checker.wrong(part.at, `it is never "${part.value}"`, {
    instead: near === undefined ? options : `did you mean "${near}"? ${options}`,
  });
}

/** What may be absent is never null. */
function absent(checker: Checker, tree: Operation, part: Tree): void {
  if (part.is !== 'field') return;
  if (!checker.mayBeAbsent.has(part)) return;
  const text = checker.text(part);
  checker.wrong(tree.at, `${text} is absent or there, but never null`, {
    instead: tree.sign === '==' ? `write !has(${text})` : `write has(${text})`,
  });
}

function inOrder(checker: Checker, tree: Operation, left: Type, right: Type): void {
  const ordered = (type: Type): boolean =>
    type === 'dyn' || isNumber(type) || isText(type) || type === 'duration' || type === 'timestamp';
  for (const [part, type] of [
    [tree.left, left],
    [tree.right, right],
  ] as const)
    if (!ordered(type)) {
      checker.wrong(part.at, `${aType(type)} is neither less nor more than another`);
      return;
    }
}

function within(checker: Checker, tree: Operation, item: Type, container: Type): void {
  if (container === 'dyn') return;
  if (isObject(container) || isMapOf(container)) {
    if (!fits(item, 'text'))
      checker.wrong(tree.left.at, `the keys of an object are texts, not ${aType(item)}`);
    return;
  }
  if (!isList(container)) {
    const text = checker.text(tree.right);
    checker.wrong(tree.at, `nothing is in ${aType(container)}`, {
      ...(isText(container) && { instead: `write ${text}.contains(${checker.text(tree.left)})` }),
    });
    return;
  }
  if (!areComparable(item, container.list)) {
    checker.wrong(
      tree.at,
      `${aType(item)} is never in ${aType(container)}`,
      isObject(item) && item.target && isText(container.list)
        ? { instead: `write ${checker.text(tree.left)}.name in ${checker.text(tree.right)}` }
        : {},
    );
    return;
  }
  if (tree.right.is === 'list') for (const one of tree.right.items) option(checker, one, item);
  option(checker, tree.left, container.list);
}

type Arithmetic = '+' | '-' | '*' | '/' | '%';

const verbs: Readonly<Record<Arithmetic, readonly [verb: string, between: string]>> = {
  '+': ['add', 'and'],
  '-': ['subtract', 'and'],
  '*': ['multiply', 'and'],
  '/': ['divide', 'by'],
  '%': ['divide', 'by'],
};

function calculated(
  checker: Checker,
  tree: Operation,
  sign: Arithmetic,
  left: Type,
  right: Type,
): Type {
  const type = result(sign, left, right);
  if (type !== undefined) return type;
  const [verb, between] = verbs[sign];
  const kinds = `(${typeName(left)} ${sign} ${typeName(right)})`;
  return checker.wrong(
    tree.at,
    `cannot ${verb} ${aType(left)} ${between} ${aType(right)} ${kinds}`,
    (sign === '+' ? asText(checker, tree, left, right) : asNumber(checker, tree, left, right)) ??
      {},
  );
}

/** A text is counted with as the number that it is. */
function asNumber(
  checker: Checker,
  tree: Operation,
  left: Type,
  right: Type,
): Partial<Problem> | undefined {
  const numeric = (part: Tree, type: Type): string | undefined => {
    if (isNumber(type)) return checker.text(part);
    return isText(type) && part.is !== 'literal' ? `int(${checker.text(part)})` : undefined;
  };
  const [one, other] = [numeric(tree.left, left), numeric(tree.right, right)];
  if (one === undefined || other === undefined) return undefined;
  return { instead: `write ${one} ${tree.sign} ${other}` };
}

/** Text and something else: the something is meant as text. */
function asText(
  checker: Checker,
  tree: Operation,
  left: Type,
  right: Type,
): Partial<Problem> | undefined {
  const [a, b] = [checker.text(tree.left), checker.text(tree.right)];
  const textual = (text: string, type: Type): string | undefined => {
    if (isText(type)) return text;
    if (/^-?[\d.]+$/.test(text)) return `"${text}"`;
    if (isObject(type)) return type.target ? `${text}.name` : undefined;
    return typeof type === 'string' && type !== 'null' ? `string(${text})` : undefined;
  };
  const [one, other] = [textual(a, left), textual(b, right)];
  if (one === undefined || other === undefined || !(isText(left) || isText(right)))
    return undefined;
  return { instead: `write ${one} + ${other}` };
}

function result(sign: Arithmetic, left: Type, right: Type): Type | undefined {
  if (left === 'dyn' && right === 'dyn') return 'dyn';
  if (isNumber(left) && isNumber(right)) return left === right ? left : 'number';
  if (sign === '+' && isText(left) && isText(right)) return 'text';
  if (sign === '+' && isList(left) && isList(right)) return either(left, right);
  const times = timeResult(sign, left, right);
  if (times !== undefined) return times;
  if (left !== 'dyn' && right !== 'dyn') return undefined;
  const known = left === 'dyn' ? right : left;
  // JSON's numbers are doubles; what else it holds may turn out to fit.
  if (isNumber(known)) return known === 'number' ? 'number' : 'dyn';
  if (sign === '+' && (isText(known) || isList(known))) return isText(known) ? 'text' : known;
  if (sign === '+' || sign === '-')
    return known === 'duration' || known === 'timestamp' ? 'dyn' : undefined;
  return undefined;
}

function timeResult(sign: Arithmetic, left: Type, right: Type): Type | undefined {
  if (sign !== '+' && sign !== '-') return undefined;
  if (left === 'duration' && right === 'duration') return 'duration';
  if (left === 'timestamp' && right === 'duration') return 'timestamp';
  if (sign === '+' && left === 'duration' && right === 'timestamp') return 'timestamp';
  return sign === '-' && left === 'timestamp' && right === 'timestamp' ? 'duration' : undefined;
}
