import { isExact } from './json.js';

/** What is wrong with a number of YAML, and what to write. */
interface NumberFault {
  message: string;
  /** Absent: it is to be written in quotes. */
  hint?: string;
}

/**
 * Why a plain number of YAML is not what it seems to be: it is another one for other readers, it
 * would be rounded, or it is printed otherwise, as 3.10 is 3.1 where a text is made of it.
 * @param written as it stands in the file
 */
export function numberFault(value: number, written: string): NumberFault | undefined {
  if (/^[-+]?0\d/.test(written))
    return { message: `${written} is ${value} for YAML 1.2, and other readers differ` };
  if (/^[-+]?0[ox]/i.test(written)) return { message: `${written} is ${value} for YAML` };
  if (!Number.isFinite(value)) return { message: `${written} is no number to count with` };
  const digits = written.replace(/^\+/, '');
  if (!isExact(digits)) return { message: `the number ${written} would be rounded` };
  if (String(value) === digits) return undefined;
  const hint = `write ${value}, or "${written}" for a text`;
  return { message: `${written} is ${value} for YAML`, hint };
}
