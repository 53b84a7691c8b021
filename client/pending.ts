import { defaultPayloadConverter, type WorkflowExecutionDescription } from '@temporalio/client';
import type { JsonObject } from '../language/json.js';

/** An attempt that Temporal has under way or will begin again. */
export interface PendingAttempt {
  /** Path of the step; the engine names its activities by it. */
  step: string;
  /** As Temporal counts: lost workers included. */
  attempt: number;
  /** Why the attempt before failed; null for a first one. */
  lastFailure: string | null;
  /** What the attempt last said of its progress. */
  progress: JsonObject | null;
}

/** What `describe` tells of activities that are not done yet. */
export function pendingAttempts(execution: WorkflowExecutionDescription): PendingAttempt[] {
  return (execution.raw.pendingActivities ?? []).map((activity) => {
    const payload = activity.heartbeatDetails?.payloads?.[0];
    return {
      step: activity.activityId ?? '',
      attempt: activity.attempt ?? 1,
      lastFailure: activity.lastFailure?.message ?? null,
      progress: payload ? readProgress(payload) : null,
    };
  });
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
