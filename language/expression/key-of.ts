import type { Meter } from './meter.js';
import { durationText, timestampText } from './times.js';
import { Duration, isMap, Timestamp, type Value } from './values.js';

/** A text that only equal values share. */
export function keyOf(value: Value, meter: Meter): string {
  meter.pay(1);
  if (typeof value === 'string') {
    meter.payText(value.length);
    return JSON.stringify(value);
  }
  // 1 and 1.0 are equal.
  if (typeof value === 'bigint') return String(value);
  if (typeof value === 'number')
    return Number.isInteger(value) ? String(BigInt(value)) : String(value);
  if (value instanceof Duration) return `d${durationText(value)}/${value.micros}`;
  if (value instanceof Timestamp) return `t${timestampText(value)}`;
  if (Array.isArray(value))
    return `[${(value as readonly Value[]).map((item) => keyOf(item, meter)).join()}]`;
  if (value === null || typeof value === 'boolean') return String(value);
  if (!isMap(value)) return '';
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${entries.map(([key, item]) => `${JSON.stringify(key)}:${keyOf(item, meter)}`).join()}}`;
}
