import { isSafeNumber, LosslessNumber, parse, stringify } from 'lossless-json';

/**
 * Anything that survives JSON unchanged: the only kind of data that plans, outputs and decisions
 * carry.
 */
export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };
export type JsonObject = { [key: string]: Json };

/**
 * Canonical JSON: object keys sorted, no white space, so that equal data has equal text and
 * therefore one digest. The subset of RFC 8785 that our data needs (finite numbers, as ECMAScript
 * prints them); `undefined` properties are left out.
 * @throws TypeError for a number that JSON cannot carry.
 */
export function canonicalJson(value: unknown): string {
  if (typeof value === 'number' && !Number.isFinite(value))
    throw new TypeError(`JSON cannot carry ${value}`);
  if (value === null || typeof value !== 'object') return JSON.stringify(value) ?? 'null';
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`;
  const entries = Object.entries(value)
    .filter(([, v]) => v !== undefined)
    .sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${entries.map(([k, v]) => `${JSON.stringify(k)}:${canonicalJson(v)}`).join(',')}}`;
}

/**
 * Only a number this long, or one with an exponent, can exceed what a double holds.
 */
const mayLose = /\d[\d.]{15}|\d[eE][+-]?\d/;
/** An integer with more digits than this is not expanded: it stays as it was written. */
const mostDigits = 400;

/**
 * The one parser for JSON from outside: programs, services, databases. A number that a double
 * cannot hold becomes text: an integer beyond ±(2^53-1) its digits, any other as it was written.
 * A byte order mark is skipped.
 * @throws SyntaxError when the text is no JSON
 */
export function parseJson(text: string): Json {
  const whole = text.startsWith('\uFEFF') ? text.slice(1) : text;
  // Much faster, and exact except for such numbers.
  const plain = JSON.parse(whole) as Json;
  if (!mayLose.test(whole)) return plain;
  return parse(whole, undefined, {
    parseNumber: numberOrText,
    // The last one counts, as in JSON.parse.
    onDuplicateKey: ({ newValue }) => newValue,
  }) as Json;
}

/** NUL and halves of surrogate pairs: JSON can carry them, PostgreSQL cannot. */
const unkeepable = /[\0\p{Surrogate}]/u;

/** Whether the record can keep each text in the value, names of fields too. */
export function canBeKept(value: Json): boolean {
  if (typeof value === 'string') return !unkeepable.test(value);
  if (value === null || typeof value !== 'object') return true;
  return Object.entries(value).every(([key, each]) => canBeKept(key) && canBeKept(each));
}

/** Whether a double is exactly the number of this text. */
export function isExact(text: string): boolean {
  return isSafeNumber(text);
}

/** The number, or its text where a double would differ from it. */
function numberOrText(text: string): number | string {
  const number = Number(text);
  if (Number.isInteger(number) && !Number.isSafeInteger(number)) return digitsOf(text);
  return isSafeNumber(text) ? number : text;
}

/**
 * `1e20` as `100000000000000000000`: the same integer has one text, however its source prints it.
 */
function digitsOf(text: string): string {
  const [, sign = '', whole = '', fraction = '', exponent = '0'] =
    /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/.exec(text) ?? [];
  const shift = Number(exponent);
  const behind = fraction.replace(/0+$/, '');
  if (behind.length > shift && behind !== '') return text;
  if (whole.length + shift > mostDigits || shift < 0) return text;
  const digits = `${whole}${behind}${'0'.repeat(shift - behind.length)}`.replace(/^0+(?=\d)/, '');
  return `${sign}${digits}`;
}

/**
 * For JSON that is changed and written back: `toText` prints each number exactly as it was read.
 */
export const sameJson = {
  /** @throws SyntaxError */
  read: (text: string): unknown =>
    parse(text, undefined, {
      parseNumber: (digits) => (isSafeNumber(digits) ? Number(digits) : new LosslessNumber(digits)),
      onDuplicateKey: ({ newValue }) => newValue,
    }),
  toText: (value: unknown): string => stringify(value) ?? 'null',
};
