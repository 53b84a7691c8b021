import { isBlank } from './operator.js';

/** Whether a text gives a reason: what prints as nothing, or as dots that were left, gives none. */
export function isReason(text: string): boolean {
  return !isBlank(text.replace(/[.…]/g, ''));
}
