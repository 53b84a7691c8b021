import type { Meter } from './meter.js';
import type { Scalar, Type } from './types.js';
import {
  asInteger,
  type Duration,
  isNumeric,
  type Kind,
  kindNames,
  kindOf,
  type Timestamp,
  type Value,
  type ValueMap,
  Wrong,
} from './values.js';

/**
 * What a function takes: a kind of value; `number` takes integers too, and `integer` a number
 * without a fraction. What a list contains is for the checker; the function looks for itself.
 */
export type Param = Kind | 'any' | { list: Scalar };

/** What functions get beside their arguments. */
export interface Context {
  meter: Meter;
  /** The scope's `now`. */
  now: Value | undefined;
}

export interface Overload {
  /** The value before the dot is the first. */
  takes: readonly Param[];
  /** The last parameter may be given again and again. */
  repeats: boolean;
  gives: Type | ((args: readonly Type[]) => Type);
  run: (args: readonly Value[], context: Context) => Value | Wrong;
}

export interface ExpressionFunction {
  /** `text.lower()`, `max(1, 2)`, or both as `size`. */
  form: 'method' | 'function' | 'either';
  overloads: readonly Overload[];
}

type Argument<P> = P extends 'any'
  ? Value
  : P extends 'text'
    ? string
    : P extends 'boolean'
      ? boolean
      : P extends 'integer'
        ? bigint
        : P extends 'number'
          ? number | bigint
          : P extends 'duration'
            ? Duration
            : P extends 'timestamp'
              ? Timestamp
              : P extends 'map'
                ? ValueMap
                : P extends 'list' | { list: Scalar }
                  ? readonly Value[]
                  : null;

/** One way to call a function. */
export function overload<const P extends readonly Param[]>(
  takes: P,
  gives: Overload['gives'],
  run: (args: { [At in keyof P]: Argument<P[At]> }, context: Context) => Value | Wrong,
): Overload {
  // `call` gives only arguments that fit.
  return { takes, repeats: false, gives, run: run as unknown as Overload['run'] };
}

/** The same for any number of arguments of one kind, at least one. */
export function repeated<const P extends Param>(
  takes: P,
  gives: Overload['gives'],
  run: (args: readonly Argument<P>[], context: Context) => Value | Wrong,
): Overload {
  return { takes: [takes], repeats: true, gives, run: run as unknown as Overload['run'] };
}

/** Calls the first overload that the values fit. Texts among them are paid for as read once. */
export function call(
  name: string,
  { overloads }: ExpressionFunction,
  args: readonly Value[],
  context: Context,
): Value | Wrong {
  for (const arg of args) if (typeof arg === 'string') context.meter.payText(arg.length);
  for (const { takes, repeats, run } of overloads) {
    if (repeats ? args.length < takes.length : args.length !== takes.length) continue;
    const fitting = args.map((arg, at) => fit(arg, takes[Math.min(at, takes.length - 1)] as Param));
    if (!fitting.includes(undefined)) return run(fitting as Value[], context);
  }
  const given = args.map((arg) => kindNames[kindOf(arg)]).join(', ');
  return new Wrong(`${name}() does not take ${given === '' ? 'nothing' : given}`);
}

function fit(value: Value, param: Param): Value | undefined {
  if (param === 'any') return value;
  if (param === 'integer') return asInteger(value);
  if (param === 'number') return isNumeric(value) ? value : undefined;
  const kind = typeof param === 'object' ? 'list' : param;
  return kindOf(value) === kind ? value : undefined;
}
