import { isExact } from './json.js';

/** What is wrong with a number of YAML, and what to write. */
interface NumberFault {
  message: string;
  hint: string;
}

/**
 * Why a plain number of YAML is not what it seems to be: it is another one for other readers, it
 * would be rounded, or it is printed otherwise, as 3.10 is 3.1 where a text is made of it.
 * @param written as it stands in the file
 */
export function numberFault(value: number, written: string): NumberFault | undefined {
  const text = `"${written}"`;
  const fault = (message: string, hint = `write ${text}`): NumberFault => ({ message, hint });
  if (/^[-+]?0\d/.test(written))
    return fault(`${written} is ${value} for YAML 1.2, and other readers differ`);
  if (/^[-+]?0[ox]/i.test(written)) return fault(`${written} is ${value} for YAML`);
  if (!Number.isFinite(value)) return fault(`${written} is no number to count with`);
  const digits = written.replace(/^\+/, '');
  if (!isExact(digits)) return fault(`the number ${written} would be rounded`);
  return String(value) === digits
    ? undefined
    : fault(`${written} is ${value} for YAML`, `write ${value}, or ${text} for a text`);
}
