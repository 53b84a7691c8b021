import { ApplicationFailure } from '@temporalio/common';
import { capturedFailure } from '../activities/capture.js';
import { assertExpected } from '../activities/expect.js';
import { StepFailure } from '../activities/failure.js';
import { judgeAnswer } from '../activities/judge-answer.js';
import { judgeOthers } from '../activities/judge-others.js';
import { stepOutputs } from '../activities/step-outputs.js';
import type { AttemptRequest, AttemptResult, FailureDetail } from '../common/attempt.js';
import { failureTypes } from '../common/failures.js';
import { hadNoEffect, stays } from '../common/tries.js';
import { describeCondition } from '../language/condition.js';
import type { Outcome } from '../language/document/schema/test.js';
import type { Json, JsonObject } from '../language/json.js';
import type { CheckAction } from '../language/kinds/check.js';
import { actionRules, type Action } from '../language/kinds/index.js';
import { answerOf, sureAnswer } from './answer-of.js';
import type { ActivityContext } from './driver/attempt.js';
import { inTurn } from './test-file.js';

/** What the test says of a step, or of its undo. @returns undefined: nothing */
export type Given = (path: string) => readonly Outcome[] | undefined;

/** Virtual milliseconds that an attempt takes: what began earlier is seen to have. */
const attemptMs = 1;
/** The outcomes that tests give hold no secrets. */
const noSecrets = { answer: (answer: Json): Json => answer };

/** Plays steps for one run, as workers would do them. */
export class Play {
  /** Steps that were done, and of which the test says nothing. */
  readonly notGiven = new Set<string>();
  private readonly turns = new Map<string, number>();

  constructor(private readonly given: Given) {}

  /** One attempt. @throws ApplicationFailure as a worker reports it */
  async attempt(request: AttemptRequest, activity: ActivityContext): Promise<AttemptResult> {
    await activity.sleep(attemptMs);
    const progress = { acted: false };
    try {
      const output = await this.act(request, activity, progress);
      return { output, attempt: activity.attempt };
    } catch (error) {
      if (!(error instanceof StepFailure)) throw error;
      const failure = reported(error, request, activity.attempt, progress.acted);
      const { type, message } = error;
      const captured = failure.nonRetryable
        ? capturedFailure(request, error, { type, message }, noSecrets)
        : undefined;
      if (!captured) throw failure;
      return { output: captured, attempt: activity.attempt };
    }
  }

  private async act(
    request: AttemptRequest,
    activity: ActivityContext,
    progress: { acted: boolean },
  ): Promise<Json> {
    const { action, expect, outputs, verify, timeoutMs } = request;
    const { path } = request.step;
    const outcomes = this.given(path);
    if (!outcomes) {
      this.notGiven.add(path);
      return known(outputs, sureAnswer(action), activity.now());
    }
    const clock = { activity, timeoutMs };
    const done =
      action.kind === 'check'
        ? await this.poll(path, action, outcomes, clock)
        : this.once(path, action, outcomes);
    const { settles } = actionRules(action.kind);
    progress.acted = !settles;
    if (done.outcome.outputs) return whole(done.answer, done.outcome.outputs, outputs);
    const now = activity.now();
    assertExpected(expect, done.answer, now);
    const settled = (): Json =>
      outputs
        ? stepOutputs(outputs, done.answer, { effect: settles ? 'undone' : 'stands', now })
        : done.answer;
    const early = settles ? settled() : null;
    progress.acted = true;
    const verified = inTurn(done.outcome.verify);
    if (verify && verified) await this.poll(`${path} verify`, verify, verified, clock);
    return settles ? early : settled();
  }

  private once(path: string, action: Action, outcomes: readonly Outcome[]): Done {
    const outcome = this.next(path, outcomes);
    if (outcome.failed !== undefined) throw failedAs(outcome.failed);
    return { outcome, answer: outcome.outputs ? {} : answerOf(action, outcome) };
  }

  /** Polls in virtual time. What stays as it is does so until the time is over. */
  private async poll(
    path: string,
    action: CheckAction,
    outcomes: readonly Outcome[],
    { activity, timeoutMs }: Clock,
  ): Promise<Done> {
    const limitMs = Math.min(timeoutMs, action.limitMs ?? timeoutMs);
    const end = activity.now() + limitMs;
    let seen = 'nothing was answered yet';
    for (let polls = 1; ; polls += 1) {
      try {
        const { outcome, answer } = this.once(path, action.probe, outcomes);
        const met = judgeAnswer(action.until, answer, activity.now());
        if (outcome.outputs || met.holds)
          return { outcome, answer: { ...(answer as JsonObject), polls } };
        const others = judgeOthers(action, answer, activity.now());
        const absent = [met, ...others].flatMap(({ why }) => (why ? [why] : []));
        seen = [...new Set(absent), JSON.stringify(answer)].join('; ');
      } catch (error) {
        if (!(error instanceof StepFailure) || !mayPass(error)) throw error;
        seen = error.message;
      }
      const stays = (this.turns.get(path) ?? 0) >= outcomes.length;
      const left = end - activity.now();
      if (!stays && left > action.everyMs) await activity.sleep(action.everyMs);
      else {
        await activity.sleep(Math.max(left, 0));
        throw new StepFailure(
          'StepTimeout',
          `waited ${limitMs / 1000} s in vain until ` +
            `${describeCondition(action.until)}; last seen: ${seen}`,
        );
      }
    }
  }

  private next(path: string, outcomes: readonly Outcome[]): Outcome {
    const turn = this.turns.get(path) ?? 0;
    this.turns.set(path, turn + 1);
    return outcomes[Math.min(turn, outcomes.length - 1)] as Outcome;
  }
}

interface Done {
  outcome: Outcome;
  answer: Json;
}

interface Clock {
  activity: ActivityContext;
  timeoutMs: number;
}

/** Of the declared outputs those that follow from what is sure. */
function known(outputs: AttemptRequest['outputs'], answer: JsonObject, now: number): Json {
  if (!outputs) return answer;
  const told = Object.entries(outputs).flatMap(([name, output]) => {
    try {
      return Object.entries(stepOutputs({ [name]: output }, answer, { now }));
    } catch (error) {
      if (error instanceof StepFailure) return [];
      throw error;
    }
  });
  return Object.fromEntries(told);
}

/** The outputs that the test gives; a step that declares none hands on its answer with them. */
function whole(answer: Json, given: JsonObject, outputs: AttemptRequest['outputs']): Json {
  return outputs ? given : { ...(answer as JsonObject), ...given };
}

function failedAs(failed: NonNullable<Outcome['failed']>): StepFailure {
  const { type, message } = typeof failed === 'string' ? { type: failed } : failed;
  return new StepFailure(type, message ?? `the test lets it fail: ${type}`);
}

function mayPass(error: StepFailure): boolean {
  return error.type === 'AnswerUnusable' || failureTypes[error.type] !== 'permanent';
}

/** The failure as workers report it: for good when no attempt is left. */
function reported(
  failure: StepFailure,
  { attempts, attemptsOnceActed, action }: AttemptRequest,
  attempt: number,
  acted: boolean,
): ApplicationFailure {
  const { type, message, extra } = failure;
  const nothingDone = extra.nothingDone === true;
  const isHarmless = hadNoEffect({
    ...{ type, kind: action.kind, acted, nothingDone },
    stays: stays(action),
  });
  const last = attempt >= (isHarmless ? attempts : attemptsOnceActed);
  const detail: FailureDetail = {
    next: extra.next ?? null,
    ...{ attempt, details: extra.details ?? {} },
  };
  return ApplicationFailure.create({
    ...{ type, message, details: [detail] },
    nonRetryable: failureTypes[type] === 'permanent' || last,
  });
}
