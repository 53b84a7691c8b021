import {
  type ApplicationFailure,
  CancellationScope,
  CancelledFailure,
  isCancellation,
  makeContinueAsNewFunc,
  setDefaultSignalHandler,
  setHandler,
  workflowInfo,
} from '@temporalio/workflow';
import type { RunbookSpec } from '../../language/runbook.js';
import type { Json, JsonObject } from '../../language/json.js';
import type { RunSettings } from '../../common/admission.js';
import type { StartEnvelope, Verdict } from '../../common/envelope.js';
import { initialView } from '../../common/initial-view.js';
import { messageNames } from '../../common/defaults.js';
import { decisionView } from '../../common/decision-view.js';
import { letsGoOn } from '../../common/judgement.js';
import { isCarried, startEnvelopeProblem } from '../../common/shapes.js';
import { uiLink } from '../../common/ui-link.js';
import type { Problem, RunState, RunView } from '../../common/view.js';
import {
  borderSignal,
  decideSignal,
  lostSignal,
  movedSignal,
  statusQuery,
  verdictQuery,
} from '../messages.js';
import { platformActivities } from './activities.js';
import type { Carried, Ending } from './carried.js';
import { Control } from './control.js';
import { Inbox, type InboxOwner } from './inbox.js';
import { asFailure, GateRejected, ProcedureStopped, StepFailed, TargetRefused } from './outcome.js';
import { recordRefusal, thisWorkflow, type Refused } from './refusal.js';
import { Rollback } from './rollback.js';
import { LiveRun, type Entry } from './live-run.js';
import { Steps } from './steps.js';
import { Run } from './surface.js';

/** @param engine does steps by their paths; for the interpreter of plans */
export type Procedure = (run: Run, engine: Steps) => Promise<void>;

/** What the workflow returns to whoever waits for its result. */
export interface RunResult {
  state: RunState;
  outputs: JsonObject;
}

/** Decisions kept for `status`; older ones stay in the record. */
const decisionsShown = 100;

/**
 * Makes a Temporal workflow of a runbook: `spec` declares its steps (null: its plan does),
 * `procedure` orders them. A run from start to end: handlers, admission, procedure, rollback where
 * needed, the last save; and, when its history has grown long, the next execution at a border.
 * @param onFailure what to do with the changes made when a step fails for good
 */
export function runbook(
  spec: RunbookSpec | null,
  procedure: Procedure,
  onFailure: (run: Run) => 'leave' | 'rollback' = () => 'leave',
) {
  return async (argument: unknown): Promise<RunResult> => {
    const inbox = new Inbox();
    let run: LiveRun | undefined;
    // Before the first await: a signal or query may arrive with the very first task.
    setHandler(decideSignal, (payload: unknown) => inbox.receive('decide', payload));
    setHandler(borderSignal, () => {
      inbox.note(messageNames.border);
      run?.turn.requestBorder();
    });
    // Its workflow task alone makes open gates compare the code: nothing else to do.
    setHandler(movedSignal, () => inbox.note(messageNames.moved));
    setHandler(lostSignal, () => {
      inbox.note(messageNames.lost);
      run?.losses.suspect();
    });
    setDefaultSignalHandler((name: string, ...payload: unknown[]) =>
      inbox.receive(name, payload[0]),
    );
    setHandler(verdictQuery, (decision: string) => inbox.verdict(decision));
    setHandler(statusQuery, (): RunView => {
      if (run) return run.board.view;
      throw new Error('the run is not admitted yet');
    });

    const entry =
      readCarried(argument) ?? (await admitted(argument, spec?.id ?? workflowInfo().workflowType));
    const live = (run = new LiveRun(entry, inbox));
    const execution = new Execution(live, inbox, procedure, onFailure);
    const last = await Promise.race([execution.result(), execution.border()]);
    if (last !== 'border') return last;
    return continueAs(live.carry(execution.rollbackState));
  };
}

/** One execution, from the procedure's first step to the last save. */
class Execution {
  /** Set once changes are being undone. */
  private ending: Ending | null;
  private readonly scope = new CancellationScope();
  private readonly steps: Steps;
  private readonly surface: Run;
  private readonly rollback: Rollback;
  private readonly control: Control;
  private readonly answering: Promise<void>;

  constructor(
    private readonly run: LiveRun,
    private readonly inbox: Inbox,
    private readonly procedure: Procedure,
    private readonly onFailure: (run: Run) => 'leave' | 'rollback',
  ) {
    this.ending = run.rollbackCarried?.ending ?? null;
    this.steps = new Steps(run);
    this.surface = new Run(this.steps);
    this.rollback = new Rollback(run);
    this.control = new Control(run, this.rollback, () => this.scope.cancel());
    this.answering = CancellationScope.nonCancellable(() => inbox.pump(ownerOf(run, this.control)));
  }

  /**
   * Set as soon as the run has to end, or its procedure is over: the next execution does not start
   * the procedure again.
   */
  get rollbackState(): Carried['rollback'] {
    const ending =
      this.ending ?? (this.control.isEnding ? afterDrill(this.run, this.control.ending()) : null);
    return ending && { ending, undos: this.run.undos.whenEnding, failed: this.run.notUndone };
  }

  border(): Promise<'border'> {
    return CancellationScope.nonCancellable(() => this.run.turn.border());
  }

  async result(): Promise<RunResult> {
    const { run } = this;
    const ending = this.ending ?? afterDrill(run, await this.endingOf());
    // Some are of an earlier execution, and this one ended before it came to them.
    run.questions.closeAll();
    await CancellationScope.nonCancellable(async () => {
      if (ending.rollback) await run.questions.saveClosed(this.control.isEnding);
      const problem = ending.rollback ? await this.rollBack(ending) : ending.problem;
      run.turn.close();
      run.board.close(ending.state, withChangesLeft(problem, ending, run));
      this.inbox.close();
      await this.answering;
      await run.save();
    });
    return result(run);
  }

  /**
   * Runs the procedure and says how it ended. Errors that the engine does not know are bugs: they
   * fail the workflow task.
   */
  private async endingOf(): Promise<Ending> {
    const { run } = this;
    try {
      await this.scope.run(async () => {
        await run.acquireTargets();
        await this.procedure(this.surface, this.steps);
      });
      return {
        state: run.exceptions.length > 0 ? 'succeeded-with-exceptions' : 'succeeded',
        problem: null,
        rollback: false,
      };
    } catch (error) {
      if (isCancellation(error)) return this.control.ending();
      if (error instanceof TargetRefused)
        return { state: 'failed', problem: error.problem, rollback: false };
      if (error instanceof GateRejected)
        return { state: 'rejected', problem: error.problem, rollback: true };
      if (error instanceof StepFailed || error instanceof ProcedureStopped) {
        const chosen = error instanceof StepFailed ? error.chosenEnding : null;
        const rollback =
          chosen === null ? this.onFailure(this.surface) === 'rollback' : chosen === 'rollback';
        return {
          state: rollback && !run.undos.empty ? 'rolled-back' : 'failed',
          problem: error.problem,
          rollback,
        };
      }
      throw error;
    }
  }

  private async rollBack(ending: Ending): Promise<Problem | null> {
    const { run } = this;
    this.ending = ending;
    await this.rollback.undoAll();
    const left = [
      ...run.notUndone,
      ...run.undos.paths.filter((path) => !run.notUndone.includes(path)),
    ];
    if (left.length === 0) return ending.problem;
    const { type, message } = ending.problem ?? drillSucceeded;
    if (ending.state !== 'rejected' && ending.state !== 'cancelled') ending.state = 'failed';
    return {
      type,
      message: `${message}; could not be undone: ${left.join(', ')}`,
      next: 'Undo these steps by hand.',
    };
  }
}

/** The problem of a drill that succeeded but could not be removed completely. */
const drillSucceeded: Problem = { type: 'ProcedureStopped', message: 'the drill went well' };

/** A drill leaves nothing behind, however it ended. */
function afterDrill<E extends Ending>(run: LiveRun, ending: E): E {
  return run.plan.drill ? { ...ending, rollback: true } : ending;
}

/** Names the changes that stay when a run ends early. */
function withChangesLeft(problem: Problem | null, ending: Ending, run: LiveRun): Problem | null {
  if (!problem || ending.state === 'failed') return problem;
  const left = run.board.changesLeft();
  if (left.length === 0) return problem;
  return { ...problem, message: `${problem.message}; left as they are: ${left.join(', ')}` };
}

/** Continues the run as new with this execution's state. */
function continueAs(carried: Carried): Promise<never> {
  const { view } = carried;
  const next = makeContinueAsNewFunc<(carried: Carried) => Promise<RunResult>>({
    // A run moves to the current version of the code at a border; without this it stays on the
    // version that started it.
    initialVersioningBehavior: 'AUTO_UPGRADE',
    // Temporal does not hand over an upserted memo by itself.
    memo: {
      runbook: view.runbook,
      requester: view.requester,
      reason: view.reason,
      approve: carried.published.command,
    },
  });
  return next(carried);
}

/**
 * Ends the workflow as completed, failed or cancelled, so that Temporal's own lists are right too.
 */
function result(run: LiveRun): RunResult {
  const { state, outputs, problem } = run.board.view;
  // Only after a cancellation by Temporal: otherwise it would show this error as a failure.
  if (state === 'cancelled' && CancellationScope.current().consideredCancelled)
    throw new CancelledFailure('the run was cancelled');
  if (state === 'failed' || state === 'rolled-back')
    throw asFailure(problem as Problem, run.entry.settings.command);
  return { state, outputs };
}

function ownerOf(run: LiveRun, control: Control): InboxOwner {
  const note = (received: Json, verdict: Verdict, at: string): void => {
    const decisions = run.board.view.decisions;
    decisions.push(decisionView(received, verdict, at));
    if (decisions.length > decisionsShown) decisions.shift();
  };
  return {
    until: (met) => run.turn.until(met),
    facts: () => ({
      key: run.key,
      requester: run.envelope.by,
      sender: run.envelope.sender,
      questions: run.questions.facts(),
      ended: run.board.view.endedAt !== null,
      life: control.facts(),
    }),
    judge: async (request) => (await platformActivities.judge(request)).verdicts,
    apply: (decision, verdict, at) => {
      note(decision as unknown as Json, verdict, at);
      run.unconfirmed.decided(decision.id);
      if (decision.about) run.questions.decide(decision.about, decision);
      else control.apply(decision);
    },
    refused: (received, verdict, at) => {
      note(received, verdict, at);
      // Perhaps because of a lost target that the question does not tell of.
      if (verdict.code === 'not-possible' && letsGoOn(received, run.questions.facts()))
        run.losses.suspect();
    },
  };
}

/** Asks for admission. @throws ApplicationFailure with the reasons for a refusal */
async function admitted(argument: unknown, runbookId: string): Promise<Entry> {
  const about = thisWorkflow(runbookId);
  const { key, startedAt } = about;
  const why = whyNotOf(argument, runbookId);
  if (why !== null) throw await refused(why, argument, about);
  const envelope = argument as StartEnvelope;
  const admission = await CancellationScope.nonCancellable(() =>
    platformActivities.admit({ version: 1, key, envelope, startedAt }),
  );
  if (!admission.admitted) throw asFailure(admission.problem);
  const { plan, settings, held = [], taken = [] } = admission;
  const view = initialView(key, envelope, plan, startedAt, linkTo(settings));
  return { key, envelope, plan, settings, view, held, taken, carried: null };
}

/**
 * Reads the carried state, where Temporal says that there was a previous execution. A cron schedule
 * that somebody else made says so too, with any state: no effect comes of it, because the record
 * does not know that run.
 */
function readCarried(argument: unknown): Entry | undefined {
  const carried = argument as Carried;
  if (workflowInfo().continuedFromExecutionRunId === undefined || !isCarried(argument))
    return undefined;
  const { key, envelope, plan, settings, view } = carried;
  return { key, envelope, plan, settings, view: { ...view, uiUrl: linkTo(settings) }, carried };
}

function linkTo(settings: RunSettings): string | null {
  const { namespace, workflowId, runId } = workflowInfo();
  return settings.uiUrl && uiLink(settings.uiUrl, namespace, workflowId, runId);
}

/** Why the run cannot start with this argument, as the end of a sentence; null when it can. */
function whyNotOf(argument: unknown, runbookId: string): string | null {
  const why = startEnvelopeProblem(argument);
  if (why !== null) return why;
  const { verb, runbook } = argument as StartEnvelope;
  if (verb !== 'start') return `its verb is ${verb}`;
  return runbook === runbookId ? null : 'it names another runbook';
}

/**
 * Refuses and records a start with anything but a start envelope, before anything is done.
 */
async function refused(
  why: string,
  argument: unknown,
  about: Refused,
): Promise<ApplicationFailure> {
  const { runbook } = about;
  const problem: Problem = {
    type: 'Refused',
    message: `a run of ${runbook} was started with something that is no start envelope: ${why}`,
    next: 'Start it',
    command: `start ${runbook}`,
  };
  await recordRefusal(about, argument, problem);
  return asFailure(problem);
}
