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

/** Text in a quoted label of Mermaid: no letter of it is markup. */
export function mermaid(text: string): string {
  return [...visible(text)].map((each) => (plainLetter.test(each) ? each : coded(each))).join('');
}

const plainLetter = /[\p{L}\p{N} .,:/=_…-]/u;
const coded = (letter: string): string => `#${letter.codePointAt(0) ?? 0};`;

/** An address that may be a link; null for anything but http and https. */
export function link(address: string | null | undefined): string | null {
  if (!address || !URL.canParse(address)) return null;
  const { protocol, href } = new URL(address);
  return /^https?:$/.test(protocol) ? href : null;
}
