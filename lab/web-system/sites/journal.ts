import { appendFileSync } from 'node:fs';
import { jsonLines } from './durable-files.js';

/** What the writer knows of a write that it sent. */
export interface JournalEntry {
  /** When the answer was there, or was given up. */
  at: string;
  /** `unknown`: no answer, or one that does not say. It may have been written. */
  outcome: 'acknowledged' | 'unknown';
  kind: 'customer' | 'order' | 'upload';
  tenant: string;
  id: string;
  /** Of a customer, from 1; 0 for what is written once. */
  revision: number;
  /**
   * Of a customer the application's checksum, of an order `customer/amount`, of an upload the
   * SHA-256 of its content.
   */
  checksum: string;
  /** The instance that answered; null when it was none. */
  by: string | null;
}

/** One line, before the next request is sent. */
export function note(file: string, entry: JournalEntry): void {
  appendFileSync(file, `${JSON.stringify(entry)}\n`);
}

export function readJournal(file: string): JournalEntry[] {
  return jsonLines<JournalEntry>(file);
}
