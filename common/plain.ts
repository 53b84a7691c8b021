import type { Json } from '../language/json.js';
import { visible, visibleLine } from './visible.js';

/* Plain text for people: lines of a width, values in one line. */

/**
 * Text broken into lines of at most `width`, each behind `indent`. Long words and commands stay
 * whole, for they are copied: one that does not fit gets a line of its own, and the terminal
 * breaks it.
 */
export function wrap(text: string, width: number, indent = ''): string {
  const lines: string[] = [];
  let current = '';
  for (const word of unbroken(visibleLine(text))) {
    if (current !== '' && indent.length + current.length + 1 + word.length > width) {
      lines.push(indent + current);
      current = word;
    } else {
      current = current === '' ? word : `${current} ${word}`;
    }
  }
  return [...lines, indent + current].join('\n');
}

/*
 * Commands in texts for people. Ours stand behind these words, up to the end of the sentence; what
 * a step or an undo runs begins with `run`, up to the end of the text; others begin with the name
 * of the command line.
 */
const introduced =
  /(?<=\b(?:with|waits for a decision|go on): )(?:'[^']*'|[^'])+?(?=[.;]?$|[.;] [A-Z])/;
const carriedOut = /(?<=^(?:undo: (?:[^:]*: )?)?|\bby hand: (?:[^:]*: )?)run .+$/;
const named = /(?<!\S)(?:npx )?(?:\S*\/)?runbook [a-z-]+(?: (?:--[a-z-]+|[A-Z]{2,}\b|@latest))*/;
const commands = new RegExp(
  [introduced, carriedOut, named].map(({ source }) => source).join('|'),
  'g',
);

/** Stands for a space where a line must not break; no visible text has it. */
const held = '\u0000';

/** What may not be broken: words, and commands. */
function unbroken(text: string): string[] {
  const bound = text.replace(commands, (command) => command.replaceAll(' ', held));
  return bound.split(' ').map((word) => word.replaceAll(held, ' '));
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
  const room = width - indent.length;
  return lines
    .map((each) => {
      const line = visible(each);
      return line.length <= room ? `${indent}${line}` : wrap(line, width, indent);
    })
    .join('\n');
}
