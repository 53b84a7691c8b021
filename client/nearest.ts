/** Advice for an unknown id; undefined when the id is known. */
export function nearestHint(id: string, known: readonly { id: string }[]): string | undefined {
  const ids = known.map((each) => each.id);
  if (ids.includes(id)) return undefined;
  const near = nearest(id, ids);
  return near === undefined
    ? `The runbooks are: ${ids.join(', ') || 'none'}.`
    : `Did you mean ${near}?`;
}

/** The candidate most similar to `text`; undefined when none is similar. */
function nearest(text: string, candidates: readonly string[]): string | undefined {
  const scored = candidates
    .map((candidate) => ({
      candidate,
      distance:
        candidate.startsWith(text) || candidate.includes(text) ? 0 : distance(text, candidate),
    }))
    .sort((a, b) => a.distance - b.distance)[0];
  return scored &&
    text !== '' &&
    scored.distance <= Math.max(2, Math.floor(scored.candidate.length / 3))
    ? scored.candidate
    : undefined;
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
