import { visible } from '../../common/visible.js';

/** Text inside an HTML element or a quoted attribute. */
export function html(text: string): string {
  return visible(text)
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
    .replaceAll("'", '&#39;');
}

/**
 * Text inside Markdown, in one line: nothing in it is read as markup. No more is escaped than
 * needed, for the text is read in terminals too.
 */
export function markdown(text: string): string {
  return visible(text)
    .replace(/\s+/g, ' ')
    .trim()
    .replace(/[\\`*[\]<>|~]|&(?=[#\w]+;)|^[#+=-]|\b_|_\b|:(?=\/\/)|(?<=\bwww)\./gi, '\\$&');
}

/** A fenced block whose fence is longer than any in its content. */
export function fenced(text: string, language = ''): string {
  const longest = Math.max(0, ...[...text.matchAll(/`+/g)].map(([run]) => run.length));
  const fence = '`'.repeat(Math.max(3, longest + 1));
  return `${fence}${language}\n${visible(text)}\n${fence}`;
}

/** An address that may be a link; null for anything but http and https. */
export function link(address: string | null | undefined): string | null {
  if (!address || !URL.canParse(address)) return null;
  const { protocol, href } = new URL(address);
  return /^https?:$/.test(protocol) ? href : null;
}
