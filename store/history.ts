import type pg from 'pg';
import type { RunKey } from '../common/keys.js';
import { answeredWith, decides } from '../common/decided.js';
import {
  endStates,
  type AttemptView,
  type DecisionView,
  type RunView,
  type TimelineEntry,
} from '../common/view.js';
import { findRun } from './find-run.js';
import { getRun } from './runs.js';
import { readAttempts } from './steps.js';
import { readWaits, type RecordedWait } from './waits.js';

/**
 * A run's timeline in order: its start, attempts, waits for people, decisions (refused ones too)
 * and end. Empty when the record does not know the run.
 * @param run workflow id (the newest run under it), or the key of one run
 */
export async function history(pool: pg.Pool, run: RunKey | string): Promise<TimelineEntry[]> {
  const no = await findRun(pool, run);
  const view = no === null ? null : await getRun(pool, run);
  if (no === null || view === null) return [];
  const entries = [
    started(view),
    ...(await readAttempts(pool, no)).map(attempted),
    ...(await readWaits(pool, no)).map((wait) => waited(wait, view.decisions)),
    ...view.decisions.map(decided),
    ...ended(view),
  ];
  // Times of the run and of the record come from different clocks: start and end stay first and
  // last.
  const rank = (entry: TimelineEntry): number =>
    entry.kind === 'start' ? 0 : entry.kind === 'end' ? 2 : 1;
  return entries.sort((a, b) => rank(a) - rank(b) || a.at.localeCompare(b.at));
}

function started(view: RunView): TimelineEntry {
  const text = `${view.requester} started ${view.runbook} ${view.runbookVersion}: ${view.reason || 'no reason given'}`;
  return {
    at: view.startedAt,
    until: null,
    kind: 'start',
    step: null,
    attempt: null,
    state: 'running',
    by: view.requester,
    text,
  };
}

function attempted(attempt: AttemptView): TimelineEntry {
  const how =
    attempt.state === 'lost'
      ? `its worker ${attempt.worker} was lost`
      : attempt.state + (attempt.error ? `: ${attempt.error.message}` : '');
  return {
    at: attempt.startedAt,
    until: attempt.endedAt,
    kind: attempt.undo ? 'undo' : 'attempt',
    step: attempt.step,
    attempt: attempt.attempt,
    state: attempt.state,
    by: null,
    text: `${attempt.title}, attempt ${attempt.attempt} on ${attempt.host}: ${how}`,
  };
}

function waited(wait: RecordedWait, decisions: readonly DecisionView[]): TimelineEntry {
  const by = decisions.findLast(
    (d) =>
      d.accepted &&
      d.gate === wait.id &&
      d.at >= wait.since &&
      (!wait.closedAt || d.at <= wait.closedAt),
  );
  const open = wait.closedAt === null;
  if (wait.kind === 'lease') return waitedForTarget(wait, by);
  const answer = by && answeredWith(by.verb);
  const state = answer ? answer.state : open ? 'waiting' : 'closed';
  return {
    at: wait.since,
    until: wait.closedAt,
    kind: 'wait',
    step: wait.id,
    attempt: wait.attempt,
    state,
    by: by?.by ?? null,
    text: `${wait.title}: ${by ? `${answer?.words} by ${by.by}` : state === 'closed' ? 'closed without a decision' : `waits for ${wait.who}`}`,
    evidence: wait.evidence,
  };
}

function waitedForTarget(wait: RecordedWait, by: DecisionView | undefined): TimelineEntry {
  const state = by ? 'taken-over' : wait.closedAt === null ? 'waiting' : 'closed';
  const how = by
    ? `taken over by ${by.by}`
    : wait.closedAt === null
      ? `waits for ${wait.who}`
      : 'no longer';
  return {
    at: wait.since,
    until: wait.closedAt,
    kind: 'wait',
    step: wait.id,
    attempt: wait.attempt,
    state,
    by: by?.by ?? null,
    text: `${wait.title}: ${how}`,
    evidence: wait.evidence,
  };
}

function decided(decision: DecisionView): TimelineEntry {
  const who = decision.by || 'somebody';
  const what =
    decision.code === 'malformed'
      ? 'sent something that is no decision'
      : decides(decision.verb, decision.gate);
  return {
    at: decision.at,
    until: null,
    kind: 'decision',
    step: decision.gate,
    attempt: null,
    state: decision.code,
    by: decision.by || null,
    text: `${who} ${what}: ${decision.accepted ? 'accepted' : `refused (${decision.code})`}${decision.reason ? `: ${decision.reason}` : ''}`,
  };
}

function ended(view: RunView): TimelineEntry[] {
  if (!endStates.has(view.state) || view.endedAt === null) return [];
  const text = view.problem ? `${view.state}: ${view.problem.message}` : view.state;
  return [
    {
      at: view.endedAt,
      until: null,
      kind: 'end',
      step: null,
      attempt: null,
      state: view.state,
      by: null,
      text,
    },
  ];
}
