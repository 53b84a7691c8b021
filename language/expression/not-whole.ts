import { cutIn, isBlanked } from '../cut.js';
import type { Meter } from './meter.js';
import { isMap, type Value, type ValueMap, Wrong } from './values.js';

/*
 * What was changed for people is no value: it is not handed on, not compared, and not counted.
 */

/** What has happened to a value, behind its name. */
const changedWords = {
  cut: 'was changed for people, and is not whole',
  blanked: 'held a secret, which was taken out',
} as const;
type Change = keyof typeof changedWords;

/** What has happened to a field of a map that is not whole, and the words for it. */
export function changeOf(map: ValueMap, field: string): { kind: Change; words: string } {
  const kind = isBlanked(map, field) ? 'blanked' : 'cut';
  // A query says how many rows it had.
  const rows = map[`${field}Truncated`];
  const kept = map[field];
  if (kind === 'blanked' || typeof rows !== 'number' || !Array.isArray(kept))
    return { kind, words: changedWords[kind] };
  return { kind, words: `has ${rows} rows, and at most ${kept.length} are handed on` };
}

/** Why a map is no value as a whole; undefined when it is one. */
export function notWhole(map: ValueMap): Wrong | undefined {
  const cut = cutIn(map);
  if (cut === null) return undefined;
  const change = cut !== 'unnamed' && cut.some((name) => isBlanked(map, name)) ? 'blanked' : 'cut';
  return new Wrong(`the value ${changedWords[change]}`, change);
}

/** The same of everything in a value. */
export function notWholeIn(value: Value, meter: Meter): Wrong | undefined {
  meter.pay(1);
  const changed = isMap(value) ? notWhole(value) : undefined;
  if (changed) return changed;
  for (const each of partsOf(value)) {
    const found = notWholeIn(each, meter);
    if (found) return found;
  }
  return undefined;
}

function partsOf(value: Value): readonly Value[] {
  if (Array.isArray(value)) return value as readonly Value[];
  return isMap(value) ? Object.values(value) : [];
}
