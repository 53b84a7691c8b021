import type { StepSpec } from '../language/runbook.js';

/** Who may decide a gate, in the words that its wait carries, also in the record. */
export const deciders = {
  another: 'an operator other than the requester',
  anyone: 'an operator',
} as const satisfies Record<NonNullable<StepSpec['approvers']>, string>;

/** Who may decide a gate that declares nothing. */
export const defaultApprovers = 'another' satisfies keyof typeof deciders;

/** Whether the requester may not decide the gate. @param who as its wait carries it */
export function refusesRequester(who: string): boolean {
  return who === deciders.another;
}
