import type { Doubt } from '../store/index.js';
import { StepFailure } from './failure.js';

/** Steps and decisions that a message names at most; `runbook history` has all. */
const mostNamed = 5;

/**
 * Why a step does not begin: what its run was told is not what the record has. While something still
 * runs, people are not asked whether its result will do: they have not seen it.
 */
export function notConfirmed(doubts: readonly Doubt[]): StepFailure {
  const of = (about: Doubt['about']): string[] =>
    doubts.filter((doubt) => doubt.about === about).map(({ name }) => name);
  const running = of('running');
  const output = of('output');
  const decision = of('decision');
  const differences = [
    told(running, 'has ended', 'still runs'),
    told(output, 'has succeeded', 'has another result, or none'),
    told(decision, 'was judged good', 'was refused, or is not there', 'decision'),
  ].filter((text) => text !== null);
  return new StepFailure(
    running.length > 0 ? 'StillRuns' : 'NotConfirmed',
    `${differences.join('; ')}. The step did not begin: somebody may have answered for a worker`,
    { next: wayOut(running, decision) },
  );
}

function told(
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

function wayOut(running: readonly string[], decision: readonly string[]): string {
  if (decision.length > 0)
    return 'Find out who can reach the Temporal server; then abort this run and start a new one.';
  if (running.length > 0) return `Wait until ${running[0]} has ended, then retry.`;
  return 'Look at what is there: retry goes on with what the run was told, abort ends the run.';
}
