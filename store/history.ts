import type pg from 'pg';
import type { RunKey } from '../common/keys.js';
import { decisionText } from '../common/decision-text.js';
import { answeredWith, decides, endingVerbs } from '../common/questions.js';
import { overText } from '../common/former-ends.js';
import { takeOverText } from '../common/take-overs.js';
import { statedName } from '../common/sender.js';
import {
  endStates,
  type AttemptView,
  type DecisionView,
  type FormerEnd,
  type RunView,
  type TimelineEntry,
} from '../common/view.js';
import { readAcks, type Ack } from './acks.js';
import { findRun } from './find-run.js';
import { getRun } from './runs.js';
import { readAttempts } from './attempts.js';
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
    ...(await readAttempts(pool, no)).map(attempted),
    ...(await readWaits(pool, no)).map((wait) => waited(wait, view.decisions)),
    ...view.decisions.map(decided),
    ...(await readAcks(pool, no)).map(taken),
    ...(view.formerEnds ?? []).flatMap(over),
  ];
  entries.sort((a, b) => a.at.localeCompare(b.at));
  // Times of the run and of the record come from different clocks: start and end stay first and
  // last.
  return [started(view), ...entries, ...ended(view)];
}

/**
 * What only the record knows of a run's history: who has taken calls, what people were asked and
 * shown, and ends after which the run went on. Also when the run ended, by its own clock.
 */
export async function recordedOnly(
  pool: pg.Pool,
  run: string,
): Promise<{ entries: TimelineEntry[]; endedAt: string | null }> {
  const view = await getRun(pool, run);
  if (view === null) return { entries: [], endedAt: null };
  const no = await findRun(pool, { run, firstRunId: view.firstRunId });
  const acks = no === null ? [] : (await readAcks(pool, no)).map(taken);
  const waits = no === null ? [] : await readWaits(pool, no);
  const entries = [
    ...acks,
    ...waits.map((wait) => waited(wait, view.decisions)),
    ...(view.formerEnds ?? []).flatMap(over),
  ];
  return { entries, endedAt: view.endedAt };
}

function started(view: RunView): TimelineEntry {
  const text =
    `${statedName(view.requester, view.sender)} started ${view.runbook} ` +
    `${view.runbookVersion}: ${view.reason || 'no reason given'}`;
  return {
    at: view.startedAt,
    until: null,
    kind: 'start',
    step: null,
    attempt: null,
    state: 'running',
    by: view.requester,
    ...(view.sender ? { sender: view.sender } : {}),
    text,
  };
}

function attempted(attempt: AttemptView): TimelineEntry {
  const outcome =
    attempt.state === 'lost'
      ? `its worker ${attempt.worker} was lost`
      : attempt.state + (attempt.error ? `: ${attempt.error.message}` : '');
  const how = [takeOverText(attempt), outcome].filter(Boolean).join('; ');
  return {
    at: attempt.startedAt,
    until: attempt.endedAt,
    kind: attempt.undo ? 'undo' : 'attempt',
    step: attempt.step,
    attempt: attempt.attempt,
    state: attempt.state,
    by: null,
    text: `${attempt.title}, attempt ${attempt.attempt} on ${attempt.host}: ${how}`,
    ...(attempt.does ? { does: attempt.does } : {}),
  };
}

function waited(wait: RecordedWait, decisions: readonly DecisionView[]): TimelineEntry {
  const by = decisions.findLast(
    (d) =>
      d.accepted &&
      d.about?.id === wait.id &&
      d.at >= wait.since &&
      (!wait.closedAt || d.at <= wait.closedAt),
  );
  const answer = by && answeredWith(by.verb);
  const ending = by ? undefined : endingOf(wait, decisions);
  const state = answer ? answer.state : wait.closedAt === null ? 'waiting' : 'closed';
  return {
    at: wait.since,
    until: wait.closedAt,
    kind: 'wait',
    step: wait.id,
    attempt: wait.attempt,
    state,
    by: by?.by ?? null,
    text: `${wait.title}: ${answer ? askedText(wait) : howItStands(wait, ending)}`,
    ...{ evidence: wait.evidence, digest: wait.digest },
    ...(wait.follows ? { follows: wait.follows } : {}),
  };
}

/** A question at the time when it was asked: its answer is an entry of its own. */
function askedText({ kind, who, digest }: Pick<RecordedWait, 'kind' | 'who' | 'digest'>): string {
  if (kind === 'lease') return `waited for ${who}`;
  return `asked of ${who}${digest === '' ? '' : `, about ${digest}`}`;
}

/** The decision about the whole run that ended the wait. */
function endingOf(
  { since, closedAt }: RecordedWait,
  decisions: readonly DecisionView[],
): DecisionView | undefined {
  return decisions.find(
    ({ accepted, about, verb, at }) =>
      accepted &&
      about === null &&
      endingVerbs.some((each) => each === verb) &&
      at >= since &&
      closedAt !== null &&
      at <= closedAt,
  );
}

/** A wait that nobody has decided, as the end of a sentence. */
function howItStands(
  { kind, who, digest, closedAt }: RecordedWait,
  ending: DecisionView | undefined,
): string {
  if (closedAt === null) return `waits for ${who}`;
  const asked = askedText({ kind, who, digest });
  if (ending) return `${asked}; closed at ${closedAt}: ${ending.by} ${decides(ending.verb, null)}`;
  if (kind === 'lease') return `waited for ${who} until ${closedAt}`;
  return `${asked}; closed without a decision at ${closedAt}`;
}

function decided(decision: DecisionView): TimelineEntry {
  return {
    at: decision.at,
    until: null,
    kind: 'decision',
    step: decision.about?.id ?? null,
    attempt: null,
    state: decision.code,
    by: decision.by || null,
    ...(decision.sender ? { sender: decision.sender } : {}),
    text: decisionText(decision),
    decision,
  };
}

function taken({ call, by, sender, at }: Ack): TimelineEntry {
  return {
    at,
    until: null,
    kind: 'ack',
    step: call,
    attempt: null,
    state: 'taken',
    by,
    ...(sender ? { sender } : {}),
    text: `${statedName(by, sender)} is at it: ${call}`,
  };
}

function ended(view: RunView): TimelineEntry[] {
  if (!endStates.has(view.state) || view.endedAt === null) return [];
  const again = view.formerEnds ? 'ended again: ' : '';
  return [ofRun('end', view.endedAt, view.state, again + endText(view))];
}

/** An end, and what made the run go on after it. */
function over(end: FormerEnd): TimelineEntry[] {
  return [
    ofRun('end', end.endedAt, end.state, `the run had ended: ${endText(end)}`),
    ofRun('over', end.overAt, end.why, overText(end)),
  ];
}

function endText({ state, problem }: Pick<RunView, 'state' | 'problem'>): string {
  return problem ? `${state}: ${problem.message}` : state;
}

function ofRun(kind: 'end' | 'over', at: string, state: string, text: string): TimelineEntry {
  return { at, until: null, kind, step: null, attempt: null, state, by: null, text };
}
