import { visible, visibleLine } from './visible.js';

/*
 * Text that came from outside, inside Markdown: in the Temporal UI and in reports. Renderers differ
 * in what they take for markup and in what a backslash prevents; none reads markup in a code span.
 */

/** Words and what stands between them: nothing in it begins markup for any renderer. */
const plain = /^[\p{L}\p{N}](?:[\p{L}\p{N} ,;()?%–…·→]|[.:!'-](?=[ \p{L}\p{N}]|$))*$/u;
/** Numbers of lists, what makes a link of a word, and what becomes other characters. */
const notPlain = /^\d+[.)]|:\S|\bwww\.|--|\.\.|\((?:c|r|p|tm)\)/iu;

/**
 * Text in one line of Markdown: as it is where nothing in it could be markup, else a code span.
 * @param length cut to this many characters, for people
 */
export function markdown(text: string, length = Infinity): string {
  const flat = visibleLine(text, length);
  return plain.test(flat) && !notPlain.test(flat) ? flat : codeSpan(flat);
}

/** Text in one line of Markdown as a code span, whatever backticks it has. */
export function codeSpan(text: string): string {
  const flat = visibleLine(text);
  if (flat === '') return '';
  const longest = Math.max(0, ...[...flat.matchAll(/`+/g)].map(([run]) => run.length));
  const fence = '`'.repeat(longest + 1);
  const space = /^`|`$/.test(flat) ? ' ' : '';
  return `${fence}${space}${flat}${space}${fence}`;
}

/** One row of a table: no pipe inside a cell ends it, whether a backslash stands before it or not. */
export function tableRow(cells: readonly string[]): string {
  const inCell = (cell: string): string => cell.replace(/(\\*)\|/g, '$1$1\\|');
  return `| ${cells.map(inCell).join(' | ')} |`;
}

/** A fenced block whose fence is longer than any in its content. */
export function fenced(text: string, language = ''): string {
  const longest = Math.max(0, ...[...text.matchAll(/`+/g)].map(([run]) => run.length));
  const fence = '`'.repeat(Math.max(3, longest + 1));
  return `${fence}${language}\n${visible(text)}\n${fence}`;
}
