import { compare } from './compare.js';
import { keyOf } from './key-of.js';
import { notWholeIn } from './not-whole.js';
import { calculate } from './operators.js';
import { type Context, type ExpressionFunction, overload } from './overload.js';
import { textOf } from './text-form.js';
import { isList, itemOf, type Type } from './types.js';
import { Duration, isNumeric, kindNames, kindOf, type Value, Wrong } from './values.js';

const same = ([list]: readonly Type[]): Type => list ?? { list: 'dyn' };

/** Functions of lists. */
export const listFunctions = {
  join: method(
    overload(['list', 'text'], 'text', ([list, separator], { meter }) => {
      const texts: string[] = [];
      for (const item of list) {
        const text = textOf(item);
        if (text instanceof Wrong) return text;
        meter.pay(1);
        meter.payText(text.length + separator.length);
        texts.push(text);
      }
      return texts.join(separator);
    }),
  ),
  take: method(
    overload(['list', 'integer'], same, ([list, count], { meter }) => part(list, 0n, count, meter)),
    overload(
      ['text', 'integer'],
      'text',
      ([text, count]) => positive(count) ?? firstCharacters(text, count),
    ),
  ),
  drop: method(
    overload(['list', 'integer'], same, ([list, count], { meter }) =>
      part(list, count, BigInt(list.length), meter),
    ),
    overload(
      ['text', 'integer'],
      'text',
      ([text, count]) => positive(count) ?? text.slice(firstCharacters(text, count).length),
    ),
  ),
  last: method(
    overload(
      ['list'],
      ([list]) => itemOf(list),
      ([list]) => list.at(-1) ?? new Wrong('the list is empty'),
    ),
  ),
  flatten: method(
    overload(
      ['list'],
      ([list]) => {
        const item = itemOf(list);
        return isList(item) ? item : { list: item };
      },
      ([list], { meter }) =>
        list.flatMap((item) => {
          const items = Array.isArray(item) ? (item as readonly Value[]) : [item];
          meter.pay(1 + items.length);
          return items;
        }),
    ),
  ),
  distinct: method(
    overload(['list'], same, ([list], { meter }) => {
      const seen = new Set<string>();
      const changed = notWholeIn(list, meter);
      if (changed) return changed;
      return list.filter((item) => {
        const key = keyOf(item, meter);
        if (seen.has(key)) return false;
        seen.add(key);
        return true;
      });
    }),
  ),
  sum: method(
    overload([{ list: 'number' }], numberOf, ([list], context) => sum(list, context)),
    overload([{ list: 'duration' }], 'duration', ([list], context) => sum(list, context)),
  ),
  sort: method(overload(['list'], same, ([list], context) => sorted(list, context))),
  reverse: method(
    overload(['list'], same, ([list], { meter }) => {
      meter.pay(list.length);
      return [...list].reverse();
    }),
  ),
  range: {
    form: 'function',
    overloads: [
      overload(['integer'], { list: 'integer' }, ([end], context) => range(0n, end, context)),
      overload(['integer', 'integer'], { list: 'integer' }, ([begin, end], context) =>
        range(begin, end, context),
      ),
    ],
  },
  chunks: {
    form: 'function',
    overloads: [
      overload(
        ['list', 'integer'],
        ([list]) => ({ list: list ?? 'dyn' }),
        ([list, size], { meter }) => {
          if (size < 1n) return new Wrong('a chunk has at least one item');
          meter.pay(2 * list.length);
          const step = Number(size);
          return Array.from({ length: Math.ceil(list.length / step) }, (_unused, at) =>
            list.slice(at * step, (at + 1) * step),
          );
        },
      ),
    ],
  },
} as const satisfies Record<string, ExpressionFunction>;

function method(...overloads: ExpressionFunction['overloads']): ExpressionFunction {
  return { form: 'method', overloads };
}

/** Integers stay integers; anything else among them makes numbers. */
export function numberOf(args: readonly Type[]): Type {
  const items = args.map((arg) => (isList(arg) ? arg.list : arg));
  const [first = 'dyn'] = items;
  if (items.includes('dyn')) return 'dyn';
  if (items.every((item) => item === first)) return first;
  return 'number';
}

function positive(count: bigint): Wrong | undefined {
  return count < 0n ? new Wrong(`${count} is negative`) : undefined;
}

function part(
  list: readonly Value[],
  begin: bigint,
  end: bigint,
  meter: Context['meter'],
): Value | Wrong {
  const wrong = positive(begin) ?? positive(end);
  if (wrong) return wrong;
  const items = list.slice(Number(begin), Number(end));
  meter.pay(items.length);
  return items;
}

/** Characters, not their halves. */
function firstCharacters(text: string, count: bigint): string {
  if (count >= BigInt(text.length)) return text;
  let at = 0;
  for (let left = count; left > 0n && at < text.length; left -= 1n)
    at += (text.codePointAt(at) ?? 0) > 0xffff ? 2 : 1;
  return text.slice(0, at);
}

function sum(list: readonly Value[], { meter }: Context): Value | Wrong {
  meter.pay(list.length);
  if (list.length > 0 && list.every((item) => item instanceof Duration))
    return new Duration(list.reduce((total, { micros }) => total + micros, 0n));
  let total: Value | Wrong = 0n;
  for (const item of list) {
    if (!isNumeric(item)) return new Wrong(`${kindNames[kindOf(item)]} cannot be added up`);
    total = calculate('+', total as number | bigint, item);
    if (total instanceof Wrong) return total;
  }
  return total;
}

function sorted(list: readonly Value[], { meter }: Context): Value | Wrong {
  let wrong: Wrong | undefined;
  const result = [...list].sort((a, b) => {
    meter.pay(1);
    const order = compare(a, b, meter);
    if (!(order instanceof Wrong)) return order;
    wrong ??= order;
    return 0;
  });
  return wrong ?? result;
}

function range(begin: bigint, end: bigint, { meter }: Context): Value {
  const length = end > begin ? end - begin : 0n;
  meter.pay(Number(length));
  return Array.from({ length: Number(length) }, (_unused, at) => begin + BigInt(at));
}
