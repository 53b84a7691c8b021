import { inOneLine, shown } from './kinds/words.js';
import type { StepSpec } from './runbook.js';

/** What people do in a step that they do by hand, in one line. */
export function manualWords({
  title,
  instructions,
}: Pick<StepSpec, 'title' | 'instructions'>): string {
  const text = inOneLine(shown(instructions));
  return text === '' || text === title ? 'done by people' : `done by people: ${text}`;
}
