import { canBeKept } from '../json.js';
import { numberFault } from '../number-form.js';
import type { Place } from './place.js';
import { replacing, type Said } from './problem.js';

/**
 * What is wrong with a value that YAML reads as something else than people do, or that cannot be
 * kept. Quoted a plain value is what it seems to be.
 */
export function scalarProblem(value: unknown, written: string, place: Place): Said | undefined {
  if (typeof value === 'string' && !canBeKept(value))
    return {
      rule: 'yaml-syntax',
      message: 'a text holds neither NUL nor half of a surrogate pair',
    };
  if (place.style !== 'plain') return undefined;
  const quoted = `"${written}"`;
  const quote = (rule: string, message: string): Said => ({
    ...{ rule, message, hint: `write ${quoted}` },
    fix: replacing(place, quoted),
  });
  const fault = typeof value === 'number' ? numberFault(value, written) : undefined;
  // Where it may be a number as well, people say which.
  if (fault?.hint !== undefined) return { rule: 'number-form', ...fault };
  if (fault) return quote('number-form', fault.message);
  if (typeof value === 'string' && /^\d{1,2}:\d{2}(:\d{2})?$/.test(written))
    return quote('quote-time', `${written} is a number of minutes for some readers of YAML`);
  return undefined;
}
