import type { Fix, Problem } from './problem.js';

/** Fixes that uncover the next one, at most. */
const rounds = 10;

/** A piece of text that a fix has written. */
interface Written {
  start: number;
  end: number;
}

/**
 * The text with every problem mended that has one answer. A fix can uncover the next problem, so it
 * is done again until nothing changes; but what a fix has written is not mended once more.
 */
export function applyFixes(text: string, problemsOf: (text: string) => readonly Problem[]): string {
  let now = text;
  let written: readonly Written[] = [];
  for (let round = 0; round < rounds; round += 1) {
    const fixes = inOrder(
      problemsOf(now).flatMap(({ fix }) => fix ?? []),
      written,
    );
    if (fixes.length === 0) break;
    written = writtenAfter(fixes, written);
    now = withFixes(now, fixes);
  }
  return now;
}

/** From the beginning of the text to its end; of two that touch the same text, the first. */
function inOrder(fixes: readonly Fix[], written: readonly Written[]): Fix[] {
  const chosen: Fix[] = [];
  for (const fix of [...fixes].sort((a, b) => a.start - b.start)) {
    const isAgain = written.some(({ start, end }) => fix.start < end && fix.end > start);
    if (!isAgain && fix.start >= (chosen.at(-1)?.end ?? 0)) chosen.push(fix);
  }
  return chosen;
}

/** What fixes have written so far, by its place in the text after these. */
function writtenAfter(fixes: readonly Fix[], before: readonly Written[]): Written[] {
  const moved = (at: number): number =>
    fixes
      .filter(({ end }) => end <= at)
      .reduce((sum, { start, end, text }) => sum + text.length - (end - start), at);
  return [
    ...before.map(({ start, end }) => ({ start: moved(start), end: moved(end) })),
    ...fixes.map(({ start, text }) => ({ start: moved(start), end: moved(start) + text.length })),
  ];
}

function withFixes(text: string, fixes: readonly Fix[]): string {
  let result = '';
  let at = 0;
  for (const { start, end, text: better } of fixes) {
    result += text.slice(at, start) + better;
    at = end;
  }
  return result + text.slice(at);
}
