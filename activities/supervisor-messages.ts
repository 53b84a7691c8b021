import type { Outcome } from './journal.js';

/**
 * What a worker asks of its supervisor. Secrets are in `env`: it goes through memory only, never to
 * the disk.
 */
export interface StartCommand {
  id: number;
  /** Of the journal. */
  folder: string;
  argv: readonly string[];
  env: Readonly<Record<string, string>>;
  cwd: string | null;
  /** Value of RUNBOOK_CLAIM; finds the command's whole tree. */
  mark: string;
  timeoutMs: number;
}

/**
 * Sent when the command has ended and its outcome is in the journal, or when it was not started:
 * its ticket was taken.
 */
export interface CommandEnded {
  id: number;
  /** How it ended, when the journal could not take it. */
  outcome?: Outcome;
}
