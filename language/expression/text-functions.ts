import { bytesToHex, utf8ToBytes } from '@noble/hashes/utils.js';
import { sha256 } from '@noble/hashes/sha2.js';
import type { Meter } from './meter.js';
import { type ExpressionFunction, overload } from './overload.js';
import { firstMatch, isMatch } from './pattern.js';
import { type Value, Wrong } from './values.js';

/** Functions of text. */
export const textFunctions = {
  contains: method(overload(['text', 'text'], 'boolean', ([text, part]) => text.includes(part))),
  startsWith: method(
    overload(['text', 'text'], 'boolean', ([text, part]) => text.startsWith(part)),
  ),
  endsWith: method(overload(['text', 'text'], 'boolean', ([text, part]) => text.endsWith(part))),
  matches: method(
    overload(['text', 'text'], 'boolean', ([text, pattern], { meter }) =>
      isMatch(pattern, text, meter),
    ),
  ),
  find: method(
    overload(['text', 'text'], 'text', ([text, pattern], { meter }) =>
      group(text, pattern, 0n, meter),
    ),
    overload(['text', 'text', 'integer'], 'text', ([text, pattern, which], { meter }) =>
      group(text, pattern, which, meter),
    ),
  ),
  lines: method(
    overload(['text'], { list: 'text' }, ([text], { meter }) => {
      const lines = parts(text, '\n', meter);
      if (lines.at(-1) === '') lines.pop();
      return lines.map((line) => (line.endsWith('\r') ? line.slice(0, -1) : line));
    }),
  ),
  fields: method(
    overload(['text'], { list: 'text' }, ([text], { meter }) => {
      const fields: string[] = [];
      for (const [field] of text.matchAll(/\S+/g)) {
        meter.pay(partCost);
        fields.push(field);
      }
      return fields;
    }),
  ),
  trim: method(overload(['text'], 'text', ([text]) => text.trim())),
  lower: method(overload(['text'], 'text', ([text]) => text.toLowerCase())),
  split: method(
    overload(['text', 'text'], { list: 'text' }, ([text, separator], { meter }) => {
      if (separator === '') return new Wrong('nothing separates the parts');
      return parts(text, separator, meter);
    }),
  ),
  replace: method(
    overload(['text', 'text', 'text'], 'text', ([text, part, by], { meter }) => {
      if (part === '') return new Wrong('there is nothing to replace');
      const between = parts(text, part, meter);
      meter.payText((between.length - 1) * by.length);
      return between.join(by);
    }),
  ),
  bytes: {
    form: 'function',
    overloads: [overload(['text'], 'integer', ([text]) => bytes(text))],
  },
  sha256: {
    form: 'function',
    overloads: [
      overload(['text'], 'text', ([text], { meter }) => {
        // Hashing takes longer than reading, and a character may be three bytes.
        meter.payText(8 * text.length);
        return bytesToHex(sha256(utf8ToBytes(text)));
      }),
    ],
  },
} as const satisfies Record<string, ExpressionFunction>;

function method(...overloads: ExpressionFunction['overloads']): ExpressionFunction {
  return { form: 'method', overloads };
}

/** What cutting one part out of a text costs beside its characters, which are paid for. */
const partCost = 0.25;

function parts(text: string, separator: string, meter: Meter): string[] {
  const found: string[] = [];
  for (let from = 0; ;) {
    meter.pay(partCost);
    const end = text.indexOf(separator, from);
    if (end < 0) {
      found.push(text.slice(from));
      return found;
    }
    found.push(text.slice(from, end));
    from = end + separator.length;
  }
}

function group(text: string, pattern: string, which: bigint, meter: Meter): Value | Wrong {
  const groups = firstMatch(pattern, text, meter);
  if (groups instanceof Wrong) return groups;
  if (!groups) return new Wrong('nothing matches');
  if (which < 0n || which >= BigInt(groups.length))
    return new Wrong(`the pattern has no group ${which}`);
  return groups[Number(which)] ?? new Wrong(`group ${which} is in no part of what matches`);
}

const powers = ['', 'k', 'm', 'g', 't', 'p'];

/** `2Gi`, `512MB`, `1.5 GB`: K to P are powers of 1000, Ki to Pi of 1024. */
function bytes(text: string): bigint | Wrong {
  const [, digits = '', unit = '', binary] =
    /^(\d{1,12}(?:\.\d{1,6})?) ?([kmgtp]?)(i?)b?$/i.exec(text) ?? [];
  const power = powers.indexOf(unit.toLowerCase());
  if (digits === '' || (binary !== '' && unit === ''))
    return new Wrong(`${JSON.stringify(text.slice(0, 40))} is no size, such as 512MB or 2Gi`);
  return BigInt(Math.floor(Number(digits) * (binary === '' ? 1_000 : 1_024) ** power));
}
