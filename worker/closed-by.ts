import { defaultPayloadConverter } from '@temporalio/common';
import type { WorkflowExecutionDescription } from '@temporalio/client';
import { endStates, type Problem, type RunState } from '../common/view.js';
import type { JsonObject } from '../language/json.js';

type StatusName = WorkflowExecutionDescription['status']['name'];

/** How Temporal closed a run. */
export interface Closed {
  state: RunState;
  /** ISO time. */
  endedAt: string;
  /**
   * What happened, without its end: `terminated in Temporal by …`; null for a run that ended well.
   */
  why: Pick<Problem, 'type' | 'message'> | null;
  outputs?: JsonObject;
}

/** The fields of closing events that say why the run ended. */
export interface CloseEvent {
  workflowExecutionTerminatedEventAttributes?: {
    reason?: string | null;
    identity?: string | null;
  } | null;
  workflowExecutionFailedEventAttributes?: { failure?: { message?: string | null } | null } | null;
  workflowExecutionCompletedEventAttributes?: {
    result?: {
      payloads?: Parameters<typeof defaultPayloadConverter.fromPayload>[0][] | null;
    } | null;
  } | null;
}

/** How a run ended, from the last event of its history. */
export function closedBy(
  status: StatusName,
  event: CloseEvent | undefined,
): Omit<Closed, 'endedAt'> {
  switch (status) {
    case 'COMPLETED':
      return completed(event);
    case 'FAILED': {
      const message = event?.workflowExecutionFailedEventAttributes?.failure?.message;
      return {
        state: 'failed',
        why: { type: 'RunFailed', message: message || 'the run failed in Temporal' },
      };
    }
    case 'CANCELLED':
      return {
        state: 'cancelled',
        why: { type: 'Cancelled', message: 'the run was cancelled in Temporal' },
      };
    case 'TIMED_OUT':
      return terminated(
        'Temporal ended the run because the time limit of its execution had passed',
      );
    case 'CONTINUED_AS_NEW':
      return terminated('another run uses the id of this one in Temporal, so it is over');
    default: {
      const { identity, reason } = event?.workflowExecutionTerminatedEventAttributes ?? {};
      const who = identity ? ` by ${identity}` : '';
      return terminated(
        `the run was terminated in Temporal${who}, ` +
          `${reason ? `reason given: ${reason}` : 'no reason given'}`,
      );
    }
  }
}

/** A run that Temporal does not have. */
export function gone(): Omit<Closed, 'endedAt'> {
  return terminated(
    'Temporal no longer has this run: it was deleted there, or the server has lost its data',
  );
}

function terminated(message: string): Omit<Closed, 'endedAt'> {
  return { state: 'terminated', why: { type: 'Terminated', message } };
}

/** The run itself returned its end state, but could not record it. */
function completed(event: CloseEvent | undefined): Omit<Closed, 'endedAt'> {
  const payload = event?.workflowExecutionCompletedEventAttributes?.result?.payloads?.[0];
  const result =
    payload &&
    defaultPayloadConverter.fromPayload<{ state?: RunState; outputs?: JsonObject } | null>(payload);
  const { state, outputs } = result ?? {};
  if (!state || !endStates.has(state))
    return terminated('the run completed in Temporal without saying how it ended');
  return { state, why: null, ...(outputs ? { outputs } : {}) };
}
