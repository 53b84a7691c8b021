import type { Range } from './ast.js';

/**
 * Widens the range of a part until each bracket in it has its partner: the parser leaves out the
 * parentheses around a part at the edge of a larger one.
 */
export function bracketsOf(source: string): (range: Range) => Range {
  const partner = partners(source);
  return (range) => {
    let [start, end] = range;
    for (let at = start; at < end; at += 1) {
      const other = partner.get(at);
      if (other === undefined) continue;
      if (other < start) {
        // What is taken in on the left has to be looked at too.
        start = other;
        at = other - 1;
      }
      end = Math.max(end, other + 1);
    }
    return [start, end];
  };
}

/** Each bracket's partner, outside of texts and comments. */
function partners(source: string): Map<number, number> {
  const found = new Map<number, number>();
  const open: number[] = [];
  const part = /[rRbB]?("""|'''|"|')|\/\/[^\n]*|([([{])|([)\]}])/g;
  for (let match = part.exec(source); match; match = part.exec(source)) {
    const [, quote, opening, closing] = match;
    if (quote !== undefined) part.lastIndex = endOfText(source, part.lastIndex, quote);
    if (opening !== undefined) open.push(match.index);
    if (closing === undefined) continue;
    const begin = open.pop();
    if (begin !== undefined) found.set(begin, match.index).set(match.index, begin);
  }
  return found;
}

/** Where a quoted text ends, its closing quote included. The parser skips as much after `\` too. */
export function endOfText(source: string, from: number, quote: string): number {
  let at = from;
  while (at < source.length && !source.startsWith(quote, at)) at += source[at] === '\\' ? 2 : 1;
  return Math.min(at + quote.length, source.length);
}
