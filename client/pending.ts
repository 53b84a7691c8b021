import { defaultPayloadConverter, type WorkflowExecutionDescription } from '@temporalio/client';
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
