import { gateFor } from '../../common/gate-before.js';
import { changesTarget } from '../../common/lease.js';
import { innermost, isActionKind } from '../../language/kinds/index.js';
import type { StepSpec } from '../../language/runbook.js';
import type { Work } from './attempts.js';
import type { LiveRun } from './live-run.js';
import { ProcedureStopped } from './outcome.js';

/** What is about to be done to the world. */
export interface Effect {
  step: StepSpec;
  /** Path of the declared step that `step` is, or is part of. */
  top: string;
  /** What is to be done; absent when people do the step by hand. */
  work?: Pick<Work, 'action' | 'undo'>;
  /** How often the step was done since its gate was opened. */
  before: number;
  /** Set for an undo. `stopped` is true once the rollback has to stop: then the wait ends too. */
  undo?: { stopped: () => boolean };
}

/** After a wait, all guards are evaluated again from the first. */
type Answer = 'allow' | { wait: () => Promise<void> } | { refuse: ProcedureStopped };
type Guard = (effect: Effect, run: LiveRun) => Answer;

/**
 * Evaluated in this order before every effect and every undo, whatever the procedure's code does.
 * The worker checks what a workflow cannot see, in the statement that records the attempt's start:
 * the lease of the target, the answers and decisions that the step builds on, and that the record
 * can be reached. A policy or a change window is one more line here.
 */
const guards: readonly Guard[] = [paused, declaredKind, isolation, approval];

/** Waits until the effect is allowed. @throws ProcedureStopped when it is refused */
export async function passGuards(effect: Effect, run: LiveRun): Promise<void> {
  for (;;) {
    const answer = firstObjection(effect, run);
    if (answer === 'allow') return;
    if ('refuse' in answer) throw answer.refuse;
    await answer.wait();
  }
}

function firstObjection(effect: Effect, run: LiveRun): Answer {
  for (const guard of guards) {
    const answer = guard(effect, run);
    if (answer !== 'allow') return answer;
  }
  return 'allow';
}

/** A run that is paused, or about to continue as new, begins nothing. */
function paused({ undo }: Effect, { turn }: LiveRun): Answer {
  const isAbandoned = (): boolean => undo?.stopped() === true;
  return isAbandoned() || turn.isOpen ? 'allow' : { wait: () => turn.waitToBegin(isAbandoned) };
}

/** People were shown the kind that the step declares. */
function declaredKind({ step, work, undo }: Effect): Answer {
  const action = work?.action;
  const isDeclared = undo || !action || !isActionKind(step.kind) || action.kind === step.kind;
  if (isDeclared) return 'allow';
  return refuse(
    `step ${step.id} is declared as ${step.kind} and would do a ${action.kind}`,
    'This is a fault of the procedure: report it to its owners.',
  );
}

/**
 * A change behind a gate needs its approval. One that was given for other code, for other programs
 * or for other actions is asked for once more.
 */
function approval({ step, top, work, before, undo }: Effect, run: LiveRun): Answer {
  const gate = undo ? undefined : gateFor(step, top, run.plan);
  if (gate === undefined) return 'allow';
  if (run.gates.isOutdated(gate)) return { wait: () => run.gates.renew(gate) };
  if (run.gates.approved(gate)) {
    if (!work || run.gates.hasListed(gate, top, work, before)) return 'allow';
    return { wait: () => run.gates.amend(gate, top, work) };
  }
  return refuse(
    `step ${step.id} changes something behind gate ${gate}, which is not approved`,
    'This is a fault of the procedure: report it to its owners.',
  );
}

/** A drill changes isolated targets only. */
function isolation({ step, work }: Effect, { plan }: LiveRun): Answer {
  if (!plan.drill || !changesTarget(step)) return 'allow';
  const isIsolated = (name: string | undefined): boolean =>
    plan.targets.some((target) => target.name === name && target.isolated);
  const open = [work?.action, work?.undo]
    .flatMap((action) => (action ? [innermost(action)] : []))
    .find(({ target }) => !isIsolated(target));
  if (!open) return 'allow';
  const what =
    open.target === undefined
      ? 'something, and names no target'
      : `target ${open.target}, which is not isolated`;
  return refuse(
    `step ${step.id} of a drill would change ${what}`,
    'A drill changes isolated targets only: report this to the owners of the runbook.',
  );
}

function refuse(what: string, next: string): Answer {
  return { refuse: new ProcedureStopped(what, next) };
}
