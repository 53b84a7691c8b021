import { nearest } from '../language/nearest.js';
import { CliError } from './errors.js';
import { exitCodes } from './exit-codes.js';

/** Names that an error lists at most. */
const listedAtMost = 12;
/** Characters of a list of names in one line. */
const longestLine = 80;

/** A name that somebody typed, and what it could have been. */
export interface Typed {
  name: string;
  /** What such names are, in the plural: `runbooks`. */
  what: string;
  /** The names that there are; the ones that are more likely first. */
  known: readonly string[];
}

/**
 * What to do about a name that there is not: the name that was meant, else those that there are.
 * Every suggestion of the command line is made in this file.
 */
export function nearestHint(typed: Typed): string {
  const { what, known } = typed;
  const meant = didYouMean(typed);
  if (meant !== undefined) return meant;
  if (known.length === 0) return `There are no ${what}.`;
  const more = known.length - listedAtMost;
  const rest = more > 0 ? ` and ${more} more` : '';
  const names = known.slice(0, listedAtMost);
  const line = names.join(', ');
  if (line.length <= longestLine) return `The ${what} are: ${line}${rest}.`;
  // A terminal would break long names where they cannot be copied.
  const lines = names.map((name) => `  ${name}\n`).join('');
  return `The ${what} are:\n${lines}${more > 0 ? `  and ${more} more\n` : ''}`;
}

/** As `nearestHint`, where the names that there are need not be listed. */
export function didYouMean({ name, known }: Omit<Typed, 'what'>): string | undefined {
  const near = nearest(name, known);
  return near === undefined ? undefined : `Did you mean ${near}?`;
}

/**
 * The error for a name that there is not.
 * @param message what is not there, in one sentence
 * @param see the command that shows what there is, where there is one
 */
export function unknownName(message: string, typed: Typed, see?: string): CliError {
  const hint = nearestHint(typed);
  return new CliError(
    message,
    see ? `${hint}${hint.endsWith('\n') ? '' : ' '}See all with: ${see}` : hint,
    exitCodes.usage,
  );
}
