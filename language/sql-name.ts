import type { TableName } from './pipeline.js';

/** PostgreSQL cuts longer names by itself: each would be the name of something else. */
const maxBytes = 63;

/** Why the value can be no name in a database, as the end of a sentence; null when it can. */
export function notAName(value: unknown): string | null {
  if (typeof value !== 'string') return 'is no text';
  if (value === '') return 'is empty';
  const why = notAText(value);
  if (why !== null) return why;
  return bytesOf(value) > maxBytes ? `is longer than ${maxBytes} bytes` : null;
}

/** What PostgreSQL cannot hold, or would hold as something else. */
export function notAText(value: string): string | null {
  if (value.includes('\0')) return 'holds a NUL';
  return /\p{Surrogate}/u.test(value) ? 'holds half of a character' : null;
}

/**
 * The identifier as SQL text, whatever characters it holds: nothing in it can end it.
 * @throws TypeError when no database can have it
 */
export function quoted(name: string): string {
  const why = notAName(name);
  if (why !== null) throw new TypeError(`a name in the database ${why}`);
  return `"${name.replaceAll('"', '""')}"`;
}

/** The table as SQL text, with its schema where one is declared. */
export function quotedTable(table: TableName): string {
  return table.map(quoted).join('.');
}

/** Counted by hand: workflows have neither Buffer nor TextEncoder. */
function bytesOf(text: string): number {
  return [...text].reduce((sum, character) => sum + widthOf(character.codePointAt(0) ?? 0), 0);
}

function widthOf(point: number): number {
  if (point < 0x80) return 1;
  if (point < 0x800) return 2;
  return point < 0x10000 ? 3 : 4;
}
