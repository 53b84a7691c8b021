import { endStates, type RunState } from '../common/view.js';

/**
 * The exit codes of the command line: documented, and never given another meaning.
 */
export const exitCodes = {
  ok: 0,
  /** Failed, rolled back or terminated; also an error that has no code of its own. */
  failed: 1,
  /** The command was wrong: a flag, an input, a name that does not exist. */
  usage: 2,
  /** The operator may not do this, or it cannot be decided now. */
  denied: 4,
  rejected: 5,
  /** The time to wait is over; nothing is lost, ask again. */
  timedOut: 6,
  /** The run waits for people. */
  waiting: 8,
  /** The run was cancelled, or this command was interrupted. */
  interrupted: 130,
} as const;

/** The exit code of a state. @param strict `succeeded-with-exceptions` counts as failed */
export function exitCodeOf(state: RunState, strict = false): number {
  switch (state) {
    case 'succeeded':
    case 'running':
    case 'rolling-back':
      return exitCodes.ok;
    case 'succeeded-with-exceptions':
      return strict ? exitCodes.failed : exitCodes.ok;
    case 'failed':
    case 'rolled-back':
    case 'terminated':
      return exitCodes.failed;
    case 'rejected':
      return exitCodes.rejected;
    case 'cancelled':
      return exitCodes.interrupted;
    case 'waiting':
    case 'needs-operator':
    case 'paused':
      return exitCodes.waiting;
  }
}

export function hasEnded(state: RunState): boolean {
  return endStates.has(state);
}
