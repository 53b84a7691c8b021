import { bothTimes } from './times.js';

/**
 * How long a question waits, behind since when: silence never approves.
 * @param deadline ISO time; null: none
 */
export function deadlineText(deadline: string | null): string {
  if (deadline === null) return ', no deadline: it waits for ever';
  return `, until ${bothTimes(deadline)}; no answer by then rejects it`;
}
