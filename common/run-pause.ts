import { quoteArgument } from './quote-argument.js';
import { statedName } from './sender.js';
import { bothTimes } from './times.js';
import type { DecisionView, RunView } from './view.js';

/*
 * A run that an operator has paused, in words. What somebody paused in Temporal itself is in
 * temporal-pauses.ts.
 */

/** The decision that paused the run; undefined where it is no longer listed. */
function pauseOf(decisions: readonly DecisionView[]): DecisionView | undefined {
  const last = decisions.findLast(
    ({ accepted, verb }) => accepted && (verb === 'pause' || verb === 'resume'),
  );
  return last?.verb === 'pause' ? last : undefined;
}

/**
 * Who paused the run, since when and why; null for a run that is not paused.
 * @param timeOf how a time is told there
 */
export function pausedText(
  { state, decisions }: Pick<RunView, 'state' | 'decisions'>,
  timeOf = bothTimes,
): string | null {
  if (state !== 'paused') return null;
  const pause = pauseOf(decisions);
  if (!pause) return 'Paused by an operator: nothing new begins';
  const { by, sender, at, reason } = pause;
  return `Paused by ${statedName(by, sender)} since ${timeOf(at)}: ${reason}`;
}

/**
 * The command that lets a paused run go on.
 * @param command name of the command line
 * @param run workflow id
 */
export function resumeCommand(command: string, run: string): string {
  return `${command} resume ${quoteArgument(run)}`;
}
