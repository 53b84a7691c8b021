import { html } from '../report/escape.js';
import type { Line } from './text.js';

/* Elements of a picture, as text. */

/** An element; what is inside is SVG already, attributes are escaped. */
export function tag(
  name: string,
  attributes: Readonly<Record<string, string | number>>,
  inside?: string,
): string {
  const all = Object.entries(attributes).map(([key, value]) => ` ${key}="${html(String(value))}"`);
  const opening = `<${name}${all.join('')}`;
  return inside === undefined ? `${opening}/>` : `${opening}>${inside}</${name}>`;
}

/** A path: its class, and what is drawn. */
export function path(kind: string, ...drawn: readonly string[]): string {
  return tag('path', { class: kind, d: drawn.join('') });
}

/** A line of words, on a base line. */
export function words({ face, tone, text }: Line, x: number, y: number): string {
  return tag('text', { class: tone ? `${face} ${tone}` : face, x, y }, html(text));
}
