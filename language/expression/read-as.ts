import type { ReadAs } from './ast.js';
import type { Meter } from './meter.js';
import { readDuration, readTimestamp } from './times.js';
import {
  asInteger,
  Duration,
  integer,
  isMap,
  kindNames,
  kindOf,
  Timestamp,
  type Value,
  type ValueMap,
  Wrong,
} from './values.js';

/** The facts of a target, by its name; undefined when there is none of that name. */
export type TargetFacts = (name: string) => ValueMap | undefined;

/** The JSON of a declared value as the value that it stands for. */
export function readAs(as: ReadAs, value: Value, meter: Meter, facts: TargetFacts): Value | Wrong {
  if (typeof as === 'object') {
    if (!Array.isArray(value)) return notA('list', value);
    meter.pay(value.length);
    const items: Value[] = [];
    for (const item of value as readonly Value[]) {
      const read = item === null ? null : readAs(as.list, item, meter, facts);
      if (read instanceof Wrong) return read;
      items.push(read);
    }
    return items;
  }
  switch (as) {
    case 'target':
      if (typeof value !== 'string') return isMap(value) ? value : notA('map', value);
      return facts(value) ?? new Wrong(`nothing is known of target ${JSON.stringify(value)}`);
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

function notA(kind: 'list' | 'map' | 'integer' | 'duration' | 'timestamp', value: Value): Wrong {
  return new Wrong(`it is ${kindNames[kindOf(value)]}, not ${kindNames[kind]}`);
}
