import type { Json } from './json.js';

/**
 * A test on a step's output, as data, so that workflow, activity and plan read the same thing.
 * `path` is dotted (`status`, `rows.0.count`). All given tests must hold; `all` and `any` combine.
 */
export interface Condition {
  path?: string;
  is?: Json;
  isNot?: Json;
  in?: readonly Json[];
  atLeast?: number;
  atMost?: number;
  all?: readonly Condition[];
  any?: readonly Condition[];
}

/**
 * What a path leads to: a value; nothing; or something that was shortened for people, and is not
 * whole.
 */
export type Found = { value: unknown } | { missing: 'absent' | 'cut' };

/**
 * Follows a dotted path. Own properties only. An output that was shortened says so (`truncated`)
 * and names what of it is not whole (`cut`); where it names nothing, only numbers, truths and null
 * are sure to be whole.
 */
export function lookUp(data: unknown, path?: string): Found {
  let value: unknown = data;
  for (const key of path === undefined ? [] : path.split('.')) {
    if (value === null || typeof value !== 'object') return { missing: 'absent' };
    const cut = cutIn(value);
    if (Array.isArray(cut) && cut.includes(key)) return { missing: 'cut' };
    if (!Object.hasOwn(value, key)) return { missing: cut === 'unnamed' ? 'cut' : 'absent' };
    value = (value as Record<string, unknown>)[key];
    if (cut === 'unnamed' && (typeof value === 'string' || isObject(value)))
      return { missing: 'cut' };
  }
  return hasCut(value) ? { missing: 'cut' } : { value };
}

/**
 * What of an output is not whole; null when it is. Data of others may call something `truncated`
 * too.
 */
function cutIn(output: object): readonly string[] | 'unnamed' | null {
  const { truncated, cut, fullSha256 } = output as Record<string, unknown>;
  if (truncated !== true) return null;
  if (Array.isArray(cut)) return cut as string[];
  return typeof fullSha256 === 'string' ? 'unnamed' : null;
}

function hasCut(value: unknown): boolean {
  if (!isObject(value)) return false;
  return cutIn(value) !== null || Object.values(value).some(hasCut);
}

function isObject(value: unknown): value is object {
  return value !== null && typeof value === 'object';
}

/** The value at a dotted path, or undefined where the data has none. Own properties only. */
export function valueAt(data: unknown, path: string): unknown {
  let value: unknown = data;
  for (const key of path.split('.')) {
    if (value === null || typeof value !== 'object' || !Object.hasOwn(value, key)) return undefined;
    value = (value as Record<string, unknown>)[key];
  }
  return value;
}

/**
 * Whether `data` meets a condition. What is not there is neither equal to something nor different
 * from it: then `holds` is null, and `why` says what is missing.
 */
export type Judgement = { holds: boolean } | { holds: null; why: string };

/** Scalars compare by value; a number compares with a text of digits (as SQL's bigint arrives). */
export function judge(condition: Condition, data: unknown): Judgement {
  const found = lookUp(data, condition.path);
  const parts: Judgement[] = [];
  const test = (isMet: (value: unknown) => Judgement): void => {
    parts.push(
      'value' in found ? isMet(found.value) : { holds: null, why: told(condition, found) },
    );
  };
  const { is, isNot, in: allowed, atLeast, atMost, all, any } = condition;
  if (is !== undefined) test((value) => ({ holds: same(value, is) }));
  if (isNot !== undefined) test((value) => ({ holds: !same(value, isNot) }));
  if (allowed !== undefined)
    test((value) => ({ holds: allowed.some((each) => same(value, each)) }));
  if (atLeast !== undefined)
    test((value) => ordered(condition, value, atLeast, (sign) => sign >= 0));
  if (atMost !== undefined) test((value) => ordered(condition, value, atMost, (sign) => sign <= 0));
  if (all !== undefined) parts.push(everyOf(all.map((each) => judge(each, data))));
  if (any !== undefined) parts.push(someOf(any.map((each) => judge(each, data))));
  return everyOf(parts);
}

/** One that fails decides, else one that nobody can tell. */
function everyOf(parts: readonly Judgement[]): Judgement {
  return (
    parts.find(({ holds }) => holds === false) ??
    parts.find(({ holds }) => holds === null) ?? { holds: true }
  );
}

function someOf(parts: readonly Judgement[]): Judgement {
  return (
    parts.find(({ holds }) => holds === true) ??
    parts.find(({ holds }) => holds === null) ?? { holds: false }
  );
}

/**
 * A number that a double does not hold is written as text in a condition too; as a number it equals
 * nothing.
 */
function same(value: unknown, expected: Json): boolean {
  if (typeof expected !== 'number') return value === expected;
  if (Number.isInteger(expected) && !Number.isSafeInteger(expected)) return false;
  return value === expected || (isNumeric(value) && Number(value) === expected);
}

function ordered(
  condition: Condition,
  value: unknown,
  limit: number,
  isMet: (sign: number) => boolean,
): Judgement {
  if (typeof value !== 'number' && !isNumeric(value))
    return {
      holds: null,
      why: `${nameOf(condition)} is ${short(value)}, which is no number`,
    };
  const isExact = typeof value === 'string' && /^-?\d+$/.test(value) && Number.isInteger(limit);
  const [a, b] = isExact ? [BigInt(value), BigInt(limit)] : [Number(value), limit];
  return { holds: isMet(a < b ? -1 : a > b ? 1 : 0) };
}

/** A number as text, infinity too; not a number (`NaN`) is none. */
function isNumeric(value: unknown): value is string {
  return typeof value === 'string' && value.trim() !== '' && !Number.isNaN(Number(value));
}

function told(condition: Condition, found: Found): string {
  return 'missing' in found && found.missing === 'cut'
    ? `${nameOf(condition)} was shortened for people, and is not whole`
    : `there is no ${nameOf(condition)}`;
}

function nameOf({ path }: Condition): string {
  return path ?? 'output';
}

function short(value: unknown): string {
  const text = JSON.stringify(value) ?? 'nothing';
  return text.length > 40 ? `${text.slice(0, 40)}…` : text;
}

/** Every path that a condition looks at. */
export function pathsIn({ path, all = [], any = [] }: Condition): string[] {
  return [...(path === undefined ? [] : [path]), ...[...all, ...any].flatMap(pathsIn)];
}

/** The condition in words, for errors and the step table. */
export function describeCondition(condition: Condition): string {
  const name = condition.path ?? 'the output';
  const parts: string[] = [];
  if (condition.is !== undefined) parts.push(`${name} is ${JSON.stringify(condition.is)}`);
  if (condition.isNot !== undefined)
    parts.push(`${name} is not ${JSON.stringify(condition.isNot)}`);
  if (condition.in !== undefined)
    parts.push(`${name} is one of ${condition.in.map((v) => JSON.stringify(v)).join(', ')}`);
  if (condition.atLeast !== undefined) parts.push(`${name} is at least ${condition.atLeast}`);
  if (condition.atMost !== undefined) parts.push(`${name} is at most ${condition.atMost}`);
  if (condition.all) parts.push(...condition.all.map(describeCondition));
  if (condition.any) parts.push(`(${condition.any.map(describeCondition).join(' or ')})`);
  return parts.join(' and ');
}
