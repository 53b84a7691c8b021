import { OutOfSteps, Meter } from './expression/meter.js';
import { compilePattern, isMatch } from './expression/pattern.js';
import { Wrong } from './expression/values.js';

/** Why a regular expression (RE2) cannot be used; undefined when it can. */
export function patternFault(pattern: string): string | undefined {
  const program = compilePattern(pattern);
  return program instanceof Wrong ? program.why : undefined;
}

/**
 * Whether a text is, from its beginning to its end, what a regular expression (RE2) says. A pattern
 * of an input says what the input may be, not what may stand somewhere in it.
 */
export function isWhole(pattern: string, text: string): boolean {
  if (patternFault(pattern) !== undefined) return false;
  try {
    return isMatch(`^(?:${pattern})$`, text, new Meter()) === true;
  } catch (error) {
    if (error instanceof OutOfSteps) return false;
    throw error;
  }
}
