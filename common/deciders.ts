import type { StepSpec } from '../language/runbook.js';

/** Who may decide a gate, in the words that a wait carries wherever it is kept. */
export const deciders = {
  another: 'an operator other than the requester',
  anyone: 'an operator',
} as const satisfies Record<NonNullable<StepSpec['approvers']>, string>;

/** Who may decide a gate that declares nothing. */
export const defaultApprovers = 'another' satisfies keyof typeof deciders;

/** Is it a gate that the requester may not decide? @param who as a wait carries it */
export function refusesRequester(who: string): boolean {
  return who === deciders.another;
}
