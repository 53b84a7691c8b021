import type { Doubt } from '../store/index.js';
import { StepFailure } from './failure.js';

/** A message names at most this many steps or decisions; `runbook history` has all. */
const mostNamed = 5;

/**
 * Why a step does not begin: the results in the run differ from the record. While a step still
 * runs, people are not asked to accept its result: it is not there yet.
 */
export function notConfirmed(doubts: readonly Doubt[]): StepFailure {
  const of = (about: Doubt['about']): string[] =>
    doubts.filter((doubt) => doubt.about === about).map(({ name }) => name);
  const running = of('running');
  const output = of('output');
  const decision = of('decision');
  const differences = [
    discrepancy(running, 'has ended', 'still runs'),
    discrepancy(output, 'has succeeded', 'has another result, or none'),
    discrepancy(decision, 'was judged good', 'was refused, or is not there', 'decision'),
  ].filter((text) => text !== null);
  return new StepFailure(
    running.length > 0 ? 'StillRuns' : 'NotConfirmed',
    `${differences.join('; ')}. The step did not begin: somebody may have answered for a worker`,
    { next: nextStep(running, decision) },
  );
}

function discrepancy(
  names: readonly string[],
  said: string,
  recorded: string,
  what = 'step',
): string | null {
  if (names.length === 0) return null;
  const more = names.length > mostNamed ? ` and ${names.length - mostNamed} more` : '';
  const list = `${names.filter((_, at) => at < mostNamed).join(', ')}${more}`;
  return `the run was told that ${what} ${list} ${said}, but in the record it ${recorded}`;
}

function nextStep(running: readonly string[], decision: readonly string[]): string {
  if (decision.length > 0)
    return 'Find out who can reach the Temporal server; then abort this run and start a new one.';
  if (running.length > 0) return `Wait until ${running[0]} has ended, then retry.`;
  return 'Check what is there: retry continues with what the run was told, abort ends the run.';
}
