import { CancellationScope, CancelledFailure, isCancellation } from '@temporalio/workflow';
import type { AttemptRequest, Builds, Expectation } from '../../common/attempt.js';
import type { Condition } from '../../language/condition.js';
import { defaultRetry, triesOf } from '../../common/tries.js';
import type { Problem, StepView } from '../../common/view.js';
import type { Json } from '../../language/json.js';
import type { CheckAction } from '../../language/kinds/check.js';
import { hostOf, type Action } from '../../language/kinds/index.js';
import type { StepSpec } from '../../language/runbook.js';
import { attemptStep, settleStep, stepOptions } from './activities.js';
import { onItsHost } from './host-queue.js';
import type { Settled } from '../../activities/settle.js';
import { isSilence, MisshapenAnswer, readFailure, type AttemptFailure } from './outcome.js';
import type { LiveRun } from './live-run.js';

/** What a step is given when its turn comes: everything that earlier outputs decided. */
export interface Work {
  action: Action;
  /** Must hold on the output. */
  expect?: readonly Expectation[];
  outputs?: Readonly<Record<string, Condition>>;
  /** Its failure is an answer, too. */
  capture?: true;
  /** Polled after the action until it holds. */
  verify?: CheckAction;
  /**
   * Holds when, and only when, the step's effect is there: proves an outcome that would be unknown.
   */
  check?: CheckAction;
  /** Undoes the step; has to be harmless when the step never happened. */
  undo?: Action;
  /** The same, where people do it. */
  undoByHand?: string;
  /** The step before it whose effect its undo takes back, too; in a run its path. */
  undoesToo?: string;
  /** Limit of one attempt in milliseconds, where an input decides it. */
  timeoutMs?: number;
  /** ISO time at which its turn came, where that decides something. */
  now?: string;
}

/** Limit of one attempt where the step declares none, in milliseconds. */
const defaultTimeoutMs = 60_000;

/** The attempts of steps, each an activity: their requests and their outcomes. */
export class Attempts {
  constructor(private readonly run: LiveRun) {}

  /**
   * All attempts that the step's retry allows; as many again each time that people let it try
   * again.
   */
  async oneRound(
    path: string,
    spec: StepSpec,
    row: StepView,
    work: Work,
  ): Promise<{ output: Json } | { problem: Problem }> {
    try {
      const builds = this.run.unconfirmed.namedBy(path);
      const { output, attempt } = await this.attempt(path, spec, work, builds, (problem) =>
        this.run.board.showProblem(row, problem),
      );
      row.attempts = attempt;
      this.run.board.end(row, 'succeeded', { output, error: whyCaptured(work, output) });
      return { output };
    } catch (error) {
      const ending = CancellationScope.current().consideredCancelled;
      // A worker that was dead when the cancellation came: Temporal then reports only a time-out.
      if (isCancellation(error) || (ending && isSilence(error))) {
        this.endCancelled(row, await this.endLeftovers(path));
        throw new CancelledFailure('cancelled while it ran');
      }
      if (error instanceof MisshapenAnswer) await this.endLeftovers(path);
      const failure = readFailure(error);
      const { problem, attempt } = failure;
      this.notePrograms(path, failure);
      // Without an answer of its worker it may have begun.
      row.attempts = attempt ?? Math.max(1, row.attempts);
      if (!ending) return { problem };
      // How the run ends is decided already: nobody is asked about this failure.
      this.run.board.end(row, problem.type === 'OutcomeUnknown' ? 'unknown' : 'failed', {
        error: problem,
      });
      throw new CancelledFailure('cancelled while it failed');
    }
  }

  async attempt(
    path: string,
    spec: StepSpec,
    work: Work,
    builds: Builds,
    onHostAsked?: (problem: Problem) => void,
  ): Promise<{ output: Json; attempt: number }> {
    const retry = { ...defaultRetry, ...spec.retry };
    const tries = triesOf(spec, work.action);
    const rounds = this.run.desk.asked(path) + 1;
    const request: AttemptRequest = {
      version: 1,
      key: this.run.key,
      step: { path, title: spec.title, kind: spec.kind, effect: spec.effect },
      action: work.action,
      expect: work.expect ?? [],
      ...(work.outputs ? { outputs: work.outputs } : {}),
      ...(work.capture ? { capture: work.capture } : {}),
      verify: work.verify,
      check: work.check,
      attempts: tries.attempts * rounds,
      attemptsOnceActed: tries.onceActed * rounds,
      timeoutMs: work.timeoutMs ?? spec.timeoutMs ?? defaultTimeoutMs,
      ...timeOf(work),
      ...(this.run.desk.lastProblem(path)?.type === 'LeaseLost' ? { retakeLease: true } : {}),
      builds: { ...builds, ...this.despite(path) },
      ...this.run.programs.expectedBy([work.action, work.verify, work.check]),
    };
    const options = stepOptions(request, retry, this.run.settings.heartbeatMs);
    try {
      const answer = await this.run.turn.trackInFlight(() =>
        onItsHost(
          this.run.settings.hostWaitMs,
          (where) =>
            attemptStep({ ...request, hostGone: where.hostGone }, { ...options, ...where.options }),
          onHostAsked,
          hostOf(work.action),
        ),
      );
      this.run.unconfirmed.succeeded(path, answer.attempt, answer.output, builds);
      this.run.board.programsChanged(this.run.programs.recordRan(path, answer.programs));
      return answer;
    } catch (error) {
      this.run.unconfirmed.ended(path);
      throw error;
    }
  }

  /** Notes the programs that a failed attempt ran or found changed. */
  notePrograms(path: string, { ran, changed }: AttemptFailure): void {
    this.run.board.programsChanged(this.run.programs.recordRan(path, ran));
    this.run.programs.refuse(path, changed);
  }

  /** A step that was cut off while it ran, or may have been, is not one that was left out. */
  private endCancelled(
    row: StepView,
    { state, attempts = Math.max(1, row.attempts) }: Settled,
  ): void {
    row.attempts = attempts;
    const began = attempts > 0 ? 'failed' : 'skipped';
    this.run.board.end(row, state === 'ended' ? began : 'unknown', {
      error: cancelled(state, attempts),
    });
  }

  /** Ends what the step may have left running: no worker watches it any more. */
  endLeftovers(path: string): ReturnType<typeof settleStep> {
    return this.run.turn.trackInFlight(() =>
      CancellationScope.nonCancellable(() =>
        onItsHost(this.run.settings.hostWaitMs, ({ options, ...gone }) =>
          settleStep({ version: 1, key: this.run.key, step: path, ...gone }, options),
        ),
      ),
    );
  }

  /** Names the decision by which people let the step go on though the record did not confirm it. */
  private despite(path: string): Pick<Builds, 'despite'> {
    const decision = this.run.desk.lastDecision(path);
    const { type } = this.run.desk.lastProblem(path) ?? {};
    const doubted = type === 'NotConfirmed' || type === 'NotAsPlanned';
    return doubted && decision !== undefined ? { despite: decision } : {};
  }
}

/** The time that a request carries. */
export function timeOf({ now }: Work): Pick<AttemptRequest, 'now'> {
  return now === undefined ? {} : { now };
}

/** The failure that is the answer of the step. */
function whyCaptured({ capture }: Work, output: Json): Problem | undefined {
  if (!capture || output === null || typeof output !== 'object' || Array.isArray(output))
    return undefined;
  const { failed, error } = output;
  return failed === true ? (error as unknown as Problem) : undefined;
}

function cancelled(state: 'ended' | 'unknown', attempts: number): Problem {
  if (state === 'ended') {
    const cutOff = 'cut off while it ran; what it had started has ended';
    return { type: 'Cancelled', message: attempts === 0 ? 'cancelled before it began' : cutOff };
  }
  return {
    type: 'OutcomeUnknown',
    message: 'cancelled after its worker died on another host, where it may still run',
    next: 'Look at that host.',
  };
}
