import { CancelledFailure, defaultPayloadConverter } from '@temporalio/common';
import type { coresdk, temporal } from '@temporalio/proto';
import type { Json, JsonObject } from '../../language/json.js';
import {
  attributesOf,
  failureConverter,
  isEmpty,
  jsonOf,
  memoOf,
  msOf,
  textOf,
  valueOf,
  type Payloads,
} from './payloads.js';

export type Command = coresdk.workflow_commands.WorkflowCommand.$Properties;
export type ScheduleActivity = coresdk.workflow_commands.ScheduleActivity.$Properties;
type Failure = temporal.api.failure.v1.Failure.$Properties;

/**
 * One command of a workflow, in the order issued; `ms` are milliseconds. What Temporal fills in is
 * filled in here too.
 */
export type TraceEntry =
  | {
      type: 'activity';
      activity: string;
      id: string;
      input: Json[];
      startToCloseMs: number;
      heartbeatMs: number;
      retry: RetryPolicy;
      summary: string;
    }
  | { type: 'cancel-activity'; id: string }
  | { type: 'timer'; id: string; ms: number; summary: string }
  | { type: 'cancel-timer'; id: string }
  | { type: 'search-attributes'; values: JsonObject }
  | { type: 'memo'; values: JsonObject }
  | { type: 'patch'; id: string }
  | { type: 'continue-as-new'; workflow: string; input: Json[]; memo: JsonObject }
  | { type: 'complete'; result: Json }
  | { type: 'fail'; failure: TraceFailure }
  | { type: 'cancel' };

export interface TraceFailure {
  type: string;
  message: string;
  nonRetryable: boolean;
}

export interface RetryPolicy {
  initialMs: number;
  factor: number;
  maxMs: number;
  /** 0: without end. */
  attempts: number;
  nonRetryable: string[];
}

/** How a run ended; `failure` is what the workflow threw. */
export type Ending =
  | { status: 'completed'; result: unknown }
  | { status: 'failed'; failure: Error }
  | { status: 'cancelled'; failure: CancelledFailure };

/**
 * One line for each command, for expectations that people read: `command first`, `timer 86400000`,
 * `cancel-activity last`.
 */
export function outline(trace: readonly TraceEntry[]): string[] {
  return trace.map((entry) => {
    switch (entry.type) {
      case 'activity':
        return /^\d+$/.test(entry.id) ? entry.activity : `${entry.activity} ${entry.id}`;
      case 'cancel-activity':
      case 'cancel-timer':
      case 'patch':
        return `${entry.type} ${entry.id}`;
      case 'timer':
        return `timer ${entry.ms}`;
      case 'search-attributes':
      case 'memo':
        return `${entry.type} ${(Object.values(entry.values).flat() as string[]).join(' ')}`.trim();
      case 'continue-as-new':
        return `continue-as-new ${entry.workflow}`;
      case 'fail':
        return `fail ${entry.failure.type}`;
      case 'complete':
      case 'cancel':
        return entry.type;
    }
  });
}

/** A command as plain JSON. @throws Error for what the driver cannot play */
export function traceOf(
  command: Command,
  activityId: (seq: number) => string,
  memo: Payloads,
): TraceEntry {
  const {
    scheduleActivity: activity,
    startTimer: timer,
    continueAsNewWorkflowExecution: next,
  } = command;
  const summary = textOf(command.userMetadata?.summary);
  if (activity) {
    return {
      type: 'activity',
      activity: activity.activityType ?? '',
      id: activity.activityId ?? '',
      input: jsonOf(activity.arguments),
      ...timeoutsOf(activity),
      retry: retryPolicyOf(activity.retryPolicy),
      summary,
    };
  }
  if (timer)
    return { type: 'timer', id: String(timer.seq), ms: msOf(timer.startToFireTimeout), summary };
  if (command.cancelTimer) return { type: 'cancel-timer', id: String(command.cancelTimer.seq) };
  if (command.requestCancelActivity)
    return { type: 'cancel-activity', id: activityId(command.requestCancelActivity.seq ?? 0) };
  if (command.upsertWorkflowSearchAttributes)
    return {
      type: 'search-attributes',
      values: attributesOf(command.upsertWorkflowSearchAttributes.searchAttributes?.indexedFields),
    };
  if (command.modifyWorkflowProperties)
    return { type: 'memo', values: memoOf(command.modifyWorkflowProperties.upsertedMemo?.fields) };
  if (command.setPatchMarker) return { type: 'patch', id: command.setPatchMarker.patchId ?? '' };
  if (next) {
    const carried = isEmpty(next.memo) ? memo : next.memo;
    return {
      type: 'continue-as-new',
      workflow: next.workflowType ?? '',
      input: jsonOf(next.arguments),
      memo: memoOf(carried),
    };
  }
  return traceOfEnd(command);
}

function traceOfEnd(command: Command): TraceEntry {
  const { completeWorkflowExecution: completed, failWorkflowExecution: failed } = command;
  if (completed) return { type: 'complete', result: (valueOf(completed.result) ?? null) as Json };
  if (failed) return { type: 'fail', failure: failureOf(failed.failure) };
  if (command.cancelWorkflowExecution) return { type: 'cancel' };
  throw new Error(
    `the driver cannot play the command ${Object.keys(command).join()}: ` +
      'teach it in testing/driver/trace.ts',
  );
}

export function isTerminal(command: Command): boolean {
  return Boolean(
    command.completeWorkflowExecution ??
    command.failWorkflowExecution ??
    command.cancelWorkflowExecution ??
    command.continueAsNewWorkflowExecution,
  );
}

export function endingOf({
  completeWorkflowExecution: completed,
  failWorkflowExecution: failed,
}: Command): Ending {
  if (completed) return { status: 'completed', result: valueOf(completed.result) };
  if (failed)
    return {
      status: 'failed',
      failure: failureConverter.failureToError(failed.failure ?? {}, defaultPayloadConverter),
    };
  return { status: 'cancelled', failure: new CancelledFailure('the workflow was cancelled') };
}

/** A retry policy with the server's own defaults where the command leaves something out. */
export function retryPolicyOf(policy: ScheduleActivity['retryPolicy']): RetryPolicy {
  const initialMs = msOf(policy?.initialInterval) || 1_000;
  return {
    initialMs,
    factor: policy?.backoffCoefficient || 2,
    maxMs: msOf(policy?.maximumInterval) || 100 * initialMs,
    attempts: policy?.maximumAttempts ?? 0,
    nonRetryable: policy?.nonRetryableErrorTypes ?? [],
  };
}

/** The limits that the server holds an attempt to: none may exceed the one around it. 0 is none. */
export function timeoutsOf(activity: ScheduleActivity): {
  startToCloseMs: number;
  heartbeatMs: number;
} {
  const whole = msOf(activity.scheduleToCloseTimeout) || Infinity;
  const startToCloseMs = Math.min(msOf(activity.startToCloseTimeout) || Infinity, whole);
  return { startToCloseMs, heartbeatMs: Math.min(msOf(activity.heartbeatTimeout), startToCloseMs) };
}

export function failureOf(failure: Failure | null | undefined): TraceFailure {
  const { type, nonRetryable } = failure?.applicationFailureInfo ?? {};
  return { type: type ?? '', message: failure?.message ?? '', nonRetryable: nonRetryable ?? false };
}
