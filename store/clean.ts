import type { Json } from '../language/json.js';

/** NUL and halves of surrogate pairs: JSON can carry them, PostgreSQL's text and json cannot. */
const unstorable = /[\0\p{Surrogate}]/gu;
const suspicious = /\\u(0000|d[89a-f])/i;

/** Text that PostgreSQL can store; other characters become U+FFFD. */
export function cleanText(text: string): string {
  return text.replace(unstorable, '\uFFFD');
}

/** JSON text that PostgreSQL can store; null for null, so that the column is NULL. */
export function jsonText(value: unknown): string | null {
  if (value === null || value === undefined) return null;
  const text = JSON.stringify(value);
  return suspicious.test(text) ? JSON.stringify(cleanValue(JSON.parse(text))) : text;
}

/** The value as the record returns it. */
export function storable(value: Json): Json {
  return JSON.parse(jsonText(value) ?? 'null') as Json;
}

function cleanValue(value: unknown): unknown {
  if (typeof value === 'string') return cleanText(value);
  if (Array.isArray(value)) return value.map(cleanValue);
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [cleanText(key), cleanValue(inner)]),
  );
}

/** The first `bytes` bytes of a text, cut between characters. */
export function firstBytes(text: string, bytes: number): string {
  const encoded = Buffer.from(text, 'utf8');
  if (encoded.length <= bytes) return text;
  // A cut character decodes to U+FFFD at the end.
  return encoded
    .subarray(0, bytes)
    .toString('utf8')
    .replace(/\uFFFD+$/, '');
}
