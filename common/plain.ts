import type { Json } from '../language/json.js';
import { visibleLine } from './visible.js';

/* Plain text for people: lines of a width, values in one line. */

/**
 * Text broken into lines of at most `width`, each behind `indent`. Long words stay whole: commands
 * must be copied.
 */
export function wrap(text: string, width: number, indent = ''): string {
  const lines: string[] = [];
  let current = '';
  for (const word of visibleLine(text).split(' ')) {
    if (current !== '' && indent.length + current.length + 1 + word.length > width) {
      lines.push(indent + current);
      current = word;
    } else {
      current = current === '' ? word : `${current} ${word}`;
    }
  }
  return [...lines, indent + current].join('\n');
}

/** A value in one line, as people write it. */
export function flat(value: Json): string {
  if (value === null) return 'none';
  if (Array.isArray(value)) return value.map(flat).join(', ') || 'none';
  if (typeof value === 'object')
    return Object.entries(value)
      .map(([name, inner]) => `${name}: ${flat(inner)}`)
      .join(', ');
  return visibleLine(String(value));
}
