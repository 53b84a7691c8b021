import { createHash } from 'node:crypto';
import { beginningOf } from '../common/visible.js';
import type { Json, JsonObject } from '../language/json.js';

/** Limit of a step's output in history, in bytes of JSON. */
const historyLimitBytes = 64 * 1024;

export interface Capped {
  value: Json;
  truncated: boolean;
  /** Of the whole, before it was capped. */
  bytes: number;
  sha256: string;
}

/** More names than this are not listed: then only numbers of the output count as whole. */
const mostNames = 50;

/**
 * Bounds an output for history: long texts keep their head and tail, long lists their first
 * entries, until the whole fits. Deterministic, and always valid JSON. The rest is for people:
 * `cut` names the fields that code must not read.
 */
export function capForHistory(value: Json, limitBytes = historyLimitBytes): Capped {
  const text = JSON.stringify(value);
  const bytes = Buffer.byteLength(text);
  const sha256 = createHash('sha256').update(text).digest('hex');
  if (bytes <= limitBytes) return { value, truncated: false, bytes, sha256 };
  const fields: JsonObject =
    value !== null && typeof value === 'object' && !Array.isArray(value) ? value : { value };
  for (let room = Math.floor(limitBytes / 4); room >= 64; room = Math.floor(room / 2)) {
    const bounded = bound(fields, room, Math.max(2, Math.floor(room / 128)), 0) as JsonObject;
    const marked = { ...bounded, ...mark(fields, bounded), fullBytes: bytes, fullSha256: sha256 };
    if (Buffer.byteLength(JSON.stringify(marked)) <= limitBytes)
      return { value: marked, truncated: true, bytes, sha256 };
  }
  return {
    value: { truncated: true, fullBytes: bytes, fullSha256: sha256 },
    truncated: true,
    bytes,
    sha256,
  };
}

/** The fields that are not whole, including those that the output had already shortened. */
function mark(fields: JsonObject, bounded: JsonObject): JsonObject {
  const before = Array.isArray(fields['cut']) ? (fields['cut'] as string[]) : [];
  const cut = Object.keys(fields).filter(
    (name) =>
      before.includes(name) || JSON.stringify(fields[name]) !== JSON.stringify(bounded[name]),
  );
  const missing = before.filter((name) => !cut.includes(name));
  const all = [...cut, ...missing].filter((name) => name !== 'truncated' && name !== 'cut');
  const areShort = all.length <= mostNames && all.every((name) => name.length <= 200);
  return areShort ? { truncated: true, cut: all } : { truncated: true, cut: null };
}

const deepest = 8;

function bound(value: Json, characters: number, entries: number, depth: number): Json {
  if (typeof value === 'string') return headAndTail(value, characters);
  if (value === null || typeof value !== 'object') return value;
  if (depth >= deepest) return '…';
  if (Array.isArray(value))
    return value.slice(0, entries).map((each) => bound(each, characters, entries, depth + 1));
  return Object.fromEntries(
    Object.entries(value)
      .slice(0, entries)
      .map(([key, each]) => [key, bound(each, characters, entries, depth + 1)]),
  );
}

/** Beginning and end of a long text, never half of a surrogate pair. */
export function headAndTail(text: string, characters: number): string {
  if (text.length <= characters) return text;
  const half = Math.floor(characters / 2);
  const head = beginningOf(text, half);
  const tail = text.slice(-half).replace(/^[\udc00-\udfff]/, '');
  return `${head}\n… ${text.length - head.length - tail.length} characters left out …\n${tail}`;
}
