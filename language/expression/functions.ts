import { canonicalJson } from '../json.js';
import { leave } from './leave.js';
import { listFunctions } from './list-functions.js';
import { notWhole } from './not-whole.js';
import { numberFunctions } from './number-functions.js';
import { type ExpressionFunction, overload } from './overload.js';
import { textFunctions } from './text-functions.js';
import { textOf } from './text-form.js';
import { timeFunctions } from './time-functions.js';
import { microsASecond, readDuration, readTimestamp } from './times.js';
import { integer, number, Wrong } from './values.js';

/** What makes one kind of value of another. */
const conversions = {
  size: {
    form: 'either',
    overloads: [
      overload(['text'], 'integer', ([text]) => BigInt(characters(text))),
      overload(['list'], 'integer', ([list]) => BigInt(list.length)),
      overload(['map'], 'integer', ([map], { meter }) => {
        const changed = notWhole(map);
        if (changed) return changed;
        const { length } = Object.keys(map);
        meter.pay(length);
        return BigInt(length);
      }),
    ],
  },
  int: {
    form: 'function',
    overloads: [
      overload(['number'], 'integer', ([value]) =>
        typeof value === 'bigint' ? value : integer(BigInt(Math.trunc(value))),
      ),
      overload(['text'], 'integer', ([text]) =>
        /^-?\d{1,20}$/.test(text) ? integer(BigInt(text)) : no(text, 'integer', 'an'),
      ),
      overload(['timestamp'], 'integer', ([{ micros }]) => micros / microsASecond),
    ],
  },
  double: {
    form: 'function',
    overloads: [
      overload(['number'], 'number', ([value]) => Number(value)),
      overload(['text'], 'number', ([text]) =>
        text.length <= 400 && /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text)
          ? number(Number(text))
          : no(text, 'number'),
      ),
    ],
  },
  string: {
    form: 'function',
    overloads: [overload(['any'], 'text', ([value]) => textOf(value))],
  },
  bool: {
    form: 'function',
    overloads: [
      overload(['boolean'], 'boolean', ([value]) => value),
      overload(['text'], 'boolean', ([text]) =>
        text === 'true' || text === 'false' ? text === 'true' : no(text, 'boolean'),
      ),
    ],
  },
  duration: {
    form: 'function',
    overloads: [
      overload(['text'], 'duration', ([text]) => readDuration(text)),
      overload(['duration'], 'duration', ([value]) => value),
    ],
  },
  timestamp: {
    form: 'function',
    overloads: [
      overload(['text'], 'timestamp', ([text]) => readTimestamp(text)),
      overload(['timestamp'], 'timestamp', ([value]) => value),
    ],
  },
  toJson: {
    form: 'function',
    overloads: [
      overload(['any'], 'text', ([value], { meter }) => {
        const left = leave(value);
        if (left instanceof Wrong) return left;
        const text = canonicalJson(left);
        meter.payText(16 * text.length);
        return text;
      }),
    ],
  },
} as const satisfies Record<string, ExpressionFunction>;

/** Characters, not their halves. */
function characters(text: string): number {
  let count = 0;
  for (let at = 0; at < text.length; count += 1) at += (text.codePointAt(at) ?? 0) > 0xffff ? 2 : 1;
  return count;
}

function no(text: string, what: string, article = 'a'): Wrong {
  return new Wrong(`${JSON.stringify(text.slice(0, 40))} is not ${article} ${what}`);
}

/** Every function of the language. What is not here does not exist. */
export const functions: ReadonlyMap<string, ExpressionFunction> = new Map(
  Object.entries({
    ...conversions,
    ...textFunctions,
    ...listFunctions,
    ...numberFunctions,
    ...timeFunctions,
  }),
);
