import { defaultPayloadConverter } from '@temporalio/client';
import type { temporal as proto } from '@temporalio/proto';
import { resetText } from '../common/former-ends.js';
import { aboutIn } from '../common/questions.js';
import { resetReason } from '../common/reset-event.js';
import { senderIn, statedName, type Sender } from '../common/sender.js';
import { wordsOfSignal } from '../common/signal-words.js';
import { failureWords } from './pending.js';

/* Temporal's events in words, one by one. */

export type Event = proto.api.history.v1.IHistoryEvent;
type Payload = Parameters<typeof defaultPayloadConverter.fromPayload>[0];

export interface Telling {
  /** The engine's own bookkeeping too. */
  all: boolean;
  /** Ids of the decisions that have a verdict. */
  judged: ReadonlySet<string>;
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

/** Who started the run, where the event is its start. */
export function startedBy(event: Event): { by?: string | null; sender?: Sender } {
  const start = startIn(event);
  const sender = senderIn(start?.sender);
  return start ? { by: start.by ?? null, ...(sender ? { sender } : {}) } : {};
}

/** What the event says to people; null for what is the engine's own. */
export function wordsOf(
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
    return (
      `${who} started ${started?.workflowType?.name ?? 'the run'}: ` +
      `${start.reason || 'no reason given'}`
    );
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
        ? `attempt ${begun.attempt} on ` +
          (begun.identity ?? 'a worker') +
          (begun.lastFailure ? `; before: ${failureWords(begun.lastFailure)}` : '')
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
  const told = wordsOfSignal(signal.signalName ?? '');
  if (told !== undefined) return told;
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
    return (
      `the run was terminated in Temporal by ${terminated.identity || 'somebody'}: ` +
      `${terminated.reason || 'no reason given'}`
    );
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

/** Whether the run itself has ended its execution, after it had told the record of its end. */
export function endsRun(event: Event): boolean {
  return Boolean(
    event.workflowExecutionCompletedEventAttributes ??
    event.workflowExecutionFailedEventAttributes ??
    event.workflowExecutionCanceledEventAttributes,
  );
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

/** The value of a payload that was unpacked before; null where there is none. */
export function read(payload: Payload | null | undefined): unknown {
  if (!payload) return null;
  try {
    return defaultPayloadConverter.fromPayload(payload);
  } catch {
    return null;
  }
}

/** When it happened, as an ISO time. */
export function timeOf({ eventTime }: Event): string {
  return new Date(
    Number(eventTime?.seconds ?? 0) * 1_000 + Math.floor((eventTime?.nanos ?? 0) / 1e6),
  ).toISOString();
}
