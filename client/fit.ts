/** A frame for a terminal, in parts that stand apart. */
export interface Frame {
  /** What always stays: what it is about. */
  head: string;
  /** Gives way first, from its top. */
  body: string;
  /** What needs attention: its first line and its end stay longest. */
  foot: readonly string[];
}

interface Line {
  text: string;
  stays: boolean;
}

/**
 * The lines of a frame that fit a terminal.
 * @param rows that it may take
 * @param rowsOf rows that a line takes
 * @param leftOut says in one line how many lines are left out
 */
export function fit(
  { head, body, foot }: Frame,
  rows: number,
  rowsOf: (line: string) => number,
  leftOut: (lines: number) => string,
): string[] {
  const lines = [
    ...linesOf(head, (): boolean => true),
    ...linesOf(body, (): boolean => false),
    ...foot.flatMap((part) => linesOf(part, (at) => at === 1)),
  ].slice(1);
  let height = lines.reduce((sum, { text }) => sum + rowsOf(text), 0);
  if (height <= rows) return lines.map(({ text }) => text);
  const first = lines.findIndex(({ stays }) => !stays);
  const gone = new Set<Line>();
  const noteRows = (): number => (first < 0 ? 0 : rowsOf(leftOut(gone.size)));
  // What stays gives way last, where the terminal is very low.
  for (const line of lines.toSorted((a, b) => Number(a.stays) - Number(b.stays))) {
    if (height + noteRows() <= rows) break;
    gone.add(line);
    height -= rowsOf(line.text);
  }
  const left = lines.filter((line) => !gone.has(line)).map(({ text }) => text);
  return first < 0 ? left : left.toSpliced(first, 0, leftOut(gone.size));
}

/** The lines of a part, behind an empty one. */
function linesOf(part: string, stays: (at: number) => boolean): Line[] {
  if (part === '') return [];
  return `\n${part}`.split('\n').map((text, at) => ({ text, stays: stays(at) }));
}
