import { visible, visibleLine } from './visible.js';

/*
 * Escapes foreign text for Markdown, in the Temporal UI and in reports. Renderers differ in what is
 * markup and in what a backslash escapes; but none reads markup in a code span.
 */

/** Words and punctuation that no renderer takes for markup. */
const plain = /^[\p{L}\p{N}](?:[\p{L}\p{N} ,;()?%–…·→]|[.:!'-](?=[ \p{L}\p{N}]|$))*$/u;
/** Exceptions: list numbers, automatic links, and text that renderers replace by symbols. */
const notPlain = /^\d+[.)]|:\S|\bwww\.|--|\.\.|\((?:c|r|p|tm)\)/iu;

/**
 * Text in one line of Markdown: unchanged if nothing in it can be markup, else a code span.
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

/** One row of a table: escapes pipes inside cells, also those after a backslash. */
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
