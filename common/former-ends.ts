import type { JsonObject } from '../language/json.js';
import type { Problem, RunState } from './view.js';

/** An end that a run had recorded before it went on, or before it recorded another one. */
export interface FormerEnd {
  state: RunState;
  /** ISO time. */
  endedAt: string;
  problem: Problem | null;
  outputs: JsonObject;
  /** When the run went on, or recorded the other end, as an ISO time. */
  overAt: string;
  /**
   * `reset`: somebody reset the run in Temporal. `missed`: the record had closed the run because
   * Temporal did not have it. `replaced`: the same execution recorded another end.
   */
  why: 'reset' | 'missed' | 'replaced';
  /** Of a reset, as Temporal has it. Null: not known yet. Empty: Temporal does not say. */
  reason: string | null;
}

/** What made the run go on after an end, in words. */
export function overText({ why, reason }: Pick<FormerEnd, 'why' | 'reason'>): string {
  if (why === 'missed') return 'Temporal has the run after all: it goes on after this end';
  if (why === 'replaced') return 'the run told of another end';
  return `${resetText(reason)}; it goes on after its end`;
}

/** A reset in words: `reset in Temporal: REASON`. */
export function resetText(reason: string | null): string {
  if (reason === null) return 'the run was reset in Temporal (the reason is not known yet)';
  return `the run was reset in Temporal${reason === '' ? ', no reason known' : `: ${reason}`}`;
}
