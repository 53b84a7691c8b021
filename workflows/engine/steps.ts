import { isCancellation } from '@temporalio/workflow';
import type { DecisionEnvelope } from '../../common/envelope.js';
import { isRefusedStart } from '../../common/failures.js';
import { gateFor } from '../../common/gate-before.js';
import { probePath } from '../../language/paths.js';
import type { Problem, StepView } from '../../common/view.js';
import type { Json, JsonObject } from '../../language/json.js';
import type { StepSpec } from '../../language/runbook.js';
import { Attempts, timeOf, type Work } from './attempts.js';
import { Budgets } from './budgets.js';
import { aboutFailure, aboutManual, aboutUndecided, type DeskQuestion } from './desk-questions.js';
import type { GateQuestion } from './gates.js';
import { passGuards } from './guards.js';
import { cancelledWhileItWaited, ProcedureStopped, StepFailed } from './outcome.js';
import { forCode } from './outputs.js';
import type { LiveRun } from './live-run.js';
import { StepUndos } from './step-undos.js';

/** Limit of the probe whether a reused result still holds, in milliseconds. */
const probeMs = 30_000;

/**
 * Does the steps of a plan, durably: guards, undo registered first, attempts with back-off, the
 * desk on failure, state. The caller names each by its path, declaration and declared path.
 */
export class Steps {
  private readonly attempts: Attempts;
  private readonly undos: StepUndos;
  readonly budgets = new Budgets();

  constructor(readonly run: LiveRun) {
    this.attempts = new Attempts(run);
    this.undos = new StepUndos(run);
  }

  /** Does a step anywhere in the plan. @param top its declared path */
  async perform(path: string, spec: StepSpec, top: string, work: Work): Promise<Json> {
    const before = this.run.gates.count(gateFor(spec, top, this.run.plan), top);
    const settled = this.run.board.settled(path);
    if (settled && (await this.stillHolds(settled, spec, work))) {
      this.undos.begun(path, spec, work);
      return this.guarded(path, this.resultOf(settled, spec));
    }
    const row = this.run.board.row(path, spec);
    // A step whose question the previous execution left open asks again; it does not run again.
    let begun = this.run.desk.asked(path) > 0;
    if (begun) this.undos.begun(path, spec, work);
    for (;;) {
      let problem =
        this.run.desk.open(path) ??
        (this.run.desk.asked(path) === 0 ? leftUnknown(row) : undefined);
      if (!problem) {
        await passGuards({ step: spec, top, work, before }, this.run);
        if (!begun) this.undos.begun(path, spec, work);
        begun = true;
        delete row.takenFrom;
        this.run.board.begin(row);
        const outcome = await this.attempts.oneRound(path, spec, row, work);
        if ('output' in outcome) {
          this.run.outputs.add(path, outcome.output);
          return this.guarded(path, outcome.output);
        }
        problem = outcome.problem;
        if (this.reopensGate(spec, top, row, problem)) continue;
        if (this.failsItem(spec, row, problem)) throw new StepFailed(path, problem, null);
        const policy = this.failurePolicy(spec, problem);
        if (policy !== 'ask') return this.applyPolicy(policy, row, problem);
      }
      const asked = { ...aboutFailure(spec, problem), ...this.run.decidersFor(path) };
      const decision = await this.run.desk.ask(path, spec, row, asked);
      if (decision.verb !== 'retry') {
        const output = this.applyDecision(decision, row, problem);
        // It had begun in the run that this one was started from.
        if (!begun && decision.verb === 'done') this.undos.begun(path, spec, work);
        return output;
      }
      this.run.board.programsChanged(this.run.programs.accept(path));
      if (decision.inputs) await this.run.changeInputs(decision.inputs);
    }
  }

  /**
   * Asks people about a step whose condition or value cannot be evaluated.
   * @param why what is not known, as the end of a title
   * @returns null when it is to be evaluated again
   * @throws StepFailed
   */
  undecided(
    path: string,
    spec: StepSpec,
    problem: Problem,
    why?: string,
  ): Promise<{ output: Json } | null> {
    return this.stopAt(path, spec, problem, aboutUndecided(spec, problem, why));
  }

  /** A step of the runbook that fails by itself; as `undecided`. @throws StepFailed */
  fail(path: string, spec: StepSpec, problem: Problem): Promise<{ output: Json } | null> {
    return this.stopAt(path, spec, problem, aboutFailure(spec, problem));
  }

  private async stopAt(
    path: string,
    spec: StepSpec,
    problem: Problem,
    question: DeskQuestion,
  ): Promise<{ output: Json } | null> {
    const { board, desk } = this.run;
    const before = board.settled(path);
    if (before) {
      this.undos.doneByHand(spec, before);
      return { output: this.resultOf(before, spec) };
    }
    const row = board.row(path, spec);
    if (!desk.open(path)) board.begin(row);
    const policy = this.failurePolicy(spec, problem);
    if (policy !== 'ask') return { output: this.applyPolicy(policy, row, problem) };
    const decision = await desk.ask(path, spec, row, question);
    if (decision.verb !== 'retry') {
      const output = this.applyDecision(decision, row, problem);
      this.undos.doneByHand(spec, row);
      return { output };
    }
    // With changed inputs the next execution evaluates it.
    if (decision.inputs && (await this.run.changeInputs(decision.inputs)))
      await this.run.turn.until(() => false);
    return null;
  }

  /** Does a `manual` step anywhere in the plan. @param top its declared path */
  async byHand(
    path: string,
    spec: StepSpec,
    top: string,
    instructions: string,
    evidence: JsonObject,
  ): Promise<Json> {
    const before = this.run.board.settled(path);
    if (before) return this.resultOf(before, spec);
    const row = this.run.board.row(path, spec);
    if (!this.run.desk.open(path)) {
      await passGuards({ step: spec, top, before: 0 }, this.run);
      this.run.board.begin(row, 'waiting');
    }
    const asked = aboutManual(spec, instructions, evidence);
    const decision = await this.run.desk.ask(path, spec, row, asked);
    return this.applyDecision(decision, row, {
      type: 'Manual',
      message: `not done by hand: ${decision.reason}`,
    });
  }

  /**
   * Lets time pass. What is left of it survives the worker and a border, and goes by in a paused
   * run, too: what follows begins when that is resumed.
   */
  async wait(path: string, spec: StepSpec, until: Until): Promise<Json> {
    const { board, turn } = this.run;
    const before = board.settled(path);
    if (before) return this.resultOf(before, spec);
    const row = board.row(path, spec);
    if (row.state !== 'waiting') {
      await turn.waitToBegin();
      board.begin(row, 'waiting');
    }
    const end = 'at' in until ? until.at : Date.parse(row.startedAt as string) + until.forMs;
    row.output = `until ${new Date(end).toISOString()}`;
    try {
      for (let left = end - Date.now(); left > 0; left = end - Date.now())
        await turn.until(() => false, { ms: left, summary: `${path}: ${row.output}` });
    } catch (error) {
      board.end(row, 'skipped', { error: cancelledWhileItWaited });
      throw error;
    }
    board.end(row, 'succeeded');
    return row.output;
  }

  /** Does a `decide` step anywhere in the plan. */
  choose<T extends Json>(path: string, spec: StepSpec, choose: () => T): T {
    const before = this.run.board.settled(path);
    if (before?.state === 'succeeded' || before?.state === 'done-by-hand')
      return before.output as T;
    const row = this.run.board.row(path, spec);
    this.run.board.begin(row);
    try {
      const output = choose();
      this.run.board.end(row, 'succeeded', { output });
      return output;
    } catch (error) {
      if (error instanceof ProcedureStopped)
        this.run.board.end(row, 'failed', { error: error.problem });
      throw error;
    }
  }

  /** The same for a step anywhere in the plan. */
  markNotNeeded(path: string, spec: StepSpec, why: string): void {
    this.run.gates.waive(path, this.run.plan.drill === true);
    if (this.run.board.settled(path)) return;
    const row = this.run.board.row(path, spec);
    this.run.board.begin(row);
    this.run.board.end(row, 'not-needed', { output: why });
  }

  /** Waits at a declared gate. @returns null in a drill that nobody attends @throws GateRejected */
  async gate(id: string, question: GateQuestion): Promise<DecisionEnvelope | null> {
    if (this.run.plan.drill && this.run.envelope.unattended) {
      this.markNotNeeded(
        id,
        this.run.gates.specOf(id),
        'nobody attends this drill, and it changes isolated targets only',
      );
      return null;
    }
    const changed = this.run.entry.carried?.changedInputs;
    const evidence = changed
      ? { 'inputs changed since the last approval': changed, ...question.evidence }
      : question.evidence;
    return this.run.gates.ask(id, { ...question, evidence });
  }

  /** Does the parts and shows them as one step. */
  async group<T>(path: string, spec: StepSpec, parts: () => Promise<T>): Promise<T> {
    if (this.run.board.settled(path)?.state === 'succeeded') return parts();
    const row = this.run.board.row(path, spec);
    this.run.board.begin(row);
    try {
      const outputs = await parts();
      this.run.board.end(row, 'succeeded');
      return outputs;
    } catch (error) {
      // Every error that ends a procedure on purpose has a problem.
      this.run.board.end(row, isCancellation(error) ? 'skipped' : 'failed', {
        error: (error as Partial<StepFailed>).problem,
      });
      if (!isCancellation(error)) await this.run.questions.saveClosed();
      throw error;
    }
  }

  /**
   * Reopens the gate when nothing was started because its approval does not count any more, or
   * because a program differs from the approved one: the gate then shows the present one. Without
   * an approval, the desk asks instead.
   */
  private reopensGate(spec: StepSpec, top: string, row: StepView, problem: Problem): boolean {
    const gate = gateFor(spec, top, this.run.plan);
    if (gate === undefined || !this.run.gates.canReopen(gate)) return false;
    if (problem.type === 'ApprovalOutdated') this.run.gates.outdate(gate);
    else if (problem.type !== 'ProgramChanged' || !this.run.programs.hasRefused(row.id))
      return false;
    this.run.board.programsChanged(this.run.programs.accept(row.id));
    this.run.board.begin(row, 'waiting');
    this.run.board.showProblem(row, problem);
    return true;
  }

  /**
   * Probes a result reused from a dead run, where the step has a `check`; a step that has drifted
   * is done again. Results of this run always hold.
   */
  private async stillHolds(row: StepView, spec: StepSpec, work: Work): Promise<boolean> {
    if (row.takenFrom === undefined || !work.check || row.state !== 'succeeded') return true;
    const path = probePath(row.id);
    if (this.run.board.view.drifted?.includes(row.id)) return false;
    if (this.run.board.view.probed?.includes(row.id)) return true;
    await this.run.turn.waitToBegin();
    const probe: StepSpec = {
      ...spec,
      kind: 'check',
      effect: 'read',
      title: `Look again: ${spec.title}`,
      retry: { attempts: 1 },
    };
    try {
      const builds = this.run.unconfirmed.namedBy(path);
      const asked = { action: work.check, timeoutMs: probeMs, ...timeOf(work) };
      await this.attempts.attempt(path, probe, asked, builds);
      this.run.board.view.probed = [...(this.run.board.view.probed ?? []), row.id];
      return true;
    } catch (error) {
      if (isCancellation(error)) throw error;
      this.run.board.view.drifted = [...(this.run.board.view.drifted ?? []), row.id];
      return false;
    }
  }

  /** Ends the step where its item may fail, and with it the item: then nobody is asked. */
  private failsItem(spec: StepSpec, row: StepView, problem: Problem): boolean {
    const isOwn = spec.onFailure !== undefined && spec.onFailure !== 'ask';
    if (isOwn || isOpen(spec, problem) || isRefusedStart(problem.type)) return false;
    if (!this.budgets.take(row.id)) return false;
    this.run.board.end(row, 'failed', { error: problem });
    return true;
  }

  /** Ends a failed step by its policy, without asking anybody. @throws StepFailed */
  private applyPolicy(policy: Exclude<Policy, 'ask'>, row: StepView, problem: Problem): null {
    if (policy === 'continue') return this.skip(row, problem);
    this.run.board.end(row, 'failed', { error: problem });
    throw new StepFailed(row.id, problem, policy === 'rollback' ? 'rollback' : null);
  }

  /**
   * What to do about a failed step. An unknown outcome always asks, unless the run is unattended,
   * and so does a check that cannot be told. So does a step that may fail and was not let begin:
   * the record does not say that it was tried.
   */
  private failurePolicy(spec: StepSpec, problem: Problem): Policy {
    const { onFailure = 'ask' } = spec;
    const isUntried = onFailure === 'continue' && isRefusedStart(problem.type);
    // What a worker could not take for an answer is none.
    const declared = isOpen(spec, problem) || isUntried || isAnswer(onFailure) ? 'ask' : onFailure;
    return declared === 'ask' ? (this.run.envelope.unattended ?? 'ask') : declared;
  }

  /** Ends a failed step as people decided; `retry` is handled before. */
  private applyDecision(decision: DecisionEnvelope, row: StepView, problem: Problem): Json {
    switch (decision.verb) {
      case 'skip':
        return this.skip(row, problem);
      case 'done':
        this.run.board.end(row, 'done-by-hand', { output: decision.outputs ?? null });
        this.undos.leaveToPeople(row);
        return decision.outputs ?? null;
      default:
        this.run.board.end(row, 'failed', { error: problem });
        throw new StepFailed(row.id, problem, decision.verb === 'rollback' ? 'rollback' : 'abort');
    }
  }

  /** Guards an output against reads of truncated fields; the interpreter checks each reference. */
  private guarded(path: string, output: Json): Json {
    return this.run.plan.data ? output : forCode(path, output);
  }

  private skip(row: StepView, problem: Problem): null {
    this.run.board.end(row, 'skipped', { error: problem });
    this.run.exceptions.push(row.id);
    return null;
  }

  /** The result of a step that was settled earlier. */
  private resultOf(row: StepView, spec: StepSpec): Json {
    if (row.state === 'failed') {
      this.budgets.note(row.id);
      const declared = this.failurePolicy(spec, row.error as Problem) === 'rollback';
      const ending = this.run.desk.chosenEnding(row.id) ?? (declared ? 'rollback' : null);
      throw new StepFailed(row.id, row.error as Problem, ending);
    }
    if (row.state === 'skipped') this.run.exceptions.push(row.id);
    return row.output;
  }
}

/** What has become of it cannot be told. */
function isOpen({ kind }: StepSpec, { type }: Problem): boolean {
  return type === 'OutcomeUnknown' || (kind === 'check' && type === 'Inconclusive');
}

/** When a wait ends, in milliseconds: since it began, or since 1970. */
export type Until = { forMs: number } | { at: number };

type OnFailure = NonNullable<StepSpec['onFailure']>;
type Policy = Exclude<OnFailure, 'capture' | 'end'>;

function isAnswer(onFailure: OnFailure): onFailure is 'capture' | 'end' {
  return onFailure === 'capture' || onFailure === 'end';
}

/** The problem of a step that began in a dead run and whose outcome there is unknown. */
function leftUnknown(row: StepView): Problem | undefined {
  if (row.takenFrom === undefined || row.state !== 'unknown') return undefined;
  return {
    type: 'OutcomeUnknown',
    message: `run ${row.takenFrom} ended while this step was under way`,
    next: 'Find out whether it was done, then say so.',
  };
}
