import { undoPath } from '../language/paths.js';
import type { RunView, StepView, WaitView } from '../common/view.js';
import { hasEnded } from './exit-codes.js';
import { line } from './output.js';
import { leftBy, leftLine, leftTitle } from '../common/left.js';
import { pauseText, type TemporalPause } from '../common/temporal-pauses.js';
import type { PendingAttempt } from './pending.js';
import { decisionText } from '../common/decision-text.js';
import { problemText } from './problem-text.js';
import { duration } from '../common/times.js';

/** One event of a run. */
export interface Change {
  /** Identifies the event, in every view that has it. */
  key: string;
  /** ISO time. */
  at: string;
  kind: 'run' | 'step' | 'wait' | 'decision';
  /** Path of the step, or the gate; null for the run itself. */
  step: string | null;
  state: string;
  text: string;
}

/**
 * All events that a view shows, in order of time. It is the whole history so far, not the
 * difference from an earlier view: events between two polls are in it.
 */
export function changesOf(
  view: RunView,
  pending: readonly PendingAttempt[] = [],
  pauses: readonly TemporalPause[] = [],
): Change[] {
  const changes: Change[] = [
    {
      key: 'start',
      at: view.startedAt,
      kind: 'run',
      step: null,
      state: 'running',
      text: `${view.requester} started ${view.runbook}: ${view.reason || 'no reason given'}`,
    },
    ...view.steps.flatMap((step) =>
      step.kind === 'approval' ? ofGate(step, view) : ofStep(step, pending),
    ),
    ...view.waitingFor.filter((wait) => wait.kind !== 'approval').map(asking),
    ...pauses.map((pause): Change => ({
      key: `paused ${pause.step ?? ''} ${pause.since ?? ''}`,
      at: pause.since ?? view.startedAt,
      kind: pause.step === null ? 'run' : 'step',
      step: pause.step,
      state: 'paused-in-temporal',
      text: `${pauseText(pause)}; go on with: ${pause.next}`,
    })),
    ...view.decisions.map((each): Change => ({
      key: `decision ${each.id} ${each.code}`,
      at: each.at,
      kind: 'decision',
      step: each.about?.id ?? null,
      state: each.code,
      text: decisionText(each, each.by || 'somebody'),
    })),
  ];
  const story = changes
    .map((change, index) => ({ change, index }))
    .sort((a, b) => a.change.at.localeCompare(b.change.at) || a.index - b.index)
    .map(({ change }) => change);
  return hasEnded(view.state) ? [...story, ended(view)] : story;
}

/** The wait at a gate; its decision is an event of its own. */
function ofGate(step: StepView, view: RunView): Change[] {
  if (step.startedAt === null) return [];
  const wait = view.waitingFor.find((each) => each.id === step.id);
  const text = `waits for ${wait?.who ?? 'a decision'}: ${step.title}`;
  const at = wait?.since ?? step.startedAt;
  const waits: Change = {
    key: `wait ${step.id} ${step.attempts}`,
    at,
    kind: 'wait',
    step: step.id,
    state: 'waiting',
    text,
  };
  const decided = view.decisions.some((each) => each.accepted && each.about?.id === step.id);
  if (decided || step.endedAt === null) return [waits];
  const why = step.error ? `closed: ${problemText(step.error)}` : step.state;
  return [
    waits,
    {
      key: `gate ${step.id} ${step.state}`,
      at: step.endedAt,
      kind: 'step',
      step: step.id,
      state: step.state,
      text: why,
    },
  ];
}

/** A failed step that asks, or a target that another run holds; a decision is its own event. */
function asking({ id, attempt, since, who, title }: WaitView): Change {
  return {
    key: `wait ${id} ${attempt}`,
    at: since,
    kind: 'wait',
    step: id,
    state: 'waiting',
    text: `waits for ${who}: ${title}`,
  };
}

function ofStep(step: StepView, pending: readonly PendingAttempt[]): Change[] {
  const { startedAt, endedAt, id } = step;
  if (startedAt === null) return [];
  const change = (key: string, at: string, state: string, text: string): Change => ({
    key: `step ${id} ${key}`,
    at,
    kind: 'step',
    step: id,
    state,
    text,
  });
  const changes: Change[] = [];
  changes.push(change('begin', startedAt, 'running', `begins: ${step.title}`));
  const attempt = pending.find((each) => each.step === id || each.step === undoPath(id));
  if (attempt && attempt.attempt > 1) {
    const why = attempt.lastFailure ? `: ${attempt.lastFailure}` : '';
    changes.push(
      change(
        `attempt ${attempt.step} ${attempt.attempt}`,
        new Date().toISOString(),
        'running',
        `attempt ${attempt.attempt}${why}`,
      ),
    );
  }
  if (step.state === 'undoing')
    changes.push(
      change(
        'undoing',
        new Date().toISOString(),
        'undoing',
        `is undone: ${step.undo ?? step.title}`,
      ),
    );
  if (endedAt !== null) {
    const took = duration(Math.max(0, Date.parse(endedAt) - Date.parse(startedAt)));
    const tries = step.attempts > 1 ? `, ${step.attempts} attempts` : '';
    const why = step.error ? `: ${problemText(step.error)}` : '';
    changes.push(
      change(`end ${step.state}`, endedAt, step.state, `${step.state} after ${took}${tries}${why}`),
    );
  }
  return changes;
}

function ended(view: RunView): Change {
  const why = view.problem ? `: ${problemText(view.problem)}` : '';
  const left = leftBy(view).map(leftLine);
  const at = view.endedAt ?? new Date().toISOString();
  return {
    key: 'end',
    at,
    kind: 'run',
    step: null,
    state: view.state,
    text:
      'the run has ended: ' +
      `${view.state}${why}${left.length > 0 ? ` ${leftTitle}: ${left.join('; ')}` : ''}`,
  };
}

/** `05:12:44Z  identify/jobs  begins: …`, in one line. */
export function changeLine({ at, step, text }: Change): string {
  return (
    `${new Date(at).toISOString().slice(11, 19)}Z  ` +
    `${step ? `${line(step)}  ` : ''}${line(text)}`
  );
}
