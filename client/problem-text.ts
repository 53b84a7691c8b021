import type { Problem } from '../common/view.js';

/** What happened and what to do next, as sentences. */
export function problemText({ message, next }: Problem): string {
  const sentence = /[.!?…]$/.test(message) ? message : `${message}.`;
  return next ? `${sentence} Next: ${next}` : sentence;
}
