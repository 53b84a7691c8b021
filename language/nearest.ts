/** A part of a name is taken for the name from this length on. */
const partLength = 3;
/** A part is nearer than what differs in two letters, and farther than what differs in one. */
const partDistance = 1.5;

/** The candidate most similar to `text`; undefined when none is similar. */
export function nearest(text: string, candidates: readonly string[]): string | undefined {
  const typed = text.toLowerCase();
  const scored = candidates
    .filter(Boolean)
    .map((candidate) => ({ candidate, distance: distanceTo(typed, candidate.toLowerCase()) }))
    .sort((a, b) => a.distance - b.distance)[0];
  return scored &&
    // With as many changes as letters, every name is near.
    scored.distance < text.length &&
    scored.distance <= Math.max(2, Math.floor(scored.candidate.length / 3))
    ? scored.candidate
    : undefined;
}

function distanceTo(typed: string, candidate: string): number {
  const letters = distance(typed, candidate);
  const isPart = typed.length >= partLength && candidate.includes(typed);
  return isPart ? Math.min(partDistance, letters) : letters;
}

/** Letters to change, add or remove (Levenshtein). */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_unused, index) => index);
  for (let i = 1; i <= a.length; i += 1) {
    const next = [i];
    for (let j = 1; j <= b.length; j += 1) {
      const change = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next[j] = Math.min(change, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1);
    }
    row = next;
  }
  return row[b.length] ?? 0;
}
