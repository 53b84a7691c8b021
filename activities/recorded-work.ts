import type { AttemptRequest } from '../common/attempt.js';
import { beginningOf } from '../common/visible.js';
import { whatItDoes } from '../language/kinds/index.js';
import type { Exit } from './exit.js';

/** Characters of one line that the record keeps. */
const maxLine = 64 * 1_024;

/**
 * What an attempt does, as the record keeps it: in the words of plan and gate, with all values
 * filled in. Secrets are references.
 */
export function recordedWork(
  { action, verify }: Pick<AttemptRequest, 'action' | 'verify'>,
  exit: Exit,
): string[] {
  return whatItDoes(action, verify).map((line) => shortened(exit.text(line)));
}

function shortened(line: string): string {
  if (line.length <= maxLine) return line;
  return `${beginningOf(line, maxLine)}… (${line.length - maxLine} more characters)`;
}
