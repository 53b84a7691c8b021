import { isSafeNumber } from 'lossless-json';
import type { Place } from './place.js';
import { replacing, type Said } from './problem.js';

/**
 * What is wrong with a plain value that YAML reads as something else than people do. Quoted it is
 * what it seems to be.
 */
export function scalarProblem(value: unknown, written: string, place: Place): Said | undefined {
  if (place.style !== 'plain') return undefined;
  const quote = (rule: string, message: string): Said => ({
    rule,
    message,
    hint: `write "${written}"`,
    fix: replacing(place, `"${written}"`),
  });
  if (typeof value === 'number') {
    if (/^[-+]?0\d/.test(written))
      return quote('number-form', `${written} is ${value} for YAML 1.2, and other readers differ`);
    if (/^[-+]?0[ox]/i.test(written))
      return quote('number-form', `${written} is ${value} for YAML`);
    if (!Number.isFinite(value))
      return quote('number-form', `${written} is no number to count with`);
    if (/^[-+]?\d[\d.]*(e[-+]?\d+)?$/i.test(written) && !isSafeNumber(written.replace(/^\+/, '')))
      return quote('number-form', `the number ${written} would be rounded`);
  }
  if (typeof value === 'string' && /^\d{1,2}:\d{2}(:\d{2})?$/.test(written))
    return quote('quote-time', `${written} is a number of minutes for some readers of YAML`);
  return undefined;
}
