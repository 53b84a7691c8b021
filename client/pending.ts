import { defaultPayloadConverter, type WorkflowExecutionDescription } from '@temporalio/client';
import protos, { type temporal as proto } from '@temporalio/proto';
import type { JsonObject } from '../language/json.js';

/** An attempt that runs, or that Temporal will retry. */
export interface PendingAttempt {
  /** Path of the step; the engine names its activities by it. */
  step: string;
  /** Temporal's count, which includes attempts of lost workers. */
  attempt: number;
  /** Why the previous attempt failed; null for a first one. */
  lastFailure: string | null;
  /** The last progress that the attempt reported. */
  progress: JsonObject | null;
}

/** The activities that `describe` shows as pending. */
export function pendingAttempts(execution: WorkflowExecutionDescription): PendingAttempt[] {
  return (execution.raw.pendingActivities ?? []).map((activity) => {
    const payload = activity.heartbeatDetails?.payloads?.[0];
    return {
      step: activity.activityId ?? '',
      attempt: activity.attempt ?? 1,
      lastFailure: failureWords(activity.lastFailure),
      progress: payload ? readProgress(payload) : null,
    };
  });
}

/** Why an attempt failed, in words; null where there is no failure. */
export function failureWords(failure: proto.api.failure.v1.IFailure | null | undefined) {
  const { timeoutType } = failure?.timeoutFailureInfo ?? {};
  // Temporal calls it `activity Heartbeat timeout`.
  if (timeoutType === protos.temporal.api.enums.v1.TimeoutType.TIMEOUT_TYPE_HEARTBEAT)
    return 'nothing was heard of its worker any more';
  return failure?.message ?? null;
}

function readProgress(
  payload: Parameters<typeof defaultPayloadConverter.fromPayload>[0],
): JsonObject | null {
  try {
    const value = defaultPayloadConverter.fromPayload<unknown>(payload);
    return value !== null && typeof value === 'object' && !Array.isArray(value)
      ? (value as JsonObject)
      : null;
  } catch {
    return null;
  }
}
