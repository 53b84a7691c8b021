import type { ReadAs } from './ast.js';
import type { Meter } from './meter.js';
import { readDuration, readTimestamp } from './times.js';
import {
  asInteger,
  Duration,
  integer,
  kindNames,
  kindOf,
  Timestamp,
  type Value,
  Wrong,
} from './values.js';

/** The JSON of a declared value as the value that it stands for. */
export function readAs(as: ReadAs, value: Value, meter: Meter): Value | Wrong {
  if (typeof as === 'object') {
    if (!Array.isArray(value)) return notA('list', value);
    meter.pay(value.length);
    const items: Value[] = [];
    for (const item of value as readonly Value[]) {
      const read = item === null ? null : readAs(as.list, item, meter);
      if (read instanceof Wrong) return read;
      items.push(read);
    }
    return items;
  }
  switch (as) {
    case 'integer': {
      // Digits that a double cannot hold come as text.
      if (typeof value === 'string' && /^-?\d{1,20}$/.test(value)) return integer(BigInt(value));
      return asInteger(value) ?? notA('integer', value);
    }
    case 'duration':
      if (value instanceof Duration) return value;
      return typeof value === 'string' ? readDuration(value) : notA('duration', value);
    case 'timestamp':
      if (value instanceof Timestamp) return value;
      return typeof value === 'string' ? readTimestamp(value) : notA('timestamp', value);
  }
}

function notA(kind: 'list' | 'integer' | 'duration' | 'timestamp', value: Value): Wrong {
  return new Wrong(`it is ${kindNames[kindOf(value)]}, not ${kindNames[kind]}`);
}
