import type { Json } from '../json.js';
import { limits } from './limits.js';
import { notWhole } from './not-whole.js';
import { durationText, timestampText } from './times.js';
import { Duration, Timestamp, type Value, type ValueMap, Wrong } from './values.js';

/**
 * A value as JSON, at the border of an evaluation: an integer that a double holds becomes a number,
 * any other its digits; durations and timestamps become text.
 * @returns why it cannot leave: it is too large, or was changed for people
 */
export function leave(value: Value): Json | Wrong {
  let bytes = 0;
  const add = (more: number): boolean => (bytes += more) <= limits.resultBytes;
  const tooLarge = new Wrong(`the result is larger than ${limits.resultBytes / 1024} KB`);
  const plain = (one: Value): Json | Wrong => {
    switch (typeof one) {
      case 'string':
        return add(utf8Length(one) + 2) ? one : tooLarge;
      case 'bigint': {
        const exact = Number(one);
        return add(20) ? (Number.isSafeInteger(exact) ? exact : String(one)) : tooLarge;
      }
      case 'number':
        // Minus zero is zero.
        return add(4) ? one + 0 : tooLarge;
      case 'boolean':
        return add(4) ? one : tooLarge;
      default:
        break;
    }
    if (one === null) return add(4) ? one : tooLarge;
    if (one instanceof Duration) return plain(durationText(one));
    if (one instanceof Timestamp) return plain(timestampText(one));
    if (Array.isArray(one)) {
      const items: Json[] = [];
      for (const item of one as readonly Value[]) {
        const left = add(1) ? plain(item) : tooLarge;
        if (left instanceof Wrong) return left;
        items.push(left);
      }
      return add(2) ? items : tooLarge;
    }
    const changed = notWhole(one as ValueMap);
    if (changed) return changed;
    const entries: [string, Json][] = [];
    for (const [key, item] of Object.entries(one)) {
      const left = add(utf8Length(key) + 4) ? plain(item) : tooLarge;
      if (left instanceof Wrong) return left;
      entries.push([key, left]);
    }
    return add(2) ? Object.fromEntries(entries) : tooLarge;
  };
  return plain(value);
}

/** Bytes of a text; a rough count is enough where it is too long anyway. */
function utf8Length(text: string): number {
  if (text.length > limits.resultBytes) return text.length;
  let bytes = 0;
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    // The two halves of a pair are four bytes together.
    bytes += code < 0x80 ? 1 : code < 0x800 || (code >= 0xd800 && code < 0xe000) ? 2 : 3;
  }
  return bytes;
}
