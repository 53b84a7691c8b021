import type { WorkflowClient } from '@temporalio/client';
import type { temporal } from '@temporalio/proto';
import { attributesOf, jsonOf, memoOf, msOf, textOf } from '../../testing/driver/payloads.js';
import { failureOf, retryPolicyOf, type TraceEntry } from '../../testing/driver/trace.js';

type Event = temporal.api.history.v1.HistoryEvent.$Properties;

/** What Core notes of `patched` beside its marker; no command of the workflow's own. */
const patchAttribute = 'TemporalChangeVersion';

/**
 * The commands of a run as its histories tell them, over all executions of the chain, in the
 * driver's words.
 */
export async function serverTrace(
  client: WorkflowClient,
  workflowId: string,
  firstRunId: string,
): Promise<TraceEntry[]> {
  const trace: TraceEntry[] = [];
  for (let runId: string | undefined = firstRunId; runId;) {
    const events: Event[] = (await client.getHandle(workflowId, runId).fetchHistory()).events ?? [];
    const ids = new Map(
      events.map((event) => [
        String(event.eventId),
        event.activityTaskScheduledEventAttributes?.activityId ?? '',
      ]),
    );
    trace.push(
      ...events.flatMap((event) => traceOfEvent(event, (eventId) => ids.get(eventId) ?? '') ?? []),
    );
    runId =
      events.at(-1)?.workflowExecutionContinuedAsNewEventAttributes?.newExecutionRunId ?? undefined;
  }
  return trace;
}

function traceOfEvent(
  event: Event,
  activityId: (eventId: string) => string,
): TraceEntry | undefined {
  const summary = textOf(event.userMetadata?.summary);
  const activity = event.activityTaskScheduledEventAttributes;
  if (activity) {
    return {
      type: 'activity',
      activity: activity.activityType?.name ?? '',
      id: activity.activityId ?? '',
      input: jsonOf(activity.input?.payloads),
      startToCloseMs: msOf(activity.startToCloseTimeout),
      heartbeatMs: msOf(activity.heartbeatTimeout),
      retry: retryPolicyOf(activity.retryPolicy),
      summary,
    };
  }
  const cancelled = event.activityTaskCancelRequestedEventAttributes;
  if (cancelled)
    return { type: 'cancel-activity', id: activityId(String(cancelled.scheduledEventId)) };
  const timer = event.timerStartedEventAttributes;
  if (timer)
    return { type: 'timer', id: timer.timerId ?? '', ms: msOf(timer.startToFireTimeout), summary };
  if (event.timerCanceledEventAttributes)
    return { type: 'cancel-timer', id: event.timerCanceledEventAttributes.timerId ?? '' };
  return traceOfNote(event) ?? traceOfEnd(event);
}

function traceOfNote(event: Event): TraceEntry | undefined {
  const attributes =
    event.upsertWorkflowSearchAttributesEventAttributes?.searchAttributes?.indexedFields;
  if (attributes && !(patchAttribute in attributes))
    return { type: 'search-attributes', values: attributesOf(attributes) };
  const memo = event.workflowPropertiesModifiedEventAttributes?.upsertedMemo;
  if (memo) return { type: 'memo', values: memoOf(memo.fields) };
  const marker = event.markerRecordedEventAttributes;
  if (marker?.markerName !== 'core_patch') return undefined;
  const [patch] = jsonOf(marker.details?.['patch-data']?.payloads) as { id: string }[];
  return { type: 'patch', id: patch?.id ?? '' };
}

function traceOfEnd(event: Event): TraceEntry | undefined {
  const completed = event.workflowExecutionCompletedEventAttributes;
  if (completed) return { type: 'complete', result: jsonOf(completed.result?.payloads)[0] ?? null };
  const failed = event.workflowExecutionFailedEventAttributes;
  if (failed) return { type: 'fail', failure: failureOf(failed.failure) };
  if (event.workflowExecutionCanceledEventAttributes) return { type: 'cancel' };
  const next = event.workflowExecutionContinuedAsNewEventAttributes;
  if (!next) return undefined;
  return {
    type: 'continue-as-new',
    workflow: next.workflowType?.name ?? '',
    input: jsonOf(next.input?.payloads),
    memo: memoOf(next.memo?.fields),
  };
}
