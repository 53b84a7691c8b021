import { ApplicationFailure, CancelledFailure, type TimeoutFailure } from '@temporalio/common';
// Nothing under lib/ is public: see driver.ts.
import { msOptionalToNumber } from '@temporalio/common/lib/time.js';
import proto, { type temporal } from '@temporalio/proto';
import type { Agenda, Appointment } from './agenda.js';
import { Attempt, type ActivityFunction } from './attempt.js';
import { msOf } from './payloads.js';
import { retryPolicyOf, timeoutsOf, type RetryPolicy, type ScheduleActivity } from './trace.js';

type Failure = temporal.api.failure.v1.Failure.$Properties;

// Generated CommonJS: Node finds no names in it.
const { RetryState } = proto.temporal.api.enums.v1;

/**
 * An activity as the server keeps it: attempts one after the other, by the schedule command's retry
 * policy.
 */
export class Task {
  readonly seq: number;
  readonly id: string;
  attempt: Attempt | undefined;
  cancelRequested = false;
  private attempts = 0;
  private readonly policy: RetryPolicy;
  private readonly expires: number;
  private appointment: Appointment | undefined;

  constructor(
    readonly command: ScheduleActivity,
    private readonly play: ActivityFunction,
    private readonly agenda: Agenda,
  ) {
    this.seq = command.seq ?? 0;
    this.id = command.activityId ?? '';
    this.policy = retryPolicyOf(command.retryPolicy);
    this.expires = this.agenda.now + (msOf(command.scheduleToCloseTimeout) || Infinity);
  }

  begin(): void {
    this.attempts += 1;
    const attempt = (this.attempt = new Attempt(
      this.id,
      this.attempts,
      this.command.taskQueue ?? '',
      this.agenda,
    ));
    this.appointment = this.agenda.in(timeoutsOf(this.command).startToCloseMs, () =>
      attempt.handle().timeout('START_TO_CLOSE'),
    );
    attempt.run(this.play, this.command.arguments ?? []);
  }

  /** For a worker that does not come. */
  waitForWorker(ms: number, gone: () => void): void {
    this.appointment = this.agenda.in(ms, gone);
  }

  /** @returns whether an attempt is at a worker, which has to end it */
  requestCancel(): boolean {
    this.cancelRequested = true;
    this.attempt?.cancel();
    return this.attempt !== undefined;
  }

  /** Makes an appointment for the next attempt, or says why there is none. */
  retry(error: ApplicationFailure | TimeoutFailure): temporal.api.enums.v1.RetryState {
    this.giveUp();
    const refused = this.refusal(error);
    if (refused !== undefined) return refused;
    const requested =
      error instanceof ApplicationFailure ? msOptionalToNumber(error.nextRetryDelay) : undefined;
    const { initialMs, factor, maxMs } = this.policy;
    const delay = requested ?? Math.min(initialMs * factor ** (this.attempts - 1), maxMs);
    if (this.agenda.now + delay >= this.expires) return RetryState.RETRY_STATE_TIMEOUT;
    this.appointment = this.agenda.in(delay, () => this.begin());
    return RetryState.RETRY_STATE_IN_PROGRESS;
  }

  /** Nothing more comes of the present attempt or of the appointment for the next. */
  giveUp(): void {
    this.appointment?.cancel();
    this.attempt?.abandon();
    this.attempt = undefined;
  }

  private refusal(
    error: ApplicationFailure | TimeoutFailure,
  ): temporal.api.enums.v1.RetryState | undefined {
    const type = error instanceof ApplicationFailure ? error.type : undefined;
    const permanent =
      error instanceof ApplicationFailure &&
      (error.nonRetryable || this.policy.nonRetryable.includes(type ?? ''));
    if (this.cancelRequested) return RetryState.RETRY_STATE_CANCEL_REQUESTED;
    if (permanent) return RetryState.RETRY_STATE_NON_RETRYABLE_FAILURE;
    if (this.policy.attempts > 0 && this.attempts >= this.policy.attempts)
      return RetryState.RETRY_STATE_MAXIMUM_ATTEMPTS_REACHED;
    return undefined;
  }
}

/** What the SDK's worker takes for an activity's answer to a cancellation. */
export function isCancelled(error: unknown): boolean {
  return (
    error instanceof CancelledFailure || (error instanceof Error && error.name === 'AbortError')
  );
}

export function cancelledFailure(command: ScheduleActivity): Failure {
  return activityFailure(
    command,
    'Activity cancelled',
    { canceledFailureInfo: {} },
    RetryState.RETRY_STATE_CANCEL_REQUESTED,
  );
}

export function activityFailure(
  { activityId, activityType }: ScheduleActivity,
  message: string,
  cause: Failure,
  retryState: temporal.api.enums.v1.RetryState,
): Failure {
  const activityFailureInfo = {
    activityId: activityId ?? '',
    activityType: { name: activityType ?? '' },
    retryState,
  };
  return { message, cause, activityFailureInfo };
}
