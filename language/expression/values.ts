/**
 * Values inside an evaluation. An integer is a BigInt of 64 bits and never leaves as one; a number
 * is always finite. Data of a scope is used as it is, so an object may be anybody's: only its own
 * properties count.
 */
export type Value =
  null | boolean | string | number | bigint | Duration | Timestamp | readonly Value[] | ValueMap;
export type ValueMap = { readonly [key: string]: Value };

export class Duration {
  constructor(readonly micros: bigint) {}
}

/** Microseconds since 1970, in the years 1 to 9999. */
export class Timestamp {
  constructor(readonly micros: bigint) {}
}

/** What `.?name` gives: a value, or none. */
export class Optional {
  constructor(readonly value: Value | undefined) {}
}

/** Why an operation has no result, as a sentence about its operands. */
export class Wrong {
  /** @param kind that of the reason; cut and blanked: an operand was changed for people */
  constructor(
    readonly why: string,
    readonly kind: 'error' | 'cut' | 'blanked' = 'error',
  ) {}
}

export type Kind =
  'null' | 'boolean' | 'text' | 'integer' | 'number' | 'duration' | 'timestamp' | 'list' | 'map';

/** Kinds of values in sentences. */
export const kindNames: Readonly<Record<Kind, string>> = {
  null: 'null',
  boolean: 'a boolean',
  text: 'a text',
  integer: 'an integer',
  number: 'a number',
  duration: 'a duration',
  timestamp: 'a timestamp',
  list: 'a list',
  map: 'an object',
};

export function kindOf(value: Value): Kind {
  switch (typeof value) {
    case 'boolean':
      return 'boolean';
    case 'string':
      return 'text';
    case 'number':
      return 'number';
    case 'bigint':
      return 'integer';
    default:
      if (value === null) return 'null';
      if (value instanceof Duration) return 'duration';
      if (value instanceof Timestamp) return 'timestamp';
      return Array.isArray(value) ? 'list' : 'map';
  }
}

export function isMap(value: Value): value is ValueMap {
  return kindOf(value) === 'map';
}

export function isNumeric(value: Value): value is number | bigint {
  return typeof value === 'number' || typeof value === 'bigint';
}

const least = -(2n ** 63n);
const most = 2n ** 63n - 1n;

/** The integer, where 64 bits hold it. */
export function integer(value: bigint): bigint | Wrong {
  return value < least || value > most ? new Wrong(`${value} is no 64-bit integer`) : value;
}

/** The number, where it is finite: JSON knows no other. */
export function number(value: number): number | Wrong {
  if (!Number.isFinite(value)) return new Wrong('the result is no finite number');
  return value === 0 ? 0 : value;
}

/** A number without a fraction counts as an integer where one is needed: JSON does not tell. */
export function asInteger(value: Value): bigint | undefined {
  if (typeof value === 'bigint') return value;
  return typeof value === 'number' && Number.isSafeInteger(value) ? BigInt(value) : undefined;
}
