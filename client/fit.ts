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
  const heightOf = (shown: readonly Line[]): number =>
    shown.reduce((sum, { text }) => sum + rowsOf(text), 0);
  if (heightOf(lines) <= rows) return lines.map(({ text }) => text);
  const first = lines.findIndex(({ stays }) => !stays);
  const gone = new Set<Line>();
  const note = (): Line => ({ text: leftOut(gone.size), stays: true });
  const shown = (): Line[] => {
    const left = lines.filter((line) => !gone.has(line));
    return first < 0 ? left : left.toSpliced(first, 0, note());
  };
  // What stays gives way last, where the terminal is very low.
  for (const line of [...lines.filter(({ stays }) => !stays), ...lines]) {
    if (heightOf(shown()) <= rows) break;
    gone.add(line);
  }
  return shown().map(({ text }) => text);
}

/** The lines of a part, behind an empty one. */
function linesOf(part: string, stays: (at: number) => boolean): Line[] {
  if (part === '') return [];
  return `\n${part}`.split('\n').map((text, at) => ({ text, stays: stays(at) }));
}
