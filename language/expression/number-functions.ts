import { compare } from './compare.js';
import { numberOf } from './list-functions.js';
import { calculate } from './operators.js';
import { type Context, type ExpressionFunction, overload, repeated } from './overload.js';
import type { Type } from './types.js';
import { Duration, integer, number, type Value, Wrong } from './values.js';

/** Functions of numbers. */
export const numberFunctions = {
  min: extreme((order) => order < 0),
  max: extreme((order) => order > 0),
  ceil: rounded(Math.ceil),
  floor: rounded(Math.floor),
  /** How much of the whole a part is: `percent(1, 4)` is 25. */
  percent: {
    form: 'function',
    overloads: [
      overload(['number', 'number'], 'number', ([part, whole]) =>
        Number(whole) === 0
          ? new Wrong('the whole is 0')
          : number((100 * Number(part)) / Number(whole)),
      ),
    ],
  },
  /** A part of a duration or a number: `fraction(duration("1h"), 0.75)` is 45 minutes. */
  fraction: {
    form: 'function',
    overloads: [
      overload(['duration', 'number'], 'duration', ([whole, share]) => {
        const micros = number(Math.trunc(Number(whole.micros) * Number(share)));
        return micros instanceof Wrong ? micros : new Duration(BigInt(micros));
      }),
      overload(['number', 'number'], 'number', ([whole, share]) =>
        calculate('*', Number(whole), Number(share)),
      ),
    ],
  },
} as const satisfies Record<string, ExpressionFunction>;

function extreme(isBetter: (order: number) => boolean): ExpressionFunction {
  const best = (items: readonly Value[], { meter }: Context): Value | Wrong => {
    let [found] = items;
    if (found === undefined) return new Wrong('the list is empty');
    for (const item of items) {
      meter.pay(1);
      const order = compare(item, found, meter);
      if (order instanceof Wrong) return order;
      if (isBetter(order)) found = item;
    }
    return found;
  };
  const scalars = ['number', 'duration', 'timestamp', 'text'] as const;
  return {
    form: 'function',
    overloads: [
      overload(['list'], numberOf, ([list], context) => best(list, context)),
      ...scalars.map((kind) => repeated<typeof kind>(kind, resultOf, best)),
    ],
  };
}

function resultOf(args: readonly Type[]): Type {
  return numberOf(args);
}

function rounded(round: (value: number) => number): ExpressionFunction {
  return {
    form: 'function',
    overloads: [
      overload(['number'], 'integer', ([value]) =>
        typeof value === 'bigint' ? value : integer(BigInt(round(value))),
      ),
    ],
  };
}
