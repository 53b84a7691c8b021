import { ApplicationFailure, CancelledFailure, Context } from '@temporalio/activity';
import type pg from 'pg';
import type { AttemptRequest, AttemptResult } from '../common/attempt.js';
import { changesTarget } from '../common/lease.js';
import { isRepeatable } from '../common/tries.js';
import type { Problem } from '../common/view.js';
import { digestOf } from '../language/digest.js';
import type { Json } from '../language/json.js';
import { type Action, type ActionKind, actionRules, hostOf } from '../language/kinds/index.js';
import {
  appendOutput,
  beginAttempt,
  databaseIdentity,
  endAttempt,
  finishOutput,
  isRunning,
  keepEvidence,
  keepEvidenceIn,
  mayWriteClaims,
  readFiles,
} from '../store/index.js';
import { type Commands, isHandover } from './commands.js';
import { capturedFailure } from './capture.js';
import { executionOf } from './execution.js';
import { assertExpected } from './expect.js';
import { stepOutputs } from './step-outputs.js';
import { Exit } from './exit.js';
import { StepFailure } from './failure.js';
import type { AttemptContext, Handler, Handlers } from './handler.js';
import { Heartbeat } from './heartbeat.js';
import { lostLease } from './lease.js';
import { notAsPlanned } from './not-as-planned.js';
import { NotFollowed } from './not-followed.js';
import { onAnotherHost } from './other-host.js';
import { OutputCollector } from './output-collector.js';
import type { Origins } from './origin.js';
import type { Plans } from './plans.js';
import { isRecordAway, untilRecorded } from './record-reachable.js';
import { Redactor } from './redact.js';
import { AttemptFiles } from './attempt-files.js';
import { AttemptPrograms } from './attempt-programs.js';
import type { Programs } from './programs.js';
import type { Secrets } from './secrets.js';
import type { Targets } from './targets.js';
import {
  asApplicationFailure,
  attemptsAfter,
  endStates,
  handover,
  isPermanent,
  isUnknown,
  lostTooOften,
  refusalOf,
  saysMore,
} from './attempt-failure.js';
import { TimeLimit } from './time-limit.js';
import { prove } from './prove-outcome.js';
import { recordedWork } from './recorded-work.js';
import { storedOutput } from './stored-output.js';

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
        does: recordedWork(request, exit),
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
      files: new AttemptFiles(planned.files, (digests) =>
        untilRecorded(limit.signal, () => readFiles(deps.pool, digests)),
      ),
      secrets,
      output: (stream, chunk) => collector.write(stream, chunk),
      progress: (details) => heart.progress(exit.progress(details)),
    };

    let output: Json = null;
    let failure: unknown;
    let acted = false;
    let mayRunOn = false;
    try {
      const deaths = startsCommand(request) ? 0 : begun.lost + fence - 1;
      if (deaths > maxLostAttempts) throw lostTooOften(deaths);
      output = await act(request, context, deps.handlers, () => (acted = true));
    } catch (error) {
      mayRunOn = !acted && error instanceof NotFollowed;
      const why = error instanceof NotFollowed ? error.cause : error;
      // A handler's own time-out message says more than ours; an unknown outcome is not a mere
      // time-out.
      failure = limit.signal.aborted && !saysMore(why) ? limit.signal.reason : why;
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
    if (mayRunOn) {
      collector.abandon();
      throw failure instanceof CancelledFailure
        ? failure
        : asApplicationFailure(notFollowed(exit.problem(failure)), exit, attempt, true);
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
        ? capturedFailure(request, failure, why, exit)
        : undefined;
    if (why === undefined || captured) {
      // History and record get the same value, so that they can be compared.
      const value = storedOutput(exit.output(captured ?? output));
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

/** A failure before the command of an earlier worker was followed: a retry follows it. */
function notFollowed({ type, message, next }: Problem): StepFailure {
  return new StepFailure(type, `${message}; a command that an earlier worker started may run on`, {
    next: `${next ?? 'Mend that.'} Then retry: the step follows that command, and starts no other.`,
  });
}

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
  const { expect, outputs } = request;
  const answer = await handle(request.action, { ...context, expect, outputs }, handlers);
  done();
  const { settles } = actionRules(request.action.kind);
  const output = settles ? answer : context.secrets.exit.answer(answer);
  if (!settles) assertExpected(expect, output);
  if (request.verify)
    await programs.verifyAfterAction(() => handle(request.verify as Action, context, handlers));
  return outputs && !settles ? stepOutputs(outputs, output) : output;
}

function handle(action: Action, context: AttemptContext, handlers: Handlers): Promise<Json> {
  const handler = handlers[action.kind] as Handler<ActionKind>;
  return handler(action, context);
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
