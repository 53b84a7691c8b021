import { defaultPayloadConverter } from '@temporalio/client';
import type { temporal as proto } from '@temporalio/proto';
import { payloadCodec } from '../common/payload-codec.js';
import type { Temporal } from './connect.js';
import { CliError, isNotFound, isUnreachable } from './errors.js';
import { exitCodes } from './exit-codes.js';
import type { Session } from './session.js';

/** One line of a run's history. */
export interface HistoryLine {
  /** ISO time. */
  at: string;
  text: string;
  /** Number of Temporal's event; null for what comes from the record. */
  event: number | null;
}

export interface RunHistory {
  entries: HistoryLine[];
  source: 'temporal' | 'record';
  note: string | null;
}

type Event = proto.api.history.v1.IHistoryEvent;
type Payload = Parameters<typeof defaultPayloadConverter.fromPayload>[0];

const patienceMs = 10_000;

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
    const entries = executions.flatMap((events) => linesOf(events, all));
    return {
      entries,
      source: 'temporal',
      note: isWhole ? null : 'Temporal no longer has the beginning of this run.',
    };
  } catch (error) {
    if (!isNotFound(error) && !isUnreachable(error)) throw error;
    const pool = await session.record();
    if (!pool) throw isNotFound(error) ? noSuchRun(session, run) : error;
    const { history } = await import('../store/index.js');
    const entries = await history(pool, run);
    if (entries.length === 0) throw isNotFound(error) ? noSuchRun(session, run) : error;
    const why = isNotFound(error)
      ? 'Temporal no longer has the run'
      : `no Temporal server answers at ${temporal.address}`;
    return {
      entries: entries.map(({ at, text }) => ({ at, text, event: null })),
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
      executions.unshift(await Promise.all((events ?? []).map(unpacked)));
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

/** The event with the payloads that we read unpacked. */
async function unpacked(event: Event): Promise<Event> {
  const read = [
    event.workflowExecutionStartedEventAttributes?.input,
    event.workflowExecutionSignaledEventAttributes?.input,
    event.workflowExecutionCompletedEventAttributes?.result,
  ];
  for (const payloads of read)
    if (payloads?.payloads) payloads.payloads = await payloadCodec.decode(payloads.payloads);
  return event;
}

function noSuchRun(session: Session, run: string): CliError {
  return new CliError(
    `There is no run ${JSON.stringify(run)}.`,
    `See the runs with: ${session.command} runs`,
    exitCodes.usage,
  );
}

/** Temporal's events in words; those of the engine's own bookkeeping only when `all` is set. */
function linesOf(events: readonly Event[], all: boolean): HistoryLine[] {
  const byNumber = new Map(events.map((event) => [String(event.eventId), event]));
  return events.flatMap((event) => {
    const text = wordsOf(event, byNumber, all);
    return text === null ? [] : [{ at: timeOf(event), text, event: Number(event.eventId) }];
  });
}

function wordsOf(event: Event, events: ReadonlyMap<string, Event>, all: boolean): string | null {
  const started = event.workflowExecutionStartedEventAttributes;
  if (started?.continuedExecutionRunId)
    return all ? '(engine) the run goes on in a new history' : null;
  if (started) {
    const envelope = read(started.input?.payloads?.[0]) as { by?: string; reason?: string } | null;
    return `${envelope?.by ?? 'somebody'} started ${started.workflowType?.name ?? 'the run'}: ${envelope?.reason || 'no reason given'}`;
  }
  return (
    ofActivity(event, events, all) ??
    ofMessage(event, events) ??
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
        ? `attempt ${begun.attempt} on ${begun.identity ?? 'a worker'}${begun.lastFailure?.message ? `; before: ${begun.lastFailure.message}` : ''}`
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

function ofMessage(event: Event, events: ReadonlyMap<string, Event>): string | null {
  const signal = event.workflowExecutionSignaledEventAttributes;
  if (signal) {
    const sent = read(signal.input?.payloads?.[0]) as {
      by?: unknown;
      verb?: unknown;
      gate?: unknown;
      reason?: unknown;
    } | null;
    const word = (value: unknown): string => (typeof value === 'string' ? value : '');
    const what = [word(sent?.verb), word(sent?.gate)].filter(Boolean).join(' ');
    return `${word(sent?.by) || 'somebody'} sent: ${what || signal.signalName || 'a signal'}${word(sent?.reason) ? ` (${word(sent?.reason)})` : ''}`;
  }
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
  return / approve \S+ \S+.* --reason /.test(summary);
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
