import type { Fix, Problem } from './problem.js';

/** Fixes that uncover the next one, at most. */
const rounds = 10;

/**
 * The text with every problem mended that has one answer. A fix can uncover the next problem, so it
 * is done again until nothing changes.
 */
export function applyFixes(text: string, problemsOf: (text: string) => readonly Problem[]): string {
  let now = text;
  for (let round = 0; round < rounds; round += 1) {
    const fixes = problemsOf(now).flatMap(({ fix }) => fix ?? []);
    const next = withFixes(now, fixes);
    if (next === now) break;
    now = next;
  }
  return now;
}

/** Of two that touch the same text, the first is done. */
function withFixes(text: string, fixes: readonly Fix[]): string {
  const sorted = [...fixes].sort((a, b) => a.start - b.start);
  let result = '';
  let at = 0;
  for (const { start, end, text: better } of sorted) {
    if (start < at) continue;
    result += text.slice(at, start) + better;
    at = end;
  }
  return result + text.slice(at);
}
