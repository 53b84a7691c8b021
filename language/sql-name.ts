import type { TableName } from './pipeline.js';

/** What PostgreSQL keeps of an identifier, in bytes; a longer one would be cut. */
const maxBytes = 63;

/** Why the text cannot be the name of anything in a database; null when it can. */
export function notAName(text: string): string | null {
  if (text === '') return 'must not be empty';
  if (text.includes('\0')) return 'must not hold a zero byte';
  if (bytesOf(text) > maxBytes) return `must not be longer than ${maxBytes} bytes`;
  return null;
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
