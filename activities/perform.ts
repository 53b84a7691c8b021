import { ApplicationFailure, Context, CancelledFailure } from '@temporalio/activity';
import type pg from 'pg';
import type { AttemptRequest, AttemptResult, FailureDetail } from '../common/attempt.js';
import { failureTypes } from '../common/failures.js';
import { changesTarget } from '../common/lease.js';
import { hadNoEffect, isRepeatable } from '../common/tries.js';
import type { Problem } from '../common/view.js';
import { digestOf } from '../language/digest.js';
import type { Json, JsonObject } from '../language/json.js';
import type { Program } from '../language/plan.js';
import { actionRules, hostOf, type Action, type ActionKind } from '../language/kinds/index.js';
import {
  appendOutput,
  beginAttempt,
  databaseIdentity,
  endAttempt,
  finishOutput,
  keepEvidence,
  keepEvidenceIn,
  LeaseLostError,
  isRunning,
  mayWriteClaims,
  NotConfirmedError,
  storable,
} from '../store/index.js';
import { isHandover, type Commands } from './commands.js';
import { capturedFailure } from './capture.js';
import { executionOf } from './execution.js';
import { assertExpected } from './expect.js';
import { stepOutputs } from './step-outputs.js';
import { Exit } from './exit.js';
import { StepFailure } from './failure.js';
import type { AttemptContext, Handler } from './handler.js';
import { Heartbeat } from './heartbeat.js';
import { lostLease } from './lease.js';
import { notAsPlanned } from './not-as-planned.js';
import { notConfirmed } from './not-confirmed.js';
import { onAnotherHost } from './other-host.js';
import { OutputCollector } from './output-collector.js';
import type { Origins } from './origin.js';
import type { Plans } from './plans.js';
import { isRecordAway, untilRecorded } from './record-reachable.js';
import { Redactor } from './redact.js';
import { AttemptPrograms } from './attempt-programs.js';
import type { Programs } from './programs.js';
import type { Secrets } from './secrets.js';
import type { Targets } from './targets.js';

export type Handlers = { [K in ActionKind]: Handler<K> };

export interface PerformDeps {
  pool: pg.Pool;
  targets: Targets;
  secrets: Secrets;
  handlers: Handlers;
  /** Name of this worker in the record, such as `host:pid`. */
  worker: string;
  host: string;
  commands: Commands;
  programs: Programs;
  /** Proves which run a request comes from. */
  origins: Origins;
  /** The plans of runs, from the record. */
  plans: Plans;
  /** True once the worker shuts down. */
  isStopping: () => boolean;
}

/**
 * A step whose worker died more often than this is not retried: the step itself may kill the
 * worker.
 */
const maxLostAttempts = 20;

/**
 * One attempt of one step, whatever its kind: recorded before it acts and after, heartbeating,
 * limited in time, cancellable, its output shipped live and capped, its failure put in words. A
 * step that succeeded in the record is not repeated: its worker died before it could report that.
 */
export async function perform(request: AttemptRequest, deps: PerformDeps): Promise<AttemptResult> {
  const temporal = Context.current();
  const at = { key: request.key, step: request.step.path };
  // No secret is loaded until the requester is proved.
  let exit = new Exit(new Redactor());
  const heart = new Heartbeat(temporal);
  try {
    // First of all: nothing is looked up, resolved or recorded for an unproved requester.
    await deps.origins.prove(request.key, temporal.info);
    const secrets = deps.secrets.forAttempt();
    exit = secrets.exit;
    const known = await untilRecorded(heart.signal, () => deps.plans.of(request.key));
    if (!known) throw notAsPlanned('the record has no plan of this run');
    const planned = deps.plans.compare(request, known);
    if (!planned) throw notAsPlanned('the plan has no such step');
    const runsOn = hostOf(request.action) ?? deps.host;
    if (runsOn !== deps.host)
      throw notAsPlanned(`it has to run on host ${runsOn}, and this worker is on ${deps.host}`);
    const begun = await untilRecorded(heart.signal, () =>
      beginAttempt(deps.pool, {
        ...at,
        title: request.step.title,
        kind: request.step.kind,
        effect: request.step.effect,
        host: deps.host,
        worker: deps.worker,
        temporalAttempt: temporal.info.attempt,
        place: deps.commands.place,
        resumable: isResumable(request),
        ...(changesTarget(request.step)
          ? { leases: request.retakeLease ? 'retake' : 'prove' }
          : {}),
        execution: executionOf(temporal.info),
        builds: request.builds,
        hostBound: startsCommand(request),
        repeatable: startsCommand(request) && isRepeatable(request.step, request.action),
        ...(request.hostGone === undefined ? {} : { hostGone: request.hostGone }),
        wanted: planned.wanted,
      }),
    );
    if (begun.elsewhere) throw onAnotherHost(begun.elsewhere, begun.attempt);
    if (begun.succeeded) return { output: begun.succeeded.output, attempt: begun.attempt };
    const { attempt, fence, recorded } = begun;
    const resumed = begun.resumedFrom !== undefined;
    const refusal = recorded
      ? await untilRecorded(heart.signal, () =>
          deps.plans.whyNot(request, planned, recorded, resumed),
        )
      : null;
    if (refusal !== null) {
      // A command that was taken over may still run: do not record an end for it.
      if (!resumed)
        await settle(heart, () =>
          endAttempt(deps.pool, {
            ...at,
            attempt,
            fence,
            state: 'failed',
            error: exit.problem(refusal),
          }),
        );
      throw asApplicationFailure(refusal, exit, attempt, true);
    }
    heart.attemptStarted({
      isStillOurs: async () =>
        (await deps.origins.isAnswered(temporal.info)) &&
        (await isRunning(deps.pool, { ...at, attempt, fence })),
      isStopping: deps.isStopping,
    });

    const collector = new OutputCollector(
      (chunks) =>
        untilRecorded(
          heart.signal,
          () => appendOutput(deps.pool, at.key, at.step, attempt, chunks, fence),
          {
            cancellable: false,
          },
        ),
      secrets.redactor,
    );
    const limit = new TimeLimit(heart.signal, request.timeoutMs);
    const programs = new AttemptPrograms(
      deps.programs,
      request.programs,
      recorded && deps.plans.covered(request, planned, recorded),
    );
    const context: AttemptContext = {
      ...at.key,
      step: at.step,
      commands: deps.commands,
      fence,
      resumedFrom: begun.resumedFrom ?? null,
      evidence: begun.evidence ?? null,
      assertLeaseHeld: () => {
        if (begun.lostLease) throw lostLease(begun.lostLease, true);
      },
      keepEvidence: (evidence) =>
        untilRecorded(limit.signal, () =>
          keepEvidence(deps.pool, { ...at, attempt, fence }, exit.evidence(evidence)),
        ),
      claim: {
        isHere: async (client) => {
          const record = await untilRecorded(limit.signal, () => databaseIdentity(deps.pool));
          return (
            record !== undefined &&
            record === (await databaseIdentity(client)) &&
            (await mayWriteClaims(client))
          );
        },
        keep: (client, evidence) =>
          keepEvidenceIn(client, { ...at, attempt, fence }, exit.evidence(evidence)),
      },
      key: `${at.key.run}/${at.step}`,
      effect: request.step.effect,
      attempt,
      timeoutMs: request.timeoutMs,
      signal: limit.signal,
      targets: deps.targets,
      programs,
      secrets,
      output: (stream, chunk) => collector.write(stream, chunk),
      progress: (details) => heart.progress(exit.progress(details)),
    };

    let output: Json = null;
    let failure: unknown;
    let acted = false;
    try {
      const deaths = startsCommand(request) ? 0 : begun.lost + fence - 1;
      if (deaths > maxLostAttempts) throw lostTooOften(deaths);
      output = await act(request, context, deps.handlers, () => (acted = true));
    } catch (error) {
      // A handler's own time-out message says more than ours; an unknown outcome is not a mere
      // time-out.
      failure = limit.signal.aborted && !saysMore(error) ? limit.signal.reason : error;
    } finally {
      limit.clear();
    }

    if (isUnknown(failure) && request.check && !heart.signal.aborted) {
      const proof = await prove(request.check, { ...context, signal: heart.signal }, deps.handlers);
      if ('answer' in proof) {
        output = proof.answer;
        failure = undefined;
      } else if (proof.notDone) failure = proof.notDone;
    }
    if (isRecordAway(failure) || (isHandover(failure) && isResumable(request))) {
      collector.abandon();
      throw isRecordAway(failure) ? failure : handover();
    }
    const totals = await collector.close();
    if (totals.bytes > 0) {
      const finish = (): Promise<void> =>
        finishOutput(deps.pool, at.key, at.step, attempt, totals, fence);
      await untilRecorded(heart.signal, finish, { cancellable: false });
    }
    const why = failure === undefined ? undefined : exit.problem(failure);
    const isLast = (problem: Problem): boolean =>
      begun.failed + 1 >= attemptsAfter(failure, problem, acted, request);
    const captured =
      why && (isLast(why) || isPermanent(failure)) && !(failure instanceof CancelledFailure)
        ? capturedFailure(request, failure, why)
        : undefined;
    if (why === undefined || captured) {
      // History and record get the same value, so that they can be compared.
      const value = storable(exit.output(captured ?? output));
      const ended = { ...at, attempt, fence, state: 'succeeded' as const, output: value };
      const error = why ? { error: why } : {};
      await settle(heart, () =>
        endAttempt(deps.pool, {
          ...{ ...ended, ...error },
          ...{ digest: digestOf(value), programs: programs.all() },
        }),
      );
      return { output: value, attempt, ...programs.newlyRun() };
    }
    if (failure instanceof CancelledFailure) {
      await settle(heart, () =>
        endAttempt(deps.pool, {
          ...at,
          attempt,
          fence,
          state: 'cancelled',
          programs: programs.all(),
        }),
      );
      throw failure;
    }
    const state = endStates[why.type] ?? 'failed';
    await settle(heart, () =>
      endAttempt(deps.pool, {
        ...at,
        attempt,
        fence,
        state,
        error: why,
        programs: programs.all(),
      }),
    );
    throw asApplicationFailure(failure, exit, attempt, isLast(why), programs.newlyRun());
  } catch (error) {
    throw exit.error(refusalOf(error, exit) ?? error);
  } finally {
    heart.stop();
  }
}

/** Why the attempt has not begun; null when the error is another one. */
function refusalOf(error: unknown, exit: Exit): ApplicationFailure | null {
  const refusal = (failure: StepFailure, attempt: number): ApplicationFailure =>
    asApplicationFailure(failure, exit, attempt, true);
  if (error instanceof StepFailure) return refusal(error, 0);
  if (error instanceof LeaseLostError) return refusal(lostLease(error.loss, false), error.attempt);
  if (error instanceof NotConfirmedError) return refusal(notConfirmed(error.doubts), error.attempt);
  return null;
}

/** End states of attempts that did not simply fail. */
const endStates: Readonly<Record<string, 'timed-out' | 'unknown'>> = {
  StepTimeout: 'timed-out',
  OutcomeUnknown: 'unknown',
};

/** Runs the action, then checks its expectations and runs its verification. */
async function act(
  request: AttemptRequest,
  context: AttemptContext,
  handlers: Handlers,
  done: () => void,
): Promise<Json> {
  const { programs, resumedFrom } = context;
  // Check the programs of later actions now: after the action it would be too late.
  if (resumedFrom === null) await programs.assertAllUnchanged([request.verify, request.check]);
  const output = await handle(request.action, { ...context, expect: request.expect }, handlers);
  done();
  // sql has already checked: a transaction that does not meet expectations is not committed.
  if (!actionRules(request.action.kind).judgesExpectations) assertExpected(request.expect, output);
  if (request.verify)
    await programs.verifyAfterAction(() => handle(request.verify as Action, context, handlers));
  return request.outputs ? stepOutputs(request.outputs, output) : output;
}

/** How many attempts the step has in all, given how one of them failed. */
function attemptsAfter(
  failure: unknown,
  { type }: Problem,
  acted: boolean,
  { attempts, attemptsOnceActed, action }: AttemptRequest,
): number {
  const nothingDone = failure instanceof StepFailure && failure.extra.nothingDone === true;
  const isHarmless = hadNoEffect({ type, kind: action.kind, acted, nothingDone });
  return isHarmless ? attempts : attemptsOnceActed;
}

/** Trying again cannot help. */
function isPermanent(failure: unknown): boolean {
  return !(failure instanceof StepFailure) || failureTypes[failure.type] === 'permanent';
}

function handle(action: Action, context: AttemptContext, handlers: Handlers): Promise<Json> {
  const handler = handlers[action.kind] as Handler<ActionKind>;
  return handler(action, context);
}

function isUnknown(error: unknown): boolean {
  return error instanceof StepFailure && error.type === 'OutcomeUnknown';
}

/** How long a check may take to prove an outcome, in milliseconds. */
const proofMs = 15_000;

/**
 * Runs the step's own check to find the outcome of an attempt: if it holds the step is done; if its
 * `failWhen` holds it is not, and may be retried. Anything else proves nothing: a slow effect may
 * still come.
 */
async function prove(
  check: NonNullable<AttemptRequest['check']>,
  context: AttemptContext,
  handlers: Handlers,
): Promise<{ answer: Json } | { notDone: StepFailure | null }> {
  const limit = new TimeLimit(context.signal, proofMs);
  try {
    return {
      answer: await handlers.check(check, { ...context, timeoutMs: proofMs, signal: limit.signal }),
    };
  } catch (error) {
    if (error instanceof CancelledFailure) throw error;
    const isProof = error instanceof StepFailure && error.type === 'CheckFailed';
    return {
      notDone: isProof
        ? new StepFailure(
            'NotDone',
            'the attempt broke off, and its check shows that nothing was done',
          )
        : null,
    };
  } finally {
    limit.clear();
  }
}

function saysMore(error: unknown): boolean {
  return (
    (error instanceof StepFailure && error.type === 'StepTimeout') ||
    isUnknown(error) ||
    isRecordAway(error)
  );
}

/**
 * Records the end of the attempt, however long the record is unreachable: an effect must not be
 * lost.
 */
async function settle(heart: Heartbeat, write: () => Promise<boolean>): Promise<void> {
  if (await untilRecorded(heart.signal, write, { cancellable: false })) return;
  throw ApplicationFailure.create({
    type: 'WorkerLost',
    message:
      'this attempt was already given up and replaced by a later one; its result is not used',
    nonRetryable: false,
  });
}

function asApplicationFailure(
  failure: unknown,
  exit: Exit,
  attempt: number,
  last: boolean,
  newlyRun: { programs?: Program[] } = {},
): ApplicationFailure {
  const problem = exit.problem(failure);
  const extra = failure instanceof StepFailure ? failure.extra : {};
  const detail: FailureDetail = {
    next: problem.next ?? null,
    ...(problem.command === undefined ? {} : { command: problem.command }),
    attempt,
    details: exit.details(failure),
    ...(newlyRun as JsonObject),
  };
  return ApplicationFailure.create({
    type: problem.type,
    message: problem.message,
    nonRetryable: isPermanent(failure) || last,
    details: [detail],
    ...(extra.retryAfterMs === undefined ? {} : { nextRetryDelay: extra.retryAfterMs }),
  });
}

/** A step that starts a command leaves it running on its host when the worker dies. */
function startsCommand({ action }: AttemptRequest): boolean {
  return actionRules(action.kind).runsPrograms === true;
}

/**
 * A read is simply repeated. A command is followed to its end; for other kinds, the kind decides.
 */
function isResumable(request: AttemptRequest): boolean {
  const { action, step } = request;
  return startsCommand(request) || (step.effect !== 'read' && !actionRules(action.kind).isDoneAnew);
}

/**
 * The attempt stays open in the record: the next worker follows its command, or proves its outcome.
 */
function handover(): ApplicationFailure {
  return ApplicationFailure.create({
    type: 'WorkerLost',
    message: 'the worker handed the step over; the next worker takes it over as it is',
    nonRetryable: false,
  });
}

function lostTooOften(lost: number): StepFailure {
  return new StepFailure('WorkerLost', `the worker died ${lost} times while it did this step`, {
    next: 'Look at the logs of the workers: the step may need more memory than they have.',
  });
}

/** Aborts when the outer signal does, or when the attempt's time is over; see its reason. */
class TimeLimit {
  private readonly controller = new AbortController();
  private readonly timer: NodeJS.Timeout;
  private readonly forward: () => void;

  constructor(
    private readonly outer: AbortSignal,
    timeoutMs: number,
  ) {
    this.forward = () => this.controller.abort(outer.reason);
    if (outer.aborted) this.forward();
    outer.addEventListener('abort', this.forward);
    this.timer = setTimeout(() => {
      this.controller.abort(
        new StepFailure(
          'StepTimeout',
          `the attempt took longer than ${timeoutMs / 1000} s and was ended`,
        ),
      );
    }, timeoutMs);
  }

  get signal(): AbortSignal {
    return this.controller.signal;
  }

  clear(): void {
    clearTimeout(this.timer);
    this.outer.removeEventListener('abort', this.forward);
  }
}
