import type { Sign } from './ast.js';
import { compare, equal } from './compare.js';
import type { Meter } from './meter.js';
import { timestamp } from './times.js';
import {
  Duration,
  integer,
  isMap,
  isNumeric,
  kindNames,
  kindOf,
  number,
  Timestamp,
  type Value,
  Wrong,
} from './values.js';

/** The result of a binary operator, or why there is none. */
export function operate(sign: Sign, a: Value, b: Value, meter: Meter): Value | Wrong {
  switch (sign) {
    case '==':
      return equal(a, b, meter);
    case '!=': {
      const same = equal(a, b, meter);
      return same instanceof Wrong ? same : !same;
    }
    case '<':
    case '<=':
    case '>':
    case '>=': {
      const order = compare(a, b, meter);
      return order instanceof Wrong ? order : isOrder(sign, order);
    }
    case 'in':
      return within(a, b, meter);
    case '+':
      return add(a, b, meter);
    case '-':
      return subtract(a, b);
    case '*':
    case '/':
    case '%':
      return isNumeric(a) && isNumeric(b) ? calculate(sign, a, b) : impossible(sign, a, b);
  }
}

/** The value with the other sign. */
export function negate(value: Value): Value | Wrong {
  if (typeof value === 'bigint') return integer(-value);
  if (typeof value === 'number') return number(-value);
  if (value instanceof Duration) return new Duration(-value.micros);
  return new Wrong(`${kindNames[kindOf(value)]} has no sign`);
}

function isOrder(sign: '<' | '<=' | '>' | '>=', order: number): boolean {
  switch (sign) {
    case '<':
      return order < 0;
    case '<=':
      return order <= 0;
    case '>':
      return order > 0;
    case '>=':
      return order >= 0;
  }
}

/** One that is equal decides; else what cannot be compared makes it unknown. */
function within(item: Value, container: Value, meter: Meter): boolean | Wrong {
  if (Array.isArray(container)) {
    let wrong: Wrong | undefined;
    for (const each of container as readonly Value[]) {
      const same = equal(item, each, meter);
      if (same === true) return true;
      if (same instanceof Wrong) wrong ??= same;
    }
    return wrong ?? false;
  }
  if (isMap(container))
    return typeof item === 'string'
      ? Object.hasOwn(container, item)
      : new Wrong(`the keys of an object are texts, not ${kindNames[kindOf(item)]}`);
  return new Wrong(`nothing is in ${kindNames[kindOf(container)]}`);
}

function add(a: Value, b: Value, meter: Meter): Value | Wrong {
  if (isNumeric(a) && isNumeric(b)) return calculate('+', a, b);
  if (typeof a === 'string' && typeof b === 'string') {
    meter.payText(a.length + b.length);
    return a + b;
  }
  if (Array.isArray(a) && Array.isArray(b)) {
    meter.pay(a.length + b.length);
    return [...(a as readonly Value[]), ...(b as readonly Value[])];
  }
  if (a instanceof Duration && b instanceof Duration) return new Duration(a.micros + b.micros);
  if (a instanceof Timestamp && b instanceof Duration) return timestamp(a.micros + b.micros);
  if (a instanceof Duration && b instanceof Timestamp) return timestamp(a.micros + b.micros);
  return impossible('+', a, b);
}

function subtract(a: Value, b: Value): Value | Wrong {
  if (isNumeric(a) && isNumeric(b)) return calculate('-', a, b);
  if (a instanceof Duration && b instanceof Duration) return new Duration(a.micros - b.micros);
  if (a instanceof Timestamp && b instanceof Duration) return timestamp(a.micros - b.micros);
  if (a instanceof Timestamp && b instanceof Timestamp) return new Duration(a.micros - b.micros);
  return impossible('-', a, b);
}

/** Two integers give an integer; everything else is done with doubles, as JSON's numbers are. */
export function calculate(
  sign: '+' | '-' | '*' | '/' | '%',
  a: number | bigint,
  b: number | bigint,
): Value | Wrong {
  if ((sign === '/' || sign === '%') && Number(b) === 0) return new Wrong('division by zero');
  if (typeof a === 'bigint' && typeof b === 'bigint') return integer(exact(sign, a, b));
  return number(inDoubles(sign, Number(a), Number(b)));
}

function exact(sign: '+' | '-' | '*' | '/' | '%', a: bigint, b: bigint): bigint {
  switch (sign) {
    case '+':
      return a + b;
    case '-':
      return a - b;
    case '*':
      return a * b;
    case '/':
      return a / b;
    case '%':
      return a % b;
  }
}

function inDoubles(sign: '+' | '-' | '*' | '/' | '%', a: number, b: number): number {
  switch (sign) {
    case '+':
      return a + b;
    case '-':
      return a - b;
    case '*':
      return a * b;
    case '/':
      return a / b;
    case '%':
      return a % b;
  }
}

const verbs = { '+': 'add', '-': 'subtract', '*': 'multiply', '/': 'divide', '%': 'divide' };

function impossible(sign: keyof typeof verbs, a: Value, b: Value): Wrong {
  const [left, right] = [kindNames[kindOf(a)], kindNames[kindOf(b)]];
  return new Wrong(`cannot ${verbs[sign]} ${left} and ${right}`);
}
