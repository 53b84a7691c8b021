import type { Json } from '../language/json.js';
import { visible, visibleLine } from './visible.js';

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

/** Whether a value is a text with lines of its own, such as what a command has printed. */
export function hasLines(value: Json): value is string {
  return typeof value === 'string' && value.trim().includes('\n');
}

/** The lines of such a text as they are, spaces included; any other value in one line. */
export function linesOf(value: Json): string[] {
  if (!hasLines(value)) return [flat(value)];
  const lines = visible(value).replaceAll('\t', '    ').split('\n');
  const text = lines.map((line) => line.trimEnd());
  return text
    .join('\n')
    .replace(/^\n+|\n+$/g, '')
    .split('\n');
}

/** As `wrap`, for lines that stay apart; what fits keeps its spaces. */
export function wrapLines(lines: readonly string[], width: number, indent = ''): string {
  return lines
    .map((each) => visible(each))
    .map((line) =>
      indent.length + line.length <= width ? `${indent}${line}` : wrap(line, width, indent),
    )
    .join('\n');
}
