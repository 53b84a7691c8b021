import { messageNames } from './defaults.js';

/** What signals say that decide nothing, as a sentence without its full stop. */
const signalWords: Readonly<Record<string, string>> = {
  [messageNames.border]: 'The run continues in a new history at its next border',
  [messageNames.moved]: 'The run was moved to other code',
  [messageNames.lost]: 'Another run may have taken a target over from this one',
};

/** @returns undefined for a signal that decides something, or that we do not send */
export function wordsOfSignal(signal: string): string | undefined {
  return Object.hasOwn(signalWords, signal) ? signalWords[signal] : undefined;
}
