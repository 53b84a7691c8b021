import type { StepState, StepView } from './view.js';

const decided: Readonly<Record<string, 'rejected' | 'expired' | 'cut off'>> = {
  Rejected: 'rejected',
  Expired: 'expired',
  Cancelled: 'cut off',
};

/**
 * The state of a step as people are told it: a gate that was not approved is no failure, and a step
 * that was cancelled while it ran did not fail by itself.
 */
export function outcomeOf({
  state,
  error,
}: Pick<StepView, 'state' | 'error'>): StepState | 'rejected' | 'expired' | 'cut off' {
  return (state === 'failed' && decided[error?.type ?? '']) || state;
}

/** A sign for each state. */
export const stepMarks: Record<StepState, string> = {
  pending: '·',
  waiting: '…',
  running: '▶',
  succeeded: '✓',
  failed: '✗',
  'needs-operator': '!',
  unknown: '?',
  skipped: '–',
  'done-by-hand': '✓',
  'not-needed': '–',
  undoing: '←',
  undone: '←',
};

/** What a step that succeeded has not done, and why: a message that went to nobody; else null. */
export function notDone({ kind, output }: Pick<StepView, 'kind' | 'output'>): string | null {
  if (kind !== 'notify' || output === null || typeof output !== 'object') return null;
  const { sent, why } = output as { sent?: unknown; why?: unknown };
  return sent === false && typeof why === 'string' ? `told nobody: ${why}` : null;
}

/**
 * Whether the times of a step are those of its own work. Once it is undone they reach to the end of
 * its undo, with all that happened in between.
 */
export function hasOwnTime({ state }: Pick<StepView, 'state'>): boolean {
  return state !== 'not-needed' && state !== 'undoing' && state !== 'undone';
}
