import {
  ActivityFailure,
  ApplicationFailure,
  isCancellation,
  TimeoutFailure,
} from '@temporalio/workflow';
import { failureType, type FailureType } from '../../common/failures.js';
import { detailOf, shortened } from '../../common/shapes.js';
import { problemLine } from '../../common/next-step.js';
import type { Problem } from '../../common/view.js';
import type { Program } from '../../language/plan.js';

/*
 * How a procedure ends when it does not succeed. These are the only errors that the engine throws
 * on purpose. Anything else is a bug in workflow code: it fails the workflow task, where it is
 * visible and a corrected worker can resume the run.
 */

/**
 * The failure that a workflow ends with.
 * @param command name of the command line; a run that was never admitted does not know it
 */
export function asFailure(problem: Problem, command = 'runbook'): ApplicationFailure {
  return ApplicationFailure.create({
    type: problem.type,
    message: problemLine(problem, command),
    nonRetryable: true,
  });
}

/** A step used up its attempts. */
export class StepFailed extends Error {
  constructor(
    readonly path: string,
    readonly problem: Problem,
    /**
     * How the run has to end, by the step's declaration or a decision; null leaves it to the
     * runbook.
     */
    readonly chosenEnding: 'rollback' | 'abort' | null,
  ) {
    super(problem.message);
  }
}

/** A gate was rejected, or its deadline passed. */
export class GateRejected extends Error {
  constructor(
    readonly gate: string,
    readonly problem: Problem,
  ) {
    super(problem.message);
  }
}

/** The procedure found that it cannot go on. */
export class ProcedureStopped extends Error {
  readonly problem: Problem;
  constructor(message: string, next: string) {
    super(message);
    const type: FailureType = 'ProcedureStopped';
    this.problem = { type, message, next };
  }
}

/** Another run holds a target, and this run will not wait for it or can never acquire it. */
export class TargetRefused extends Error {
  constructor(readonly problem: Problem) {
    super(problem.message);
  }
}

/** The problem of a step that waited when the run, or the group around it, was ended. */
export const cancelledWhileItWaited: Problem = {
  type: 'Cancelled',
  message: 'cancelled while it waited',
};

/** Whether a procedure ends so on purpose; any other error is a bug. */
export function endsOnPurpose(error: unknown): boolean {
  const known = [StepFailed, GateRejected, ProcedureStopped, TargetRefused];
  return isCancellation(error) || known.some((type) => error instanceof type);
}

/** The result of an attempt is not a worker's: somebody else completed its activity. */
export class MisshapenAnswer extends Error {
  readonly problem: Problem;
  constructor() {
    const type: FailureType = 'OutcomeUnknown';
    const message = 'the answer for this step does not come from a worker';
    super(message);
    this.problem = {
      type,
      message: `${message}, so its outcome is not known`,
      next: 'Look at what the step did, and in Temporal at who completed its activity.',
    };
  }
}

export interface AttemptFailure {
  problem: Problem;
  /** The attempt that failed, from 1; null when no attempt reported. */
  attempt: number | null;
  /** Programs that it ran and the run does not know as such, and those that it found changed. */
  ran: Program[];
  changed: Program[];
}

/** Whether an activity timed out. */
export function isSilence(error: unknown): boolean {
  return (error as Error).cause instanceof TimeoutFailure;
}

/** What Temporal's time-outs mean for a step. */
type Silence = NonNullable<TimeoutFailure['timeoutType']>;
const silence: Readonly<Record<Silence, string>> = {
  HEARTBEAT: 'the worker that did it has fallen silent',
  START_TO_CLOSE: 'the worker that did it did not answer in time',
  SCHEDULE_TO_START: 'no worker took it in time',
  SCHEDULE_TO_CLOSE: 'it was not done in time',
};

/**
 * Reads an activity's failure as people should see it.
 * @throws the error itself when it is not an activity's.
 */
export function readFailure(error: unknown): AttemptFailure {
  if (error instanceof MisshapenAnswer) return { problem: error.problem, ...nothingReported };
  if (!(error instanceof ActivityFailure)) throw error;
  const cause = error.cause;
  if (cause instanceof ApplicationFailure) {
    const { next, command, attempt, ran, changed } = detailOf(cause.details);
    return {
      problem: {
        type: failureType(cause.type),
        message: shortened(cause.message),
        ...(next === undefined ? {} : { next }),
        ...(command === undefined ? {} : { command }),
      },
      attempt,
      ran,
      changed,
    };
  }
  if (cause instanceof TimeoutFailure) {
    const message = silence[cause.timeoutType as Silence];
    return { problem: { type: 'StepTimeout', message }, ...nothingReported };
  }
  const message = shortened(cause?.message ?? error.message);
  return { problem: { type: 'Error', message }, ...nothingReported };
}

/** The other fields of a failure that no worker reported. */
const nothingReported = { attempt: null, ran: [], changed: [] };
