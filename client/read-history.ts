import { defaultPayloadConverter } from '@temporalio/client';
import type { temporal as proto } from '@temporalio/proto';
import { payloadCodec } from '../common/payload-codec.js';
import { resetText } from '../common/former-ends.js';
import { resetReason } from '../common/reset-event.js';
import { aboutIn } from '../common/questions.js';
import type { AttemptRequest } from '../common/attempt.js';
import { decisionText } from '../common/decision-text.js';
import { decisionView } from '../common/decision-view.js';
import type { JudgeAnswer, JudgeRequest } from '../common/judgement.js';
import { senderIn, statedName, type Sender } from '../common/sender.js';
import type { DecisionView, TimelineEntry } from '../common/view.js';
import { isActionKind, whatItDoes } from '../language/kinds/index.js';
import type { Temporal } from './connect.js';
import { isNotFound, isRecordAway, isUnreachable } from './errors.js';
import { failureWords } from './pending.js';
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

type Event = proto.api.history.v1.IHistoryEvent;
type Payload = Parameters<typeof defaultPayloadConverter.fromPayload>[0];

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
    const events = executions.flatMap((each) => linesOf(each, { all, judged }));
    const entries = [...events, ...(await recordedOf(session, run))];
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

/** Who has taken a call, and ends of executions that were reset: only the record knows. */
async function recordedOf(session: Session, run: string): Promise<HistoryLine[]> {
  try {
    const pool = await session.record();
    const { recordedOnly } = await import('../store/index.js');
    if (!pool) return [];
    // Temporal's own event tells of a reset, and the execution before it has its own history.
    return (await recordedOnly(pool, run)).filter(({ kind }) => kind !== 'over').map(fromRecord);
  } catch (error) {
    if (isRecordAway(error)) return [];
    throw error;
  }
}

function fromRecord({ at, text, by, sender, does, decision }: TimelineEntry): HistoryLine {
  return {
    at,
    text,
    ...(by === null ? {} : { by }),
    ...(sender ? { sender } : {}),
    ...(does ? { does } : {}),
    ...(decision ? { decision } : {}),
    event: null,
    source: 'record',
  };
}

interface Telling {
  /** The engine's own bookkeeping too. */
  all: boolean;
  /** Ids of the decisions that have a verdict. */
  judged: ReadonlySet<string>;
}

function numbered(events: readonly Event[]): Map<string, Event> {
  return new Map(events.map((event) => [String(event.eventId), event]));
}

function judgedIn(events: readonly Event[]): string[] {
  const byNumber = numbered(events);
  return events.flatMap((event) => verdictsIn(event, byNumber)).map(({ id }) => id);
}

/** Temporal's events in words. */
function linesOf(events: readonly Event[], telling: Telling): HistoryLine[] {
  const byNumber = numbered(events);
  return events.flatMap((event) => {
    const line = { at: timeOf(event), event: Number(event.eventId) };
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

interface Start {
  by?: string;
  sender?: unknown;
  reason?: string;
}

function startIn(event: Event): Start | null {
  const started = event.workflowExecutionStartedEventAttributes;
  if (!started || started.continuedExecutionRunId) return null;
  return read(started.input?.payloads?.[0]) ?? {};
}

function startedBy(event: Event): Pick<HistoryLine, 'by' | 'sender'> {
  const start = startIn(event);
  const sender = senderIn(start?.sender);
  return start ? { by: start.by ?? null, ...(sender ? { sender } : {}) } : {};
}

function wordsOf(
  event: Event,
  events: ReadonlyMap<string, Event>,
  { all, judged }: Telling,
): string | null {
  const started = event.workflowExecutionStartedEventAttributes;
  if (started?.continuedExecutionRunId)
    return all ? '(engine) the run goes on in a new history' : null;
  const start = startIn(event);
  if (start) {
    const who = statedName(start.by ?? '', senderIn(start.sender));
    return `${who} started ${started?.workflowType?.name ?? 'the run'}: ${start.reason || 'no reason given'}`;
  }
  return (
    ofActivity(event, events, all) ??
    ofSignal(event, all ? new Set() : judged) ??
    ofTimer(event, events) ??
    ofEnd(event) ??
    (all ? typeOf(event) : null)
  );
}

function ofActivity(event: Event, events: ReadonlyMap<string, Event>, all: boolean): string | null {
  const scheduled = event.activityTaskScheduledEventAttributes;
  if (scheduled) return named(event, all, 'begins');
  const begun = event.activityTaskStartedEventAttributes;
  if (begun) {
    const again =
      (begun.attempt ?? 1) > 1
        ? `attempt ${begun.attempt} on ${begun.identity ?? 'a worker'}${begun.lastFailure ? `; before: ${failureWords(begun.lastFailure)}` : ''}`
        : null;
    if (again === null && !all) return null;
    return named(
      events.get(String(begun.scheduledEventId)),
      all,
      again ?? `taken by ${begun.identity ?? 'a worker'}`,
    );
  }
  const done = event.activityTaskCompletedEventAttributes;
  if (done) return named(events.get(String(done.scheduledEventId)), all, 'succeeded');
  const failed = event.activityTaskFailedEventAttributes;
  if (failed)
    return named(
      events.get(String(failed.scheduledEventId)),
      all,
      `failed: ${failed.failure?.message ?? 'no reason known'}`,
    );
  const late = event.activityTaskTimedOutEventAttributes;
  if (late) return named(events.get(String(late.scheduledEventId)), all, 'ran out of time');
  const cancelled = event.activityTaskCanceledEventAttributes;
  if (cancelled) return named(events.get(String(cancelled.scheduledEventId)), all, 'was cancelled');
  return null;
}

/**
 * `restart: Restart the job: succeeded`; null for the engine's own activities, which have no
 * summary.
 */
function named(scheduled: Event | undefined, all: boolean, what: string): string | null {
  const attributes = scheduled?.activityTaskScheduledEventAttributes;
  const summary = read(scheduled?.userMetadata?.summary);
  if (typeof summary === 'string')
    return `${attributes?.activityId} ${what}${what === 'begins' ? `: ${summary}` : ''}`;
  return all ? `(engine) ${attributes?.activityType?.name ?? 'activity'}: ${what}` : null;
}

/** A message that came. A decision is told with its verdict, once it has one. */
function ofSignal(event: Event, judged: ReadonlySet<string>): string | null {
  const signal = event.workflowExecutionSignaledEventAttributes;
  if (!signal) return null;
  const sent = read(signal.input?.payloads?.[0]) as Partial<
    Record<'id' | 'by' | 'verb' | 'about', unknown>
  > | null;
  const word = (value: unknown): string => (typeof value === 'string' ? value : '');
  if (judged.has(word(sent?.id))) return null;
  const about = aboutIn(sent?.about, 200);
  const what = [word(sent?.verb), about?.kind, about?.id].filter(Boolean).join(' ');
  return `${word(sent?.by) || 'somebody'} sent: ${what || signal.signalName || 'a signal'}`;
}

function ofTimer(event: Event, events: ReadonlyMap<string, Event>): string | null {
  if (event.timerStartedEventAttributes) {
    const summary = read(event.userMetadata?.summary);
    if (typeof summary !== 'string') return null;
    return isGateTimer(summary) ? `waits for a decision: ${summary}` : `waits: ${summary}`;
  }
  const fired = event.timerFiredEventAttributes;
  if (fired) {
    const summary = read(events.get(String(fired.startedEventId))?.userMetadata?.summary);
    if (typeof summary !== 'string') return null;
    return isGateTimer(summary) ? 'the time to decide is over' : 'the wait is over';
  }
  return null;
}

/** The timer of a gate is shown with the command that approves it. */
function isGateTimer(summary: string): boolean {
  return / approve \S+ \S+ --digest sha256:/.test(summary);
}

function ofEnd(event: Event): string | null {
  const completed = event.workflowExecutionCompletedEventAttributes;
  if (completed) {
    const result = read(completed.result?.payloads?.[0]) as { state?: string } | null;
    return `the run has ended: ${result?.state ?? 'completed'}`;
  }
  const failed = event.workflowExecutionFailedEventAttributes;
  if (failed) return `the run has failed: ${failed.failure?.message ?? 'no reason known'}`;
  const terminated = event.workflowExecutionTerminatedEventAttributes;
  if (terminated)
    return `the run was terminated in Temporal by ${terminated.identity || 'somebody'}: ${terminated.reason || 'no reason given'}`;
  if (event.workflowExecutionTimedOutEventAttributes) return 'the run ran out of time in Temporal';
  if (event.workflowExecutionCancelRequestedEventAttributes)
    return 'somebody asked Temporal to cancel the run';
  if (event.workflowExecutionCanceledEventAttributes) return 'the run was cancelled';
  const stuck = event.workflowTaskFailedEventAttributes;
  const reset = resetReason(event);
  if (reset !== null) return resetText(reset);
  if (stuck)
    return `a worker could not go on with the run: ${stuck.failure?.message ?? 'no reason known'}`;
  return null;
}

/** `WorkflowTaskCompleted`, from the name of the one attribute that is set. */
function typeOf(event: Event): string {
  const key =
    Object.keys(event).find(
      (name) => name.endsWith('EventAttributes') && (event as Record<string, unknown>)[name],
    ) ?? 'event';
  const name = key.replace(/EventAttributes$/, '');
  return `(engine) ${name.charAt(0).toUpperCase()}${name.slice(1)}`;
}

function read(payload: Payload | null | undefined): unknown {
  if (!payload) return null;
  try {
    return defaultPayloadConverter.fromPayload(payload);
  } catch {
    return null;
  }
}

function timeOf({ eventTime }: Event): string {
  return new Date(
    Number(eventTime?.seconds ?? 0) * 1_000 + Math.floor((eventTime?.nanos ?? 0) / 1e6),
  ).toISOString();
}
