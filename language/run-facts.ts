import { digestOf } from './digest.js';
import type { JsonObject } from './json.js';

/** What a run says of itself in expressions; the same in all of its executions. */
export interface RunFacts extends JsonObject {
  id: string;
  /** Eight characters that differ from run to run: for names of what it makes. */
  short: string;
  /** ISO time in UTC. */
  startedAt: string;
  requester: string;
  reason: string;
}

/** @param run its id, when it started, by whom and why */
export function runFacts(run: Omit<RunFacts, 'short'>): RunFacts {
  const { id, startedAt, requester, reason } = run as RunFacts;
  const digest = digestOf([id, startedAt]);
  const short = digest.slice(digest.indexOf(':') + 1).slice(0, 8);
  return { id, short, startedAt, requester, reason };
}

/** The names that a run has a value for. */
export const runNames: readonly string[] = Object.keys(
  runFacts({ id: '', startedAt: '', requester: '', reason: '' }),
);
