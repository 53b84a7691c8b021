import { createInterface } from 'node:readline';
import { CliError } from './errors.js';
import { exitCodes } from './exit-codes.js';
import type { Io } from './io.js';

/**
 * Asks a person at a terminal; the question goes to stderr, so that stdout stays what was asked
 * for.
 */
export function ask(io: Io, question: string): Promise<string> {
  return new Promise((answer, failed) => {
    const reader = createInterface({ input: io.stdin, output: io.stderr, terminal: true });
    let answered = false;
    reader.question(question, (text) => {
      answered = true;
      reader.close();
      answer(text.trim());
    });
    reader.on('SIGINT', () => reader.close());
    reader.on('close', () => {
      if (!answered)
        failed(new CliError('Interrupted; nothing was done.', '', exitCodes.interrupted));
    });
  });
}

/** Only a clear yes is a yes. */
export async function confirmed(io: Io, question: string): Promise<boolean> {
  return /^y(es)?$/i.test(await ask(io, `${question} [y/N] `));
}
