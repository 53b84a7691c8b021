import { RE2JS } from 're2js';
import type { Meter } from './meter.js';
import { patternSize } from './pattern-size.js';
import { isPatternProgram, type PatternProgram, search } from './pattern-search.js';
import { Wrong } from './values.js';

/** How large a pattern's program may be: a class 255 times, as names of hosts are, fits. */
const sizeAtMost = 1_100;

/** Programs have no state: which of them are kept changes no result. */
const programs = new Map<string, PatternProgram | Wrong>();
const keptAtMost = 64;

/** The program of a regular expression (RE2), or what is wrong with it. */
export function compilePattern(pattern: string): PatternProgram | Wrong {
  const known = programs.get(pattern);
  if (known) return known;
  const made = compileNew(pattern);
  if (programs.size >= keptAtMost) programs.clear();
  programs.set(pattern, made);
  return made;
}

function compileNew(pattern: string): PatternProgram | Wrong {
  if (patternSize(pattern) > sizeAtMost)
    return new Wrong('the pattern is too large, with its counts written out');
  try {
    const program: unknown = RE2JS.compile(pattern).re2().prog;
    return isPatternProgram(program) ? program : new Wrong('the pattern cannot be searched for');
  } catch (error) {
    const why = error instanceof Error ? error.message : '';
    return new Wrong(`the pattern cannot be read: ${why.replace(/^error parsing regexp: /, '')}`);
  }
}

/** Whether the pattern matches somewhere in the text. */
export function isMatch(pattern: string, text: string, meter: Meter): boolean | Wrong {
  const program = compilePattern(pattern);
  return program instanceof Wrong ? program : search(program, text, meter, false) !== undefined;
}

/**
 * The groups of the first match, the whole match first; undefined for a group that took no part.
 * @returns undefined when nothing matches
 */
export function firstMatch(
  pattern: string,
  text: string,
  meter: Meter,
): readonly (string | undefined)[] | undefined | Wrong {
  const program = compilePattern(pattern);
  if (program instanceof Wrong) return program;
  const places = search(program, text, meter, true);
  if (!places) return undefined;
  return Array.from({ length: program.numCap / 2 }, (_unused, group) => {
    const [start, end] = [places.get(2 * group), places.get(2 * group + 1)];
    return start === undefined || end === undefined ? undefined : text.slice(start, end);
  });
}
