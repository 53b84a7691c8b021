import type pg from 'pg';
import type { StartEnvelope } from '../common/envelope.js';
import {
  endStates,
  type Problem,
  type RunView,
  type StepState,
  type StepView,
} from '../common/view.js';
import { getRun } from '../store/index.js';

/** States whose result is valid in another run. Conditions and approvals are evaluated again. */
const finished: ReadonlySet<StepState> = new Set(['succeeded', 'done-by-hand']);
/** Their outcome is not known: the new run asks before it repeats them. */
const open: ReadonlySet<StepState> = new Set(['running', 'unknown', 'undoing']);

/**
 * The steps of a dead run that a new one takes over: finished ones with their outputs, and those
 * whose outcome nobody knows, marked as unknown.
 * @returns why they cannot be taken over, when they cannot
 */
export async function takenSteps(
  pool: pg.Pool,
  envelope: StartEnvelope,
): Promise<StepView[] | Problem> {
  const { from, runbook } = envelope;
  if (!from) return [];
  const before = await getRun(pool, from.run);
  const wrong = before
    ? wrongWith(before, runbook, from.at)
    : `there is no run ${JSON.stringify(from.run)} in the record`;
  if (!before || wrong) {
    return {
      type: 'Refused',
      message: wrong || 'refused',
      next: 'See which runs there are',
      command: 'runs',
    };
  }
  const end =
    from.at === undefined
      ? before.steps.length
      : before.steps.findIndex((step) => step.id === from.at);
  return before.steps.slice(0, end).flatMap((step) => {
    if (step.kind === 'approval') return [];
    if (finished.has(step.state)) return [{ ...step, takenFrom: before.id }];
    if (open.has(step.state) && step.effect !== 'read')
      return [{ ...step, state: 'unknown' as const, takenFrom: before.id }];
    return [];
  });
}

function wrongWith(before: RunView, runbook: string, at: string | undefined): string | undefined {
  if (before.runbook !== runbook)
    return `run ${before.id} is one of ${before.runbook}, not of ${runbook}`;
  if (!endStates.has(before.state))
    return `run ${before.id} has not ended: it is ${before.state}, and would do the same steps`;
  if (at !== undefined && !before.steps.some((step) => step.id === at))
    return `run ${before.id} has no step ${JSON.stringify(at)}`;
  return undefined;
}
