import { limits } from './expression/limits.js';
import { OutOfSteps, Meter } from './expression/meter.js';
import { compilePattern, isMatch } from './expression/pattern.js';
import { Wrong } from './expression/values.js';

/** Why a regular expression (RE2) cannot be used; undefined when it can. */
export function patternFault(pattern: string): string | undefined {
  const program = compilePattern(pattern);
  return program instanceof Wrong ? program.why : undefined;
}

/** Steps for each character of a text, beside those that every evaluation may take. */
const stepsACharacter = 10;

/**
 * Whether a text is, from its beginning to its end, what a regular expression (RE2) says. A pattern
 * of an input says what the input may be, not what may stand somewhere in it.
 * @returns Wrong where that cannot be told: the pattern is none, or asks too much for such a text
 */
export function isWhole(pattern: string, text: string): boolean | Wrong {
  const fault = patternFault(pattern);
  if (fault !== undefined) return new Wrong(fault);
  try {
    const meter = new Meter(limits.steps + stepsACharacter * text.length);
    return isMatch(`^(?:${pattern})$`, text, meter);
  } catch (error) {
    if (error instanceof OutOfSteps) return new Wrong('the pattern asks too much for such a text');
    throw error;
  }
}
