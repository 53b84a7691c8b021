/** How much of a program one part of a pattern becomes. */
const weights = { character: 1, class: 4, property: 20 } as const;

/**
 * About how large the program of a regular expression becomes when its counts are written out, as
 * `(ab){50}` is a hundred characters. Known before it is compiled, which takes time by its size.
 * What is no pattern has a size too.
 */
export function patternSize(pattern: string): number {
  const part =
    /\\[pP](?:\{[^}]*\}|.)?|\\.|\[\^?\]?(?:\\.|\[:\w+:\]|[^\]\\])*\]|\{\d+(?:,\d*)?\}|[()]|[^]/gs;
  /** Sizes of the open groups, and of what stands last in each. */
  const open = [{ all: 0, last: 0 }];
  for (const [text] of pattern.matchAll(part)) {
    const group = open.at(-1);
    if (!group) break;
    if (text === '(') open.push({ all: 0, last: 0 });
    else if (text === ')' && open.length > 1) {
      open.pop();
      add(open.at(-1), group.all + 2);
    } else if (/^\{\d/.test(text)) {
      const times = Math.max(...text.slice(1, -1).split(',').map(Number), 1);
      const more = group.last * (times - 1);
      group.all += more;
      group.last += more;
    } else if (text.startsWith('[')) add(group, weights.class);
    else add(group, /^\\[pP]/.test(text) ? weights.property : weights.character);
  }
  return open.reduce((total, { all }) => total + all, 0);
}

function add(group: { all: number; last: number } | undefined, size: number): void {
  if (!group) return;
  group.all += size;
  group.last = size;
}
