import { check, type Checked } from './check.js';
import { parse } from './parse.js';
import type { Names, Type } from './types.js';

/**
 * Reads and checks an expression: what a plan keeps of it.
 * @param wanted what the value has to be: `boolean` for a condition
 */
export function compile(source: string, names: Names, wanted?: Type): Checked {
  const parsed = parse(source);
  return 'problem' in parsed
    ? { problems: [parsed.problem] }
    : check(parsed.expression, names, wanted);
}
