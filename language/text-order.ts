/** Compares texts by their UTF-16 units, for a sort that is the same on every machine. */
export function compareTexts(one: string, other: string): number {
  return one < other ? -1 : Number(one > other);
}
