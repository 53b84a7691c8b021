import { durationText, timestampText } from './times.js';
import { Duration, kindNames, kindOf, Timestamp, type Value, Wrong } from './values.js';

/**
 * How a value becomes text, wherever it does: in `${}` between text, in `string()`, in `join()`.
 * Only scalars do. A number is written as JSON has it (5, not 5.0), an integer with all its digits.
 */
export function textOf(value: Value): string | Wrong {
  switch (typeof value) {
    case 'string':
      return value;
    case 'boolean':
    case 'bigint':
      return String(value);
    case 'number':
      return JSON.stringify(value);
    default:
      if (value instanceof Duration) return durationText(value);
      if (value instanceof Timestamp) return timestampText(value);
      return new Wrong(`${kindNames[kindOf(value)]} is no text`);
  }
}
