import { appendFileSync } from 'node:fs';
import { watchQueries, type Statement } from './queries.js';

/** What became of a write about a claim. */
export interface TracedWrite {
  /**
   * When it was sent, in milliseconds since 1970: an answer may come much later, to a write that
   * was made in time.
   */
  at: number;
  pid: number;
  name: string;
  /** Path of the step. */
  step: string;
  taken: boolean;
}

/**
 * Notes what the record says to each write that only the owner of a claim may make.
 * @param file one JSON line for each
 */
export function traceWrites(file: string): void {
  const sent = new WeakMap<Statement, number>();
  watchQueries({
    before(statement) {
      sent.set(statement, Date.now());
      return undefined;
    },
    after(statement, result) {
      const { name, values } = statement;
      const taken = takenBy(name, result);
      if (taken === undefined) return;
      const step = values[name.startsWith('output-') ? 1 : 2];
      const line: TracedWrite = {
        at: sent.get(statement) ?? 0,
        pid: process.pid,
        name,
        step: String(step),
        taken,
      };
      appendFileSync(file, `${JSON.stringify(line)}\n`);
    },
  });
}

function takenBy(
  name: string,
  { rowCount, rows }: { rowCount: number | null; rows: unknown[] },
): boolean | undefined {
  switch (name) {
    case 'attempts-end':
      return (rows[0] as { taken: boolean } | undefined)?.taken === true;
    case 'attempts-evidence':
    case 'output-finish':
      return rowCount === 1;
    case 'output-owned':
      // It answers when somebody else owns the attempt.
      return rowCount === 0;
    default:
      return undefined;
  }
}
