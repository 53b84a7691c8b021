import { createHash } from 'node:crypto';
import type { Json } from '../language/json.js';

/** What of a step's output may go into history, in bytes of JSON. */
export const historyLimitBytes = 64 * 1024;

export interface Capped {
  value: Json;
  truncated: boolean;
  /** Of the whole, before it was capped. */
  bytes: number;
  sha256: string;
}

/**
 * Bounds an output for history: long texts keep their head and tail, long lists their first entries, until the whole
 * fits. Deterministic, and always valid JSON.
 */
export function capForHistory(value: Json, limitBytes = historyLimitBytes): Capped {
  const text = JSON.stringify(value);
  const bytes = Buffer.byteLength(text);
  const sha256 = createHash('sha256').update(text).digest('hex');
  if (bytes <= limitBytes) return { value, truncated: false, bytes, sha256 };
  for (let room = Math.floor(limitBytes / 4); room >= 64; room = Math.floor(room / 2)) {
    const bounded = bound(value, room, Math.max(2, Math.floor(room / 128)), 0);
    const marked: Json =
      bounded !== null && typeof bounded === 'object' && !Array.isArray(bounded)
        ? { ...bounded, truncated: true, fullBytes: bytes, fullSha256: sha256 }
        : { value: bounded, truncated: true, fullBytes: bytes, fullSha256: sha256 };
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
  const head = text.slice(0, half).replace(/[\ud800-\udbff]$/, '');
  const tail = text.slice(-half).replace(/^[\udc00-\udfff]/, '');
  return `${head}\n… ${text.length - head.length - tail.length} characters left out …\n${tail}`;
}
