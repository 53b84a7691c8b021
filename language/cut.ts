/**
 * What of an output is not whole; null when it is. Data of others may call something `truncated`
 * too.
 */
export function cutIn(output: object): readonly string[] | 'unnamed' | null {
  const { truncated, cut, fullSha256 } = output as Record<string, unknown>;
  if (truncated !== true) return null;
  if (Array.isArray(cut)) return cut as string[];
  return typeof fullSha256 === 'string' ? 'unnamed' : null;
}
