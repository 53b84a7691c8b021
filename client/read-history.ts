import { payloadCodec } from '../common/payload-codec.js';
import type { AttemptRequest } from '../common/attempt.js';
import { decisionText } from '../common/decision-text.js';
import { decisionView } from '../common/decision-view.js';
import type { JudgeAnswer, JudgeRequest } from '../common/judgement.js';
import type { Sender } from '../common/sender.js';
import type { DecisionView, FollowingStep, TimelineEntry } from '../common/view.js';
import type { JsonObject } from '../language/json.js';
import { isActionKind, whatItDoes } from '../language/kinds/index.js';
import type { Temporal } from './connect.js';
import { isNotFound, isRecordAway, isUnreachable } from './errors.js';
import {
  endsRun,
  read,
  startedBy,
  timeOf,
  wordsOf,
  type Event,
  type Telling,
} from './event-words.js';
import type { Session } from './session.js';
import { noSuchRun } from './unknown-run.js';

/** One line of a run's history. */
export interface HistoryLine {
  /** ISO time. */
  at: string;
  text: string;
  /** Who started the run, decided or took a call, as stated, and where that was sent from. */
  by?: string | null;
  sender?: Sender;
  /** What a step does, in lines for people. */
  does?: readonly string[];
  /** What people were shown with a question, and the digest of it all. */
  evidence?: JsonObject;
  digest?: string;
  /** The steps that an approval lets happen. */
  follows?: readonly FollowingStep[];
  /** A decision with its verdict. */
  decision?: DecisionView;
  /** Number of Temporal's event; null for what comes from the record. */
  event: number | null;
  /** Absent: where the rest of the history comes from. */
  source?: 'record';
}

export interface RunHistory {
  entries: HistoryLine[];
  source: 'temporal' | 'record';
  note: string | null;
}

const patienceMs = 10_000;
const judgeActivity = 'judge';

/**
 * A run's history, from Temporal while it has the run, else from the record.
 * @throws CliError when neither knows it
 */
export async function readHistory(
  session: Session,
  run: string,
  all: boolean,
): Promise<RunHistory> {
  const temporal = await session.temporal();
  try {
    const { executions, isWhole } = await readExecutions(temporal, run);
    const judged = new Set(executions.flatMap(judgedIn));
    const { lines, endedAt } = await recordedOf(session, run);
    const events = executions.flatMap((each) => linesOf(each, { all, judged }, endedAt));
    const entries = [...events, ...lines];
    entries.sort((a, b) => a.at.localeCompare(b.at));
    return {
      entries,
      source: 'temporal',
      note: isWhole ? null : 'Temporal no longer has the beginning of this run.',
    };
  } catch (error) {
    if (!isNotFound(error) && !isUnreachable(error)) throw error;
    const pool = await session.record();
    if (!pool) throw isNotFound(error) ? await noSuchRun(session, run) : error;
    const { history } = await import('../store/index.js');
    const entries = await history(pool, run);
    if (entries.length === 0) throw isNotFound(error) ? await noSuchRun(session, run) : error;
    const why = isNotFound(error)
      ? 'Temporal no longer has the run'
      : `no Temporal server answers at ${temporal.address}`;
    return {
      entries: entries.map(fromRecord),
      source: 'record',
      note: `Read from the record: ${why}.`,
    };
  }
}

/**
 * The events of all executions of a run, the oldest first: a long run continues as new, again and
 * again.
 */
async function readExecutions(
  temporal: Temporal,
  run: string,
): Promise<{ executions: Event[][]; isWhole: boolean }> {
  const executions: Event[][] = [];
  for (let runId: string | undefined; ;) {
    try {
      const { events } = await temporal.within(patienceMs, () =>
        temporal.client.workflow.getHandle(run, runId).fetchHistory(),
      );
      executions.unshift(await unpacked(events ?? []));
    } catch (error) {
      if (executions.length === 0 || !isNotFound(error)) throw error;
      return { executions, isWhole: false };
    }
    runId =
      executions[0]?.[0]?.workflowExecutionStartedEventAttributes?.continuedExecutionRunId ||
      undefined;
    if (runId === undefined) return { executions, isWhole: true };
  }
}

/** The events with the payloads that we read unpacked. */
async function unpacked(events: readonly Event[]): Promise<Event[]> {
  const judgements = new Set(events.filter(asksJudge).map(({ eventId }) => String(eventId)));
  for (const event of events) {
    const answered = event.activityTaskCompletedEventAttributes;
    const read = [
      event.workflowExecutionStartedEventAttributes?.input,
      event.workflowExecutionSignaledEventAttributes?.input,
      event.workflowExecutionCompletedEventAttributes?.result,
      asksJudge(event) || isStep(event)
        ? event.activityTaskScheduledEventAttributes?.input
        : undefined,
      judgements.has(String(answered?.scheduledEventId)) ? answered?.result : undefined,
    ];
    for (const payloads of read)
      if (payloads?.payloads) payloads.payloads = await payloadCodec.decode(payloads.payloads);
  }
  return [...events];
}

function asksJudge(event: Event): boolean {
  return event.activityTaskScheduledEventAttributes?.activityType?.name === judgeActivity;
}

/** Whether a step, or its undo, begins. */
function isStep(event: Event): boolean {
  return isActionKind(event.activityTaskScheduledEventAttributes?.activityType?.name ?? '');
}

/** What the step that begins was asked to do. */
function doesIn(event: Event): Pick<HistoryLine, 'does'> {
  const input = event.activityTaskScheduledEventAttributes?.input?.payloads?.[0];
  const request = isStep(event) ? (read(input) as Partial<AttemptRequest> | null) : null;
  return request?.action ? { does: whatItDoes(request.action, request.verify) } : {};
}

/** As `recordedOnly`; nothing when the record does not answer. */
async function recordedOf(
  session: Session,
  run: string,
): Promise<{ lines: HistoryLine[]; endedAt: string | null }> {
  const nothing = { lines: [], endedAt: null };
  try {
    const pool = await session.record();
    const { recordedOnly } = await import('../store/index.js');
    if (!pool) return nothing;
    // Temporal's own event tells of a reset, and the execution before it has its own history.
    const { entries, endedAt } = await recordedOnly(pool, run);
    const lines = entries.filter(({ kind }) => kind !== 'over').map(fromRecord);
    return { lines, endedAt };
  } catch (error) {
    if (isRecordAway(error)) return nothing;
    throw error;
  }
}

function fromRecord(entry: TimelineEntry): HistoryLine {
  const { at, text, by, sender, does, decision, evidence, digest, follows } = entry;
  return {
    at,
    text,
    ...(by === null ? {} : { by }),
    ...(sender ? { sender } : {}),
    ...(does ? { does } : {}),
    ...(evidence ? { evidence } : {}),
    ...(digest ? { digest } : {}),
    ...(follows ? { follows } : {}),
    ...(decision ? { decision } : {}),
    event: null,
    source: 'record',
  };
}

function numbered(events: readonly Event[]): Map<string, Event> {
  return new Map(events.map((event) => [String(event.eventId), event]));
}

function judgedIn(events: readonly Event[]): string[] {
  const byNumber = numbered(events);
  return events.flatMap((event) => verdictsIn(event, byNumber)).map(({ id }) => id);
}

/** Temporal's events in words. */
function linesOf(
  events: readonly Event[],
  telling: Telling,
  endedAt: string | null,
): HistoryLine[] {
  const byNumber = numbered(events);
  return events.flatMap((event) => {
    const happened = timeOf(event);
    // A run has ended before Temporal closes it: status and report tell the same time.
    const isEnd = endedAt !== null && endedAt < happened && endsRun(event);
    const line = { at: isEnd ? endedAt : happened, event: Number(event.eventId) };
    const text = wordsOf(event, byNumber, telling);
    return [
      ...(text === null ? [] : [{ ...line, text, ...startedBy(event), ...doesIn(event) }]),
      ...verdictsIn(event, byNumber).map((decision) => ({
        ...line,
        text: decisionText(decision),
        by: decision.by,
        ...(decision.sender ? { sender: decision.sender } : {}),
        decision,
      })),
    ];
  });
}

/** The decisions that an answer of the judge is about, with their verdicts. */
function verdictsIn(event: Event, events: ReadonlyMap<string, Event>): DecisionView[] {
  const answered = event.activityTaskCompletedEventAttributes;
  const asked = answered && events.get(String(answered.scheduledEventId));
  if (!asked || !asksJudge(asked)) return [];
  const input = asked.activityTaskScheduledEventAttributes?.input?.payloads?.[0];
  const { decisions = [] } = (read(input) ?? {}) as Partial<JudgeRequest>;
  const { verdicts = [] } = (read(answered.result?.payloads?.[0]) ?? {}) as Partial<JudgeAnswer>;
  return decisions.flatMap(({ received, at }, index) => {
    const verdict = verdicts[index];
    return verdict ? [decisionView(received, verdict, at)] : [];
  });
}
