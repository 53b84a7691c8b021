import type { Meter } from './meter.js';
import { notWhole } from './not-whole.js';
import {
  Duration,
  isNumeric,
  kindNames,
  kindOf,
  Timestamp,
  type Value,
  type ValueMap,
  Wrong,
} from './values.js';

/**
 * Whether two values are the same. Integers and numbers compare by their value, and null differs
 * from everything else. Values of other kinds cannot be compared: that a text is not a number says
 * nothing about what it means.
 */
export function equal(a: Value, b: Value, meter: Meter): boolean | Wrong {
  meter.pay(1);
  if (a === null || b === null) return a === b;
  if (typeof a === 'string' && typeof b === 'string') {
    if (a.length !== b.length) return false;
    meter.payText(a.length);
    return a === b;
  }
  const order = isNumeric(a) || isTime(a) ? ordered(a, b) : undefined;
  if (order !== undefined) return order === 0;
  if (Array.isArray(a) && Array.isArray(b)) {
    if (a.length !== b.length) return false;
    return every(a.keys(), (at) => equal(a[at] as Value, b[at] as Value, meter));
  }
  const kind = kindOf(a);
  if (kind !== kindOf(b)) return incomparable(a, b);
  if (kind === 'map') return sameMaps(a as ValueMap, b as ValueMap, meter);
  return a === b;
}

function sameMaps(a: ValueMap, b: ValueMap, meter: Meter): boolean | Wrong {
  const changed = notWhole(a) ?? notWhole(b);
  if (changed) return changed;
  const keys = Object.keys(a);
  meter.pay(keys.length);
  if (keys.length !== Object.keys(b).length) return false;
  if (!keys.every((key) => Object.hasOwn(b, key))) return false;
  return every(keys, (key) => equal(a[key] as Value, b[key] as Value, meter));
}

/** One difference decides, whatever cannot be compared. */
function every<T>(items: Iterable<T>, same: (item: T) => boolean | Wrong): boolean | Wrong {
  let wrong: Wrong | undefined;
  for (const item of items) {
    const one = same(item);
    if (one === false) return false;
    if (one instanceof Wrong) wrong ??= one;
  }
  return wrong ?? true;
}

/** Less than, equal to or greater than zero, or why there is no order. */
export function compare(a: Value, b: Value, meter: Meter): number | Wrong {
  if (typeof a === 'string' && typeof b === 'string') {
    meter.payText(Math.min(a.length, b.length));
    return a < b ? -1 : a > b ? 1 : 0;
  }
  return ordered(a, b) ?? incomparable(a, b);
}

/** Integers and numbers compare exactly, without being converted. */
function ordered(a: Value, b: Value): number | undefined {
  if (isNumeric(a) && isNumeric(b)) return a < b ? -1 : a > b ? 1 : 0;
  if (isTime(a) && isTime(b) && kindOf(a) === kindOf(b))
    return a.micros < b.micros ? -1 : a.micros > b.micros ? 1 : 0;
  return undefined;
}

function isTime(value: Value): value is Duration | Timestamp {
  return value instanceof Duration || value instanceof Timestamp;
}

function incomparable(a: Value, b: Value): Wrong {
  return new Wrong(`cannot compare ${kindNames[kindOf(a)]} with ${kindNames[kindOf(b)]}`);
}
