import type { StepSpec } from '../../runbook.js';

/*
 * The look before a step that proves its effect: a step of its own, whose failure is an answer.
 */

const prefix = 'proof_';

/** The id of the look before a step. */
export function proofOf(id: string): string {
  return prefix + id;
}

/** The step that a look belongs to; null when the id is that of no look. */
export function provedBy(id: string): string | null {
  return id.startsWith(prefix) ? id.slice(prefix.length) : null;
}

/** What every look is. */
export const look = {
  effect: 'read',
  onFailure: 'capture',
  retry: { attempts: 1 },
} as const satisfies Partial<StepSpec>;
