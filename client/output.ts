import { styleText } from 'node:util';
import type { CliError } from './errors.js';
import { exitCodes } from './exit-codes.js';
import type { Io } from './io.js';
import { wrap } from '../common/plain.js';
import { visible, visibleJson } from '../common/visible.js';

export const outputFormats = ['text', 'json', 'jsonl'] as const;
export type OutputFormat = (typeof outputFormats)[number];

export type Style = 'bold' | 'dim' | 'red' | 'green' | 'yellow' | 'cyan';
/** Colours a text, or returns it unchanged where colour is off. */
export type Paint = (style: Style, text: string) => string;

/**
 * No ANSI where no person reads, where colour is switched off (no-color.org), or on a terminal
 * without colour.
 */
export function painter(io: Pick<Io, 'isTTY' | 'env'>, color = true): Paint {
  const colored = color && io.isTTY && !io.env['NO_COLOR'] && io.env['TERM'] !== 'dumb';
  // The environment was checked already; newer Nodes would check again, in the process's
  // environment instead of the injected one.
  const style = styleText as (
    format: Style,
    text: string,
    options?: { validateStream: boolean },
  ) => string;
  return colored
    ? (name, text) => style(name, text, { validateStream: false })
    : (_name, text) => text;
}

export function print(io: Io, text: string): void {
  io.stdout.write(harmless(text.endsWith('\n') ? text : `${text}\n`));
}

/** A remark, on stderr: it must not get into piped output. */
export function remark(io: Io, text: string): void {
  io.stderr.write(harmless(text.endsWith('\n') ? text : `${text}\n`));
}

/** The escape sequences of `Paint`, and no others. */
const ownColours = /(\u001b\[(?:1|2|22|3[1236]|39)m)/;

/**
 * The one way to a terminal. Text from outside has gone through `shown` already; control characters
 * that were missed there are written out here.
 */
export function harmless(text: string): string {
  return text
    .split(ownColours)
    .map((part, index) => (index % 2 === 1 ? part : visible(part)))
    .join('');
}

export function printJson(io: Io, value: unknown): void {
  print(io, visibleJson(value, 2));
}

/** One value, as JSON in many lines or in one. */
export function printValue(io: Io, format: 'json' | 'jsonl', value: unknown): void {
  if (format === 'json') printJson(io, value);
  else print(io, visibleJson(value));
}

/** A list as a JSON array, or as one line for each. */
export function printList(io: Io, format: 'json' | 'jsonl', items: readonly unknown[]): void {
  if (format === 'json') printJson(io, items);
  else for (const item of items) print(io, visibleJson(item));
}

/** The error and the next thing to do, on stderr; as JSON too when JSON was asked for. */
export function printError(
  io: Io,
  error: CliError,
  format: OutputFormat = 'text',
  color = true,
): void {
  if (format !== 'text') {
    remark(
      io,
      visibleJson({ error: error.message, next: error.next || null, exitCode: error.exitCode }),
    );
    return;
  }
  const paint = painter(io, color);
  // Somebody pressed Ctrl-C: that is no error, and the terminal stands behind `^C`.
  const isOwn = error.exitCode === exitCodes.interrupted;
  const begin = isOwn ? (io.isTTY ? '\n' : '') : `${paint('red', 'Error:')} `;
  remark(io, `${begin}${shown(error.message)}${error.next ? `\nNext:  ${shown(error.next)}` : ''}`);
}

/**
 * Makes text from outside harmless on a terminal: no escape sequence can move the cursor or hide a
 * word.
 */
export function shown(text: string): string {
  return visible(text);
}

/** As `shown`, in one line of at most `length` characters, the cut visible. */
export function line(text: string, length = Infinity): string {
  const flat = shown(text).replace(/\s+/g, ' ').trim();
  return flat.length <= length ? flat : `${flat.slice(0, Math.max(0, length - 1))}…`;
}

/** Names and values in two columns, values broken into lines. */
export function pairs(
  rows: readonly (readonly [name: string, value: string])[],
  width: number,
  paint: Paint,
  indent = '',
): string {
  const room = Math.max(0, ...rows.map(([name]) => name.length)) + 2;
  const hanging = ' '.repeat(indent.length + room);
  return rows
    .map(([name, value]) => {
      const text = wrap(value, width, hanging).trimStart();
      return `${indent}${paint('dim', name.padEnd(room))}${text}`.trimEnd();
    })
    .join('\n');
}
